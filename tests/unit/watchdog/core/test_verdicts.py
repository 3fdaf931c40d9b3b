"""Lifechecks' verdicts. Sections in parentheses are those of docs/election.md."""

import pytest

from tests.unit.watchdog.core.support import (
    PROMISE_MS,
    READY,
    TIMING,
    fit_parts,
    hello,
    ready,
    sent,
    tenure,
)
from watchdog.core.messages import ResignRequest
from watchdog.core.parts import Parts
from watchdog.core.verdicts import WANDERING
from watchdog.instant import MS


def parts_with(*, own: bool, c_says: bool = False, at_ms: float = 0) -> Parts:
    """Node a, which follows b; who calls b dead."""
    parts = fit_parts()
    parts.voter.give(tenure("b"), 1, ready(at_ms))
    parts.guard.is_off = True
    if own:
        parts.verdicts.dead.add("b")
    if c_says:
        parts.roster.hello_received("c", hello("c", verdicts=("b",)), ready(at_ms))
    return parts


@pytest.mark.parametrize(
    ("own", "c_says", "withheld"),
    [(False, False, False), (True, False, False), (False, True, False), (True, True, True)],
)
def test_a_grant_is_withheld_only_when_a_quorum_calls_the_leader_dead(
    own: bool, c_says: bool, withheld: bool
) -> None:
    """One of three says dead: nothing happens (The voter's rule)."""
    assert parts_with(own=own, c_says=c_says).verdicts.withholds("b", READY) is withheld


def test_only_reachable_voters_have_a_verdict() -> None:
    """A stale HELLO is no voice (The voter's rule)."""
    parts = parts_with(own=True, c_says=True)
    reach_ms = TIMING.reach_ns / MS
    assert parts.verdicts.is_called_dead("b", ready(reach_ms - 1))
    assert not parts.verdicts.is_called_dead("b", ready(reach_ms))


def test_nothing_is_withheld_without_an_alternative() -> None:
    """A dead leader is better than none (The voter's rule)."""
    parts = parts_with(own=True, c_says=True)
    parts.guard.is_off = False
    parts.roster.hello_received("c", hello("c", verdicts=("b",), eligible=False), READY)
    assert not parts.verdicts.withholds("b", READY)
    parts.roster.hello_received("c", hello("c", verdicts=("b",)), READY)
    assert parts.verdicts.withholds("b", READY)


def test_an_alternative_that_is_called_dead_itself_is_none() -> None:
    """By quorum weight, like the leader (The voter's rule)."""
    parts = parts_with(own=True, c_says=True)
    parts.verdicts.dead.add("c")
    parts.guard.is_off = False
    parts.roster.hello_received("c", hello("c", verdicts=("b", "c")), READY)
    assert not parts.verdicts.withholds("b", READY)
    parts.verdicts.dead.discard("c")
    assert parts.verdicts.withholds("b", READY)


def test_the_node_itself_is_no_alternative_when_a_quorum_calls_it_dead() -> None:
    """Its own opinion of itself does not help (The voter's rule)."""
    parts = parts_with(own=True, c_says=True)
    said = hello("c", verdicts=("a", "b"), eligible=False)
    parts.roster.hello_received("c", said, READY)
    parts.roster.hello_received("b", hello("b", verdicts=("a",)), READY)
    assert not parts.verdicts.withholds("b", READY)


def test_withholding_lasts_at_most_two_promises_per_verdict() -> None:
    """A filtered lifecheck port must not stop a healthy leader for ever (The voter's rule)."""
    parts = parts_with(own=True, c_says=True)

    def withholds(ms: float) -> bool:
        parts.roster.hello_received("c", hello("c", verdicts=("b",)), ready(ms))
        return parts.verdicts.withholds("b", ready(ms))

    assert withholds(0)
    assert withholds(2 * PROMISE_MS)
    assert not withholds(2 * PROMISE_MS + 1)
    parts.verdicts.dead.clear()
    assert not withholds(2 * PROMISE_MS + 2)
    parts.verdicts.dead.add("b")
    assert withholds(2 * PROMISE_MS + 3)


@pytest.mark.parametrize(("gap_ms", "withheld"), [(59_999, False), (60_000, True)])
def test_a_second_verdict_within_a_minute_only_alarms(gap_ms: float, withheld: bool) -> None:
    """The leadership must not wander (The voter's rule)."""
    parts = parts_with(own=True, c_says=True)
    assert parts.verdicts.withholds("b", READY)
    parts.verdicts.promise_ended("b", READY)
    parts.verdicts.dead = {"c"}
    later = ready(gap_ms)
    parts.roster.hello_received("b", hello("b", verdicts=("c",)), later)
    assert parts.verdicts.withholds("c", later) is withheld
    assert (WANDERING in parts.out.alarms) is not withheld


@pytest.mark.parametrize(("lag_ms", "withheld"), [(2000, False), (2000 + PROMISE_MS, True)])
def test_a_verdict_that_was_taken_back_meanwhile_has_deposed_as_well(
    lag_ms: float, withheld: bool
) -> None:
    """Words that flap must not depose a leader each second (The voter's rule)."""
    parts = parts_with(own=True, c_says=True)
    assert parts.verdicts.withholds("b", READY)
    parts.verdicts.ask_to_resign("b", tenure("b"), READY)
    parts.verdicts.dead.clear()
    assert not parts.verdicts.withholds("b", ready(1))
    later = ready(lag_ms)
    parts.verdicts.promise_ended("b", later)
    parts.verdicts.dead = {"c"}
    parts.roster.hello_received("b", hello("b", verdicts=("c",)), later)
    assert parts.verdicts.withholds("c", later) is withheld
    assert (WANDERING in parts.out.alarms) is not withheld


def test_the_end_of_another_promise_deposes_nobody() -> None:
    """Only a leader from whom grants were withheld was deposed (The voter's rule)."""
    parts = parts_with(own=True, c_says=True)
    parts.verdicts.promise_ended("b", READY)
    assert parts.verdicts.withholds("b", READY)
    parts.verdicts.promise_ended("c", READY)
    assert parts.verdicts.withholds("b", ready(1))


def test_the_leader_is_told_at_most_once_a_beacon_interval() -> None:
    """RESIGN_REQ with its tenure (Messages)."""
    parts = parts_with(own=True, c_says=True)
    beacon_ms = TIMING.beacon_ns / MS
    for ms in (0.0, 1.0, beacon_ms - 1, beacon_ms):
        parts.verdicts.ask_to_resign("b", tenure("b", 4), ready(ms))
    asked = sent(parts.out.drain(), ResignRequest)
    assert [peer for peer, _ in asked] == ["b", "b"]
    assert all(message.by_verdict and message.rid == 4 for _, message in asked)


def test_a_leader_resigns_when_voters_of_quorum_weight_ask() -> None:
    """Requests are for this tenure and fresh; the own verdict counts (States and events)."""
    verdicts = fit_parts().verdicts
    mine = tenure("a")
    assert not verdicts.resign_requested("b", mine, READY)
    assert not verdicts.resign_requested("c", tenure("a", 2), ready(1))
    assert not verdicts.resign_requested("c", mine, ready(2000))
    assert verdicts.resign_requested("b", mine, ready(2001))


def test_the_leaders_own_verdict_on_itself_counts() -> None:
    """Its lifecheck may agree with one voter (States and events)."""
    verdicts = fit_parts().verdicts
    verdicts.dead.add("a")
    assert verdicts.resign_requested("b", tenure("a"), READY)
