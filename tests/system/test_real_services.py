"""nginx and Redis behind the VIP: killed, stopped and badly configured on the node that serves.

Each fault is seen by the probe that people would configure for it, at a pace that suits a test.
A stopped service still accepts connections, by its kernel: only the answer that does not come
shows it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import pytest

from tests.system.cluster import SystemCluster, run_cluster
from tests.system.operating import quorumdog
from tests.system.prober import Story, story
from tests.system.programs import Nginx, redis_fleet, redis_locked
from tests.system.services import Fleet, Mend, comes_back, moves, served_by, started

pytestmark = pytest.mark.root
CHECKS: Final = """
[check.nginx]
http = "http://127.0.0.1/health"
body = "^[a-z]+$"
every = "1s"
timeout = "1s"
fails = 2
rises = 1

[check.redis]
tcp = "127.0.0.1:6379"
send = "PING\\r\\n"
expect = '^\\+PONG'
every = "1s"
timeout = "1s"
fails = 2
rises = 1
"""


@dataclass(frozen=True)
class Site:
    """A cluster whose nodes run both programs; what breaks the configuration of each."""

    cluster: SystemCluster
    nginx: Fleet
    redis: Fleet
    nginx_broken: Callable[[str], Mend]
    redis_broken: Callable[[str], Mend]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """Three nodes with an nginx and a Redis each; every test leaves them well."""
    with run_cluster(3, start=False, tables=CHECKS) as cluster:
        nginx, redis = Nginx(cluster), redis_fleet(cluster)
        with started(cluster, nginx.fleet, redis):
            yield Site(cluster, nginx.fleet, redis, nginx.broken, partial(redis_locked, cluster))
            cluster.expect_one_holder()


@pytest.mark.parametrize("fault", ["killed", "stopped", "broken"])
def test_an_nginx_that_does_not_serve_loses_the_vip_to_one_that_does(
    site: Site, fault: str
) -> None:
    """SIGKILL, SIGSTOP, and a reload to a configuration that answers 500."""
    fleet = site.nginx
    faults = {"killed": fleet.killed, "stopped": fleet.stopped, "broken": site.nginx_broken}
    with story(site.cluster) as told:
        moves(told, fleet, faults[fault], "nginx: ")


@pytest.mark.parametrize("fault", ["killed", "stopped", "broken"])
def test_a_redis_that_does_not_answer_loses_the_vip_to_one_that_does(
    site: Site, fault: str
) -> None:
    """SIGKILL, SIGSTOP, and a password that nobody was told."""
    fleet = site.redis
    faults = {"killed": fleet.killed, "stopped": fleet.stopped, "broken": site.redis_broken}
    with story(site.cluster) as told:
        moves(told, fleet, faults[fault], "redis: ")


def test_nobody_leads_while_the_service_works_nowhere_and_each_node_says_why(site: Site) -> None:
    """A VIP that leads to nothing helps nobody; the first whose service is back leads."""
    cluster, fleet = site.cluster, site.redis
    with story(cluster) as told:
        for name in (*told.others, told.leader):
            fleet.kill(name)
        told.wait("nobody leads", lambda: all(_says_why(told, name) for name in cluster.names))
        assert told.holding() == set()
        for name in cluster.names:
            shown = quorumdog(cluster, name, "status")
            assert shown.returncode == 1, shown.stdout
            assert "connection refused by 127.0.0.1:6379" in shown.stdout
        first = told.others[-1]
        fleet.start(first)
        assert cluster.wait_coordinator() == first
        served_by(told, fleet, first)
        for name in cluster.names:
            if name != first:
                fleet.start(name)
        for name in cluster.names:
            if name != first:
                comes_back(told, name, first)


def _says_why(told: Story, name: str) -> bool:
    body = told.cluster.status(name)
    return body["coordinator"] is None and body["unfit"].startswith("redis: connection refused")
