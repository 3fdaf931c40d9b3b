"""A gateway that one node cannot reach, and one that nobody can: the first moves, the second not.

The gateway is the machine of the client; what it answers is dropped in a node's namespace, so the
nodes hear each other all the time.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
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
        assert made.holders().most == 1


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
    """One dead machine must not stop everything. Each node notices in its own time."""
    with story(cluster) as told, ExitStack() as ends:
        deafness = {name: ends.enter_context(ExitStack()) for name in cluster.names}
        for name in (*told.others, told.leader):
            deafness[name].enter_context(deaf(cluster, name))
            if name == told.others[-1]:  # the standbys notice before the coordinator does
                for other in told.others:
                    _wait_veto(told, other, is_there=True)
        told.wait("the alarm", lambda: _alarms(told, told.leader) == [ALARM])
        nothing_moves(told)
        deafness[told.leader].close()
        _wait_veto(told, told.leader, is_there=False)
        ends.close()
        assert cluster.wait_healthy() == told.leader
        told.wait("no alarm", lambda: not any(_alarms(told, name) for name in cluster.names))
        nothing_moves(told)


def _wait_veto(told: Story, name: str, *, is_there: bool) -> None:
    told.wait(
        f"{name}: veto {is_there}",
        lambda: row(told.cluster, name, name)["vetoed"] is is_there,
        PATIENCE_S,
    )


def _alarms(told: Story, name: str) -> list[str]:
    return [alarm["name"] for alarm in told.cluster.status(name)["alarms"]]
