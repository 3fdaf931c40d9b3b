"""Moves that touch several parts. Sections in parentheses are those of docs/election.md."""

import pytest

from tests.unit.watchdog.core.rig import Rig, all_of, leader, standby
from tests.unit.watchdog.core.support import READY, beacon, fit_parts, sent
from watchdog.core import effects as fx
from watchdog.core import events as ev
from watchdog.core.messages import Release


def test_resigning_without_a_tenure_is_nothing() -> None:
    """Many reasons may come at once (Resign)."""
    parts = fit_parts()
    parts.resign("lease_lost", READY)
    assert parts.out.drain() == ()


def test_resigning_twice_asks_the_guardian_once() -> None:
    """Stop crediting, DEESCALATE (Resign)."""
    rig = leader()
    rig.parts.resign("one", rig.now)
    rig.parts.resign("two", rig.now)
    assert len([e for e in rig.parts.out.drain() if isinstance(e, fx.Deescalate)]) == 1


def test_a_leader_that_was_never_on_releases_at_once() -> None:
    """Its guardian is off already (Resign)."""
    rig = Rig()
    rig.mute.add(fx.ProbeVip)
    rig.advance(1260)
    for _ in range(100):
        if rig.parts.office is not None:
            break
        rig.advance(1)
    assert rig.parts.office is not None
    rig.parts.guard.is_off = True
    rig.parts.guard.is_on = False
    rig.parts.resign("stop", rig.now)
    effects = rig.parts.out.drain()
    assert len(sent(effects, Release)) == 2
    assert not [e for e in effects if isinstance(e, fx.Deescalate)]
    assert rig.parts.office is None


@pytest.mark.parametrize("move", ["win", "end_tenure"])
def test_a_move_without_its_subject_is_our_bug(move: str) -> None:
    """Stop the node (house: assert)."""
    with pytest.raises(AssertionError):
        getattr(fit_parts(), move)(READY)


def test_the_coordinator_is_oneself_or_the_one_followed() -> None:
    """And nobody while resigning (Terms)."""
    rig = leader()
    assert rig.parts.coordinator() == "a"
    rig.mute.add(fx.Deescalate)
    rig.step(ev.LifecheckReported("a", ev.Verdict.DEAD, "x"))
    assert rig.parts.coordinator() is None
    rig = standby()
    assert rig.parts.coordinator() is None
    rig.hear("b", beacon("b"))
    assert rig.parts.coordinator() == "b"


def test_the_process_ends_once() -> None:
    """The first reason counts (States and events)."""
    parts = fit_parts()
    parts.exit(1, "one")
    parts.exit(0, "two")
    assert all_of(list(parts.out.drain()), fx.Exit) == [fx.Exit(1, "one")]
