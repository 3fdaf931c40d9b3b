"""A guardian that is killed or stopped, alone or with its node process: the sentinel alone acts.

docs/election.md, 6: without the kernel's gate (`gate = "none"` here, so that nothing else can have
done it) no VIP is left beyond `hard`, also when the others take a VIP over without asking who
answers for it.  Only when the sentinel is stopped as well two nodes hold it for a while, and the
lifetime of the address ends that.
"""

import signal
from collections.abc import Iterator
from typing import Final

import pytest

from tests.system.cluster import SystemCluster, run_cluster
from tests.system.guardian.bench import is_alive
from tests.system.prober import MS, SECOND, Story, story, timing
from watchdog.cli.demo.journal import now_ns

pytestmark = pytest.mark.root
ALONE: Final = 'gate = "none"\n'
BEYOND_HARD_NS: Final = 2 * SECOND
"""How much longer than `hard` the address itself lives, at most."""
KERNEL_NS: Final = SECOND
"""The kernel looks at lifetimes about once a second."""
EXIT_AGAIN: Final = 1


@pytest.fixture(scope="module")
def three() -> Iterator[SystemCluster]:
    """Three nodes without a gate, whom each story leaves well."""
    with run_cluster(3, cluster=ALONE) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def takers() -> Iterator[SystemCluster]:
    """They take a VIP over although somebody still answers for it."""
    with run_cluster(3, cluster=ALONE + 'on_conflict = "takeover"') as cluster:
        yield cluster


@pytest.fixture(params=["wait", "takeover"])
def cluster(request: pytest.FixtureRequest) -> SystemCluster:
    """Either of them."""
    name = {"wait": "three", "takeover": "takers"}[request.param]
    found: SystemCluster = request.getfixturevalue(name)
    return found


def _hard_ns(told: Story) -> int:
    return timing(told.cluster).hard_ms * MS


def _sentinel_acted(told: Story) -> bool:
    return "event=sentinel_acted" in told.log(told.leader)


def test_a_killed_guardian_leaves_no_vip_and_its_nodes_will_elects_the_next(
    cluster: SystemCluster,
) -> None:
    """Known, not guessed: long before anybody's promise has run out."""
    with story(cluster) as told:
        node, sentinel = cluster.node_pid(told.leader), cluster.sentinel_pid(told.leader)
        cluster.kill(told.leader, "guardian")
        killed = now_ns()
        assert cluster.cluster.running[told.leader].wait(1) == -signal.SIGKILL
        assert told.wait_gone(told.leader, told.begin).t - killed < _hard_ns(told)
        following = cluster.wait_coordinator(other_than=told.leader)
        assert told.came(following, told.begin).t - killed < _hard_ns(told)
        told.wait("the sentinel ended", lambda: not is_alive(sentinel))
        assert _sentinel_acted(told)
        assert not is_alive(node)
        cluster.start(told.leader)
        assert cluster.wait_healthy() == following
        told.stays_calm(following)


@pytest.mark.parametrize("what", ["guardian", "both"])
def test_a_stopped_guardian_leaves_no_vip_beyond_hard(cluster: SystemCluster, what: str) -> None:
    """With its node process or without; waking is harmless."""
    with story(cluster) as told:
        cluster.freeze(told.leader, what)
        stopped = now_ns()
        try:
            assert told.wait_gone(told.leader, told.begin).t - stopped < _hard_ns(told)
            assert _sentinel_acted(told)
            following = cluster.wait_coordinator(other_than=told.leader)
        finally:
            cluster.thaw(told.leader, what)
        told.wait("off", lambda: "event=off " in told.log(told.leader))
        assert cluster.wait_healthy() == following
        told.stays_calm(following)


def test_without_its_sentinel_a_guardian_goes_off_and_is_started_anew(
    cluster: SystemCluster,
) -> None:
    """Nothing may be on that nobody looks after: an orderly end, and the others are told."""
    with story(cluster) as told:
        cluster.kill(told.leader, "sentinel")
        killed = now_ns()
        assert told.wait_gone(told.leader, told.begin).t - killed < _hard_ns(told)
        assert cluster.cluster.running[told.leader].wait(10) == EXIT_AGAIN
        assert "event=sentinel_lost" in told.log(told.leader)
        following = cluster.wait_coordinator(other_than=told.leader)
        cluster.start(told.leader)
        assert cluster.wait_healthy() == following
        told.stays_calm(following)


def test_a_standby_whose_guardian_dies_moves_nothing(three: SystemCluster) -> None:
    """Its sentinel finds nothing to take off, and ends."""
    with story(three) as told:
        standby = told.others[0]
        sentinel = three.sentinel_pid(standby)
        three.kill(standby, "guardian")
        assert three.cluster.running[standby].wait(1) == -signal.SIGKILL
        told.wait("the sentinel ended", lambda: not is_alive(sentinel))
        told.stays_calm(told.leader)
        three.start(standby)
        assert three.wait_healthy() == told.leader


def test_a_restart_finds_the_sentinel_done(three: SystemCluster) -> None:
    """The service manager is quick: the next guardian waits for the one that still works."""
    with story(three) as told:
        three.kill(told.leader, "guardian")
        assert three.cluster.running[told.leader].wait(1) is not None
        three.start(told.leader)
        told.wait_gone(told.leader, told.begin)
        told.wait("started", lambda: "event=node_started" in told.log(told.leader))
        assert "event=orphan_killed" not in told.log(told.leader)
        following = three.wait_healthy()
        told.stays_calm(following)


def test_all_stopped_together_without_a_gate_leave_two_holders_for_a_while() -> None:
    """The gap that only the kernel closes: its gate, or late the lifetime of the address."""
    takeover = ALONE + 'on_conflict = "takeover"'
    with run_cluster(3, cluster=takeover) as cluster, story(cluster, most=2) as told:
        cluster.freeze(told.leader, "all")
        stopped = now_ns()
        try:
            cluster.wait_coordinator(other_than=told.leader)
            lasted = told.wait_gone(told.leader, told.begin).t - stopped
            assert _hard_ns(told) < lasted < _hard_ns(told) + BEYOND_HARD_NS + KERNEL_NS
            assert told.holders() == 2, "has something else removed it? Then say so in election.md"
        finally:
            cluster.thaw(told.leader, "all")
        woken = now_ns()
        told.wait("off", lambda: "event=off " in told.log(told.leader))
        told.stays_calm(cluster.wait_coordinator())
        assert told.holders(woken) == 1
