"""Deaths, stalls and cuts of the coordinator's node: one holder at most, whatever ends it.

Each test is a story on the same cluster of three, from one healthy moment to the next; the
holders are counted by the kernels' own events and by a machine that asks the network by ARP.
"""

import re
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from tests.system.cluster import SystemCluster, run_cluster
from tests.system.prober import MS, SECOND, Story, Wills, story, timing
from watchdog.cli.demo.journal import now_ns

pytestmark = pytest.mark.root
FREEZE_S: Final = 10.0


@pytest.fixture(scope="module")
def three() -> Iterator[SystemCluster]:
    """Three nodes, whom each story leaves well."""
    with run_cluster(3) as cluster:
        yield cluster


def _off_by_hard(told: Story, since: int) -> None:
    """The old holder gave up within `hard` of the last moment at which it could renew."""
    gone = told.wait_gone(told.leader, since)
    assert gone.t - since <= timing(told.cluster).hard_ms * MS


def test_a_killed_node_process_leaves_a_will_and_the_next_node_takes_over(
    three: SystemCluster,
) -> None:
    """The VIP is off before anybody is told, and the told do not wait for the promise."""
    with story(three) as told, Wills(three, told.others[0]) as wills:
        killed = now_ns()
        pid = three.node_pid(told.leader)
        three.kill(told.leader)
        following = three.wait_coordinator(other_than=told.leader)
        assert three.wait_healthy() == following
        address = three.lab.places[told.leader].address
        sent = [payload for sender, payload in wills.heard() if sender == address]
        assert len(sent) == 3, "the will is sent three times"
        assert len(set(sent)) == 1
        changed = told.changes()
        ups = [n for n, change in enumerate(changed) if change.is_up]
        downs = [n for n, change in enumerate(changed) if not change.is_up]
        assert max(downs) < min(ups), "on before the other was off"
        assert told.came(following, killed).t - killed < timing(three).promise_ms * MS
        assert three.node_pid(told.leader) != pid
        assert told.states(told.leader)[-1] == "STANDBY"


def test_a_frozen_node_process_is_off_by_hard_and_rejoins_without_disturbing(
    three: SystemCluster,
) -> None:
    """SIGSTOP for ten seconds: the guardian does not ask a process that does not answer."""
    with story(three) as told:
        frozen = now_ns()
        three.freeze(told.leader)
        following = three.wait_coordinator(other_than=told.leader)
        _off_by_hard(told, frozen)
        left_s = FREEZE_S - (now_ns() - frozen) / SECOND
        three.pause(max(0.0, left_s))
        three.thaw(told.leader)
        assert three.wait_healthy() == following
        told.stays_calm(following)


def _cut_off(told: Story) -> Callable[[], None]:
    told.cluster.cut(told.leader)
    return lambda: told.cluster.heal(told.leader)


def _cannot_be_heard(told: Story) -> Callable[[], None]:
    for other in told.others:
        told.cluster.block(told.leader, other)

    def heal() -> None:
        for other in told.others:
            told.cluster.unblock(told.leader, other)

    return heal


def _cannot_hear(told: Story) -> Callable[[], None]:
    for other in told.others:
        told.cluster.block(other, told.leader)

    def heal() -> None:
        for other in told.others:
            told.cluster.unblock(other, told.leader)

    return heal


@pytest.mark.parametrize("cut", [_cut_off, _cannot_be_heard, _cannot_hear])
def test_an_isolated_coordinator_is_off_by_hard_and_comes_back_without_disturbing(
    three: SystemCluster, cut: Callable[[Story], Callable[[], None]]
) -> None:
    """Both ways, and each way alone: what counts is whether its rounds are answered."""
    with story(three) as told:
        heal = cut(told)
        since = now_ns()
        try:
            following = three.wait_coordinator(other_than=told.leader)
            _off_by_hard(told, since)
        finally:
            heal()
        assert three.wait_healthy() == following
        told.stays_calm(following)


def test_a_standby_that_is_cut_off_and_comes_back_changes_nothing(three: SystemCluster) -> None:
    """Its elections fail alone, and a higher term of one that was refused is not obeyed."""
    with story(three) as told:
        three.cut(told.others[0])
        three.pause(3)
        three.heal(told.others[0])
        assert three.wait_healthy() == told.leader
        assert told.changes() == []


def test_a_pulled_cable_is_in_nw_trouble_and_comes_back_by_loading(three: SystemCluster) -> None:
    """The node sees its own carrier, says why, and earns its place anew."""
    with story(three) as told:
        since = now_ns()
        three.mark(f"{told.leader}: cable pulled")
        three.lab.set_carrier(told.leader, up=False)
        try:
            following = three.wait_coordinator(other_than=told.leader)
            _off_by_hard(told, since)
            told.wait(
                "IN_NW_TROUBLE", lambda: three.status(told.leader)["state"] == "IN_NW_TROUBLE"
            )
            assert "no carrier" in three.status(told.leader)["uplink"]
        finally:
            three.lab.set_carrier(told.leader, up=True)
        assert three.wait_healthy() == following
        came = told.states(told.leader)
        trouble = came.index("IN_NW_TROUBLE")
        assert came[trouble + 1] == "LOADING"
        assert came[-1] == "STANDBY"
        told.stays_calm(following)


def test_an_orderly_stop_hands_over_and_the_stopped_node_comes_back_as_standby(
    three: SystemCluster,
) -> None:
    """SIGTERM: the successor is named, and exit code 0 says that all went well."""
    with story(three) as told:
        three.mark(f"{told.leader}: orderly stop")
        assert three.stop(told.leader) == 0
        following = three.wait_coordinator(other_than=told.leader)
        assert following in told.others
        assert re.search(
            r"event=resigns .*reason=stop successor=" + following, told.log(told.leader)
        )
        three.start(told.leader)
        assert three.wait_healthy() == following
