"""A gateway that one node cannot reach, and one that nobody can: the first moves, the second not.

The gateway is the machine of the client; what it answers is dropped in a node's namespace, so the
nodes hear each other all the time.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Final

import pytest

from tests.system.cluster import SystemCluster, run_cluster
from tests.system.prober import Story, story
from tests.system.services import PATIENCE_S, comes_back, moved_once, nothing_moves, row
from watchdog.cli.demo.lab import CLIENT_ADDRESS, run

pytestmark = pytest.mark.root
TABLES: Final = f"""
[check.gateway]
ping = ["{CLIENT_ADDRESS}"]
"""
DEAF: Final = """
table inet deaf {
    chain input {
        type filter hook input priority 0; policy accept;
        icmp type echo-reply drop
    }
}
"""
ALARM: Final = "TARGETS_SILENT"


@pytest.fixture(scope="module")
def cluster() -> Iterator[SystemCluster]:
    """Three nodes that ask the client's machine."""
    with run_cluster(3, tables=TABLES) as made:
        yield made
        made.expect_one_holder()


@contextmanager
def deaf(cluster: SystemCluster, name: str) -> Iterator[None]:
    """No answer to a ping reaches this node."""
    nft = ["ip", "netns", "exec", cluster.lab.places[name].namespace, "nft"]
    run([*nft, "-f", "-"], DEAF)
    try:
        yield
    finally:
        run([*nft, "delete", "table", "inet", "deaf"])


def test_a_coordinator_leaves_that_alone_does_not_reach_the_gateway(
    cluster: SystemCluster,
) -> None:
    """It is asked to lead no more while another node has a way out; it votes on."""
    with story(cluster) as told:
        with deaf(cluster, told.leader):
            following = cluster.wait_coordinator(other_than=told.leader)
            reason = cluster.status(following)["last_move"]["reason"]
            assert reason.startswith("unhealthy: gateway: ")
            assert row(cluster, following, told.leader)["reachable"]
            assert cluster.status(told.leader)["unfit"].startswith("gateway: ")
        comes_back(told, told.leader, following)
        moved_once(told, told.leader, following)


def test_a_gateway_that_is_dead_for_everybody_moves_nothing_and_is_an_alarm(
    cluster: SystemCluster,
) -> None:
    """The coordinator is the first to lose it and the last to have it back: no reason to move."""
    with story(cluster) as told:
        with ExitStack() as all_deaf:
            for name in (told.leader, *told.others):
                all_deaf.enter_context(deaf(cluster, name))
            for name in cluster.names:
                told.wait(f"{name} is vetoed", partial(_is_vetoed, told, name), PATIENCE_S)
            told.wait("the alarm", lambda: _alarms(told, told.leader) == [ALARM])
            nothing_moves(told)
        assert cluster.wait_healthy() == told.leader
        told.wait("no veto", lambda: not any(_is_vetoed(told, name) for name in cluster.names))
        told.wait("no alarm", lambda: not any(_alarms(told, name) for name in cluster.names))
        nothing_moves(told)


def _is_vetoed(told: Story, name: str) -> bool:
    return bool(row(told.cluster, name, name)["vetoed"])


def _alarms(told: Story, name: str) -> list[str]:
    return [alarm["name"] for alarm in told.cluster.status(name)["alarms"]]
