"""What is left when the guardian itself dies or is stopped: outside the proof, shown as it is.

docs/election.md, 6 and 13: until the kernel gate is built, the VIP of a killed or frozen guardian
answers until a restart cleans up or the address's own lifetime ends.  So no story here promises one
holder; each asserts what the page says, and that it ends.
"""

from collections.abc import Iterator
from typing import Final

import pytest

from tests.system.cluster import SystemCluster, run_cluster
from tests.system.guardian.bench import is_alive
from tests.system.prober import MS, SECOND, Story, story, timing
from watchdog.cli.demo.journal import now_ns

pytestmark = pytest.mark.root
BEYOND_HARD_NS: Final = 2 * SECOND
"""The page's "at most about two seconds beyond `hard`"."""
KERNEL_NS: Final = SECOND
"""The kernel looks at lifetimes about once a second."""


@pytest.fixture(scope="module")
def three() -> Iterator[SystemCluster]:
    """Three nodes, whom each story leaves well."""
    with run_cluster(3) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def takers() -> Iterator[SystemCluster]:
    """Three nodes that take a VIP over although somebody still answers for it."""
    with run_cluster(3, cluster='on_conflict = "takeover"') as cluster:
        yield cluster


def _ended_by_its_lifetime(told: Story, since: int) -> int:
    """The old holder's VIP outlives `hard` and is ended by the kernel; when, after `since`."""
    hard_ns = timing(told.cluster).hard_ms * MS
    lasted = told.wait_gone(told.leader, since).t - since
    assert lasted > hard_ns, "something removed it: is this still what election.md, 6 says?"
    assert lasted < hard_ns + BEYOND_HARD_NS + KERNEL_NS
    return lasted


def test_a_killed_guardian_takes_its_node_process_along_and_a_restart_cleans_up(
    three: SystemCluster,
) -> None:
    """The service manager's restart removes the VIP before anything else happens."""
    with story(three, most=None) as told:
        node = three.node_pid(told.leader)
        killed = now_ns()
        three.kill(told.leader, "guardian")
        told.wait("the node process ended", lambda: not is_alive(node))
        assert three.cluster.running[told.leader].wait(1) is not None
        assert told.leader in told.holding(), "nobody was left to remove it"
        three.start(told.leader)
        told.wait_gone(told.leader, killed)
        told.wait("cleaned", lambda: "event=node_started" in told.log(told.leader))
        log = told.log(told.leader)
        assert log.index("event=off ") < log.index("event=node_started")
        following = three.wait_healthy()
        assert told.holding() == {following}
        told.stays_calm(following)


def test_without_a_restart_the_lifetime_of_the_address_ends_it(three: SystemCluster) -> None:
    """With on_conflict = wait the next leader waits for the address that still answers."""
    with story(three, most=None) as told:
        killed = now_ns()
        three.kill(told.leader, "guardian")
        assert three.cluster.running[told.leader].wait(1) is not None
        _ended_by_its_lifetime(told, killed)
        following = three.wait_coordinator(other_than=told.leader)
        assert told.holders() == 1, "the probe of the new leader heard the old address"
        three.start(told.leader)
        assert three.wait_healthy() == following
        told.stays_calm(following)


def test_guardian_and_node_process_stopped_together_leave_two_holders_for_a_while(
    takers: SystemCluster,
) -> None:
    """The gap that the kernel gate will close; valid_lft closes it late, and waking is harmless."""
    with story(takers, most=2) as told:
        stopped = now_ns()
        takers.freeze(told.leader, "both")
        try:
            following = takers.wait_coordinator(other_than=told.leader)
            _ended_by_its_lifetime(told, stopped)
            assert told.holders() == 2, "is the gate there? Then election.md, 6 and 13 must say so"
        finally:
            takers.thaw(told.leader, "both")
        woken = now_ns()
        told.wait("off", lambda: "why=lease_ended" in told.log(told.leader))
        takers.wait_healthy()
        assert told.holders(woken) == 1
        told.stays_calm(following)
