"""A Redis that runs only where the VIP is: the escalation hook starts it, the other one ends it.

Rule of `when = "escalated"`: its death ends the tenure, its absence is nothing against a standby,
and its end on the way off is nobody's fault.
"""

import os
import signal
from collections.abc import Iterator
from functools import partial
from typing import Final

import pytest

from tests.system.cluster import SystemCluster, run_cluster
from tests.system.operating import quorumdog
from tests.system.prober import Story, story
from tests.system.programs import ask_redis, put_redis_script, put_script, redis_pid
from tests.system.services import PATIENCE_S, check, comes_back, home, moved_once, row
from watchdog.cli.demo.lab import VIP

pytestmark = pytest.mark.root
TABLES: Final = """
[hooks]
escalation = "{home}/up"
de_escalation = "{home}/down"
de_escalation_timeout = "1s"

[check.redis]
when = "escalated"
[[check.redis.probe]]
kind = "process"
pidfile = "{home}/redis.pid"
[[check.redis.probe]]
kind = "tcp"
tcp = "127.0.0.1:6379"
send = "PING\\r\\n"
expect = '^\\+PONG'
every = "1s"
timeout = "1s"
fails = 3
"""
SWITCHOVERS: Final = 3


@pytest.fixture(scope="module")
def cluster() -> Iterator[SystemCluster]:
    """Three nodes, of which one runs Redis; what hooks started ends with the nodes."""
    with run_cluster(3, start=False, tables=TABLES) as made:
        for name in made.names:
            put_redis_script(made, name, "up")
            pidfile = home(made, name) / "redis.pid"
            put_script(home(made, name) / "down", f'read -r pid < {pidfile} && kill "$pid" || true')
        made.cluster.start_all()
        made.wait_healthy()
        yield made
        made.expect_one_holder()


def test_a_service_that_dies_where_the_vip_is_takes_the_vip_with_it(cluster: SystemCluster) -> None:
    """The lead moves, and the hook starts the service there; who had none was always fit."""
    with story(cluster) as told:
        sick = told.leader
        served(told, sick)
        _runs_only_on(told, sick)
        pid = redis_pid(cluster, sick)
        assert pid is not None
        cluster.mark(f"{sick}: SIGKILL redis")
        os.kill(pid, signal.SIGKILL)
        following = cluster.wait_coordinator(other_than=sick)
        served(told, following)
        assert cluster.status(following)["last_move"]["reason"].startswith("unhealthy: redis: ")
        comes_back(told, sick, following)
        _runs_only_on(told, following)
        moved_once(told, sick, following)


def test_a_switchover_is_not_disturbed_by_the_service_that_it_ends(cluster: SystemCluster) -> None:
    """The service dies while its node still stands down: no reason against anybody."""
    for _ in range(SWITCHOVERS):
        with story(cluster) as told:
            giver, taker = told.leader, told.others[0]
            served(told, giver)
            # Who has just given up the lead may be taken for fit again only a moment later.
            told.wait("the switchover is accepted", partial(_switches, cluster, giver, taker))
            served(told, taker)
            comes_back(told, giver, taker)
            moved_once(told, giver, taker)
            for name in cluster.names:
                assert "event=unhealthy" not in told.log(name)
                assert "unhealthy: " not in told.log(name)


def _switches(cluster: SystemCluster, giver: str, taker: str) -> bool:
    return quorumdog(cluster, giver, "switchover", "--to", taker).returncode == 0


def served(told: Story, name: str) -> None:
    """Wait until the Redis of this node answers on the VIP, and its check is up."""
    told.wait(f"{name} serves", lambda: ask_redis(told.cluster, VIP) == name, PATIENCE_S)
    told.wait("the check is up", lambda: check(told.cluster, name, "redis")["verdict"] == "up")


def _runs_only_on(told: Story, name: str) -> None:
    cluster = told.cluster
    for other in cluster.names:
        if other != name:
            assert ask_redis(cluster, cluster.lab.places[other].address) == ""
            assert check(cluster, other, "redis")["verdict"] == "disarmed"
            assert row(cluster, name, other)["eligible"]
            assert cluster.status(other)["unfit"] == ""
