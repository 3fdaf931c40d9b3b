"""A machine outside of the cluster answers for the VIP: the new leader waits, or takes over.

The foreign machine is the network's own namespace, which puts the VIP on its bridge.  After a
silent death nobody has said that the old holder is off, so whoever takes over asks first: by
neighbour solicitation for the IPv6 address, by ARP for the other.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from tests.system.cluster import SystemCluster, run_cluster
from tests.system.prober import Story, story
from watchdog.cli.demo.lab import VIP, VIP6, LabError, run

pytestmark = pytest.mark.root
HELD_S = 0.5
LENGTHS = {VIP: 32, VIP6: 128}


@pytest.fixture
def waiting() -> Iterator[SystemCluster]:
    """on_conflict = wait, the default."""
    with run_cluster(3) as cluster:
        yield cluster


@pytest.fixture
def taking() -> Iterator[SystemCluster]:
    """on_conflict = takeover."""
    with run_cluster(3, cluster='on_conflict = "takeover"') as cluster:
        yield cluster


@contextmanager
def _foreign(cluster: SystemCluster, vip: str) -> Iterator[None]:
    """Another machine answers for the VIP."""
    address = [f"{vip}/{LENGTHS[vip]}", "dev", "br0"]
    nodad = ["nodad"] if ":" in vip else []
    run(["ip", "-n", cluster.lab.network, "addr", "add", *address, *nodad])
    try:
        yield
    finally:
        with suppress(LabError):
            run(["ip", "-n", cluster.lab.network, "addr", "del", *address])


def _alarmed(cluster: SystemCluster, names: list[str]) -> bool:
    bodies = [cluster.status(name) for name in names]
    return any("VIP_CONFLICT" in " ".join(body["warnings"]) for body in bodies)


def _lose(told: Story) -> None:
    told.cluster.cut(told.leader)
    told.wait("the old holder is off", lambda: not told.holding())


def test_a_new_leader_waits_for_whoever_answers_and_says_so(waiting: SystemCluster) -> None:
    """No second machine with the address; when the other one is gone the cluster goes on."""
    with story(waiting) as told:
        try:
            with _foreign(waiting, VIP6):
                _lose(told)
                told.wait("it says so", lambda: _alarmed(waiting, told.others))
                waiting.pause(HELD_S)
                assert not told.holding()
                assert any("VIP_CONFLICT" in told.log(name) for name in told.others)
            following = waiting.wait_coordinator()
            assert following in told.others
        finally:
            waiting.heal(told.leader)
        waiting.wait_healthy()


def test_a_new_leader_that_may_take_over_does_so_with_an_alarm(taking: SystemCluster) -> None:
    """The guardian's word of it stands for ten minutes; the holder is the same meanwhile."""
    with story(taking) as told:
        try:
            with _foreign(taking, VIP):
                _lose(told)
                following = taking.wait_coordinator()
                told.wait("it says so", lambda: _alarmed(taking, [following]))
        finally:
            taking.heal(told.leader)
        assert taking.wait_coordinator() == following
        told.stays_calm(following)
