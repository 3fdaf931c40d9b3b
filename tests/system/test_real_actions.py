"""What a check asks for when a real service fails: a restart, less priority, a report.

One cluster: each node has a Redis that is restarted where it fails, and an nginx whose two pages
cost priority and a line in the log.
"""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import pytest

from tests.system.cluster import SystemCluster, run_cluster
from tests.system.operating import quorumdog
from tests.system.prober import Story, story
from tests.system.programs import Nginx, put_redis_script, redis_fleet, redis_pid
from tests.system.services import (
    Fleet,
    check,
    comes_back,
    moved_once,
    nothing_moves,
    served_by,
    started,
)

pytestmark = pytest.mark.root
RESTARTS: Final = 2
CHECKS: Final = f"""
[check.redis]
on_fail = "restart"
restart = ["{{home}}/restart"]
restarts = {RESTARTS}
[[check.redis.probe]]
kind = "process"
pidfile = "{{home}}/redis.pid"
[[check.redis.probe]]
kind = "tcp"
tcp = "127.0.0.1:6379"
send = "PING\\r\\n"
expect = '^\\+PONG'
every = "1s"
timeout = "1s"

[check.health]
http = "http://127.0.0.1/health"
every = "1s"
timeout = "1s"
fails = 2
rises = 1
on_fail = "priority:-2"

[check.report]
http = "http://127.0.0.1/report"
every = "1s"
timeout = "1s"
fails = 2
rises = 1
on_fail = "report"
"""


@dataclass(frozen=True)
class Site:
    """A cluster whose nodes run both."""

    cluster: SystemCluster
    redis: Fleet
    nginx: Nginx


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """Three nodes of equal priority; every test leaves them well."""
    equal = dict.fromkeys(("alpha", "beta", "gamma"), "priority = 5")
    with run_cluster(3, start=False, nodes=equal, tables=CHECKS) as cluster:
        redis, nginx = redis_fleet(cluster), Nginx(cluster)
        for name in cluster.names:
            put_redis_script(cluster, name, "restart")
        with started(cluster, redis, nginx.fleet):
            yield Site(cluster, redis, nginx)
            cluster.expect_one_holder()


def test_a_dead_redis_is_started_again_where_it_was_until_restarts_are_used_up(
    site: Site,
) -> None:
    """A restart moves nothing; after the last of them the VIP does."""
    cluster, redis = site.cluster, site.redis
    with story(cluster) as told:
        sick = told.leader
        for count in range(1, RESTARTS + 1):
            _kill(told, sick)
            told.wait("a restart", partial(_has_restarted, told, sick, count))
            told.wait("the check is up", lambda: check(cluster, sick, "redis")["verdict"] == "up")
            served_by(told, redis, sick)
            assert cluster.wait_healthy() == sick
            nothing_moves(told)
        _kill(told, sick)
        following = cluster.wait_coordinator(other_than=sick)
        served_by(told, redis, following)
        assert _has_restarted(told, sick, RESTARTS)
        assert f"(after {RESTARTS} restarts)" in cluster.status(sick)["unfit"]
        redis.start(sick)
        comes_back(told, sick, following)
        moved_once(told, sick, following)
        assert quorumdog(cluster, sick, "check", "reset", "redis").returncode == 0


def test_a_failure_that_costs_priority_moves_the_vip_and_its_end_does_not(site: Site) -> None:
    """Worse, not broken: the node stays fit, and is not preferred."""
    cluster, nginx = site.cluster, site.nginx
    with story(cluster) as told:
        worse = told.leader
        mend = nginx.fleet.killed(worse)
        try:
            following = cluster.wait_coordinator(other_than=worse)
            served_by(told, nginx.fleet, following)
            assert cluster.status(following)["last_move"]["reason"] == "priority lowered"
            assert cluster.status(worse)["unfit"] == ""
        finally:
            mend()
        comes_back(told, worse, following)
        moved_once(told, worse, following)


def test_a_failure_that_is_only_reported_never_moves_the_vip(site: Site) -> None:
    """It is in `status` and in the log."""
    cluster, nginx = site.cluster, site.nginx
    with story(cluster) as told:
        name = told.leader
        nginx.answers(name, report=500)
        try:
            told.wait(
                "the check is down", lambda: check(cluster, name, "report")["verdict"] == "down"
            )
            shown = quorumdog(cluster, name, "status")
            assert shown.returncode == 1
            assert "/report answered 500" in shown.stdout
            assert "event=check_down" in told.log(name)
            nothing_moves(told)
        finally:
            nginx.answers(name)
        assert cluster.wait_healthy() == name
        nothing_moves(told)


def _kill(told: Story, name: str) -> None:
    pid = redis_pid(told.cluster, name)
    assert pid is not None
    told.cluster.mark(f"{name}: SIGKILL redis")
    os.kill(pid, signal.SIGKILL)


def _has_restarted(told: Story, name: str, count: int) -> bool:
    return told.log(name).count("event=restart_started") == count
