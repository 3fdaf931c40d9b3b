"""The own interface. Sections in parentheses are those of docs/election.md."""

from dataclasses import replace

from tests.unit.watchdog.core.support import PROMISE_MS, TIMING, after
from watchdog.core.uplink import Uplink
from watchdog.instant import MS

REACH_MS = TIMING.reach_ns / MS


def lost(ms: float = 0) -> Uplink:
    """An uplink whose carrier went away."""
    uplink = Uplink(TIMING)
    uplink.changed(up=False, why="carrier lost", now=after(ms))
    return uplink


def test_an_uplink_counts_as_up_until_told_otherwise() -> None:
    """The kernel reports changes (States and events)."""
    uplink = Uplink(TIMING)
    uplink.tick(after(9999))
    assert uplink.is_up
    assert uplink.next_ns() is None


def test_a_loss_is_believed_after_reach() -> None:
    """Grants go on if packets come: the lease decides (States and events)."""
    uplink = lost()
    uplink.tick(after(REACH_MS - 1))
    assert uplink.is_up
    assert uplink.next_ns() == after(REACH_MS).boot_ns
    uplink.tick(after(REACH_MS))
    assert not uplink.is_up
    assert uplink.why == "carrier lost"
    assert uplink.next_ns() is None


def test_a_blip_shorter_than_reach_is_nothing() -> None:
    """A cable that flaps once costs nothing (States and events)."""
    uplink = lost()
    uplink.changed(up=True, why="carrier back", now=after(REACH_MS - 1))
    assert uplink.next_ns() is None
    uplink.tick(after(9999))
    assert uplink.is_up


def test_a_repeated_report_does_not_start_the_wait_anew() -> None:
    """Address and carrier may both report the same loss (States and events)."""
    uplink = lost()
    uplink.changed(up=False, why="address lost", now=after(REACH_MS - 1))
    uplink.tick(after(REACH_MS))
    assert not uplink.is_up
    assert uplink.why == "address lost"


def test_a_link_that_is_back_must_stay_for_a_promise() -> None:
    """max(promise, 0.5 s), so that a flapping link does not flap the state."""
    uplink = lost()
    uplink.tick(after(REACH_MS))
    uplink.changed(up=True, why="", now=after(2000))
    uplink.tick(after(2000 + PROMISE_MS - 1))
    assert not uplink.is_up
    uplink.tick(after(2000 + PROMISE_MS))
    assert uplink.is_up


def test_a_short_promise_waits_half_a_second() -> None:
    """The lower bound of the wait (States and events)."""
    uplink = Uplink(replace(TIMING, promise_ns=205 * MS))
    uplink.changed(up=False, why="", now=after(0))
    uplink.tick(after(REACH_MS))
    uplink.changed(up=True, why="", now=after(2000))
    assert uplink.next_ns() == after(2500).boot_ns
