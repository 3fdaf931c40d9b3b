"""Somebody with root adds or removes a VIP by hand: it is set right within seconds, and said."""

from collections.abc import Iterator

import pytest

from tests.system.cluster import SystemCluster, run_cluster
from watchdog.cli.demo.lab import INTERFACE, VIP, run

pytestmark = pytest.mark.root


@pytest.fixture
def three() -> Iterator[SystemCluster]:
    """A cluster of its own: the alarms stand for ten minutes."""
    with run_cluster(3) as cluster:
        yield cluster


def has_vip(cluster: SystemCluster, name: str) -> bool:
    """What the kernel of a node says."""
    return f" {VIP}/" in run(["ip", "-n", cluster.lab.places[name].namespace, "addr"])


def alarms(cluster: SystemCluster, name: str) -> list[str]:
    """What `status` of a node shows."""
    return [alarm["name"] for alarm in cluster.status(name)["alarms"]]


def test_a_vip_that_was_removed_is_put_back_and_one_that_was_added_goes(
    three: SystemCluster,
) -> None:
    """Both are alarms in `status`, and nobody but the coordinator leads."""
    leader = three.wait_healthy()
    other = next(name for name in three.names if name != leader)
    wait = three.cluster.interrupt.wait
    by_hand = [f"{VIP}/24", "dev", INTERFACE]
    run(["ip", "-n", three.lab.places[leader].namespace, "addr", "del", *by_hand])
    wait("put back", lambda: has_vip(three, leader), 10)
    wait("said", lambda: "VIP_WAS_GONE" in alarms(three, leader), 10)
    run(["ip", "-n", three.lab.places[other].namespace, "addr", "add", *by_hand])
    wait("removed", lambda: not has_vip(three, other), 10)
    wait("said", lambda: "VIP_WAS_LEFT" in alarms(three, other), 10)
    assert three.wait_coordinator() == leader
    assert {three.status(name)["gate"] for name in three.names} == {"nft"}
