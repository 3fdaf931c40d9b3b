"""nginx and Redis behind the VIP: killed, stopped and badly configured on the node that serves.

Each fault is seen by the probe that people would configure for it, at a pace that suits a test.
A stopped service still accepts connections, by its kernel: only the answer that does not come
shows it.
"""

from collections.abc import Callable, Iterator, Mapping
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
NGINX: Final = """
[check.nginx]
http = "http://127.0.0.1/health"
body = "^[a-z]+$"
every = "1s"
timeout = "1s"
fails = 2
rises = 1
"""
REDIS: Final = """
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
    """A cluster whose nodes run one program; `faults` by what is done to it."""

    cluster: SystemCluster
    fleet: Fleet
    faults: Mapping[str, Callable[[str], Mend]]


@pytest.fixture(scope="module")
def nginx() -> Iterator[Site]:
    """Three nodes with an nginx each; every test leaves them well."""
    with run_cluster(3, start=False, tables=NGINX) as cluster:
        made = Nginx(cluster)
        fleet = made.fleet
        with started(cluster, fleet):
            faults = {"killed": fleet.killed, "stopped": fleet.stopped, "broken": made.broken}
            yield Site(cluster, fleet, faults)
            assert cluster.holders().most == 1


@pytest.fixture(scope="module")
def redis() -> Iterator[Site]:
    """Three nodes with a Redis each; every test leaves them well."""
    with run_cluster(3, start=False, tables=REDIS) as cluster:
        fleet = redis_fleet(cluster)
        with started(cluster, fleet):
            locked = partial(redis_locked, cluster)
            yield Site(
                cluster,
                fleet,
                {"killed": fleet.killed, "stopped": fleet.stopped, "broken": locked},
            )
            assert cluster.holders().most == 1


FAULTS: Final = ("killed", "stopped", "broken")


@pytest.mark.parametrize("fault", FAULTS)
def test_an_nginx_that_does_not_serve_loses_the_vip_to_one_that_does(
    nginx: Site, fault: str
) -> None:
    """SIGKILL, SIGSTOP, and a reload to a configuration that answers 500."""
    with story(nginx.cluster) as told:
        moves(told, nginx.fleet, nginx.faults[fault], "nginx: ")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_redis_that_does_not_answer_loses_the_vip_to_one_that_does(
    redis: Site, fault: str
) -> None:
    """SIGKILL, SIGSTOP, and a password that nobody was told."""
    with story(redis.cluster) as told:
        moves(told, redis.fleet, redis.faults[fault], "redis: ")


def test_nobody_leads_while_the_service_works_nowhere_and_each_node_says_why(redis: Site) -> None:
    """A VIP that leads to nothing helps nobody; the first whose service is back leads."""
    cluster, fleet = redis.cluster, redis.fleet
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
