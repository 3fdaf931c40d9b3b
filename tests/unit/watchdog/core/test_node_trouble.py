"""Uplink, clock and disk in trouble. Sections in parentheses: docs/election.md."""

from tests.unit.watchdog.core.rig import (
    REACH_MS,
    Rig,
    alarms,
    all_of,
    changes,
    leader,
    standby,
    state,
)
from tests.unit.watchdog.core.support import (
    BEACON_MS,
    PROMISE_MS,
    TIMING,
    beacon,
    inc_of,
    release,
    sent,
)
from watchdog.core import effects as fx
from watchdog.core import events as ev
from watchdog.core.ledger import BAD_DISK_EXIT_NS
from watchdog.core.messages import Beacon, Grant, Release, Vote
from watchdog.instant import MS

# --- the uplink


def test_a_lost_uplink_makes_a_leader_go_off_and_release_when_it_is() -> None:
    """De-escalate now -> IN_NW_TROUBLE; RELEASE once OFF is confirmed (States and events)."""
    rig = leader()
    rig.mute.add(fx.Deescalate)
    rig.step(ev.UplinkChanged(up=False, why="carrier lost"))
    start = len(rig.log)
    rig.advance(REACH_MS - 1)
    assert rig.node.status()["phase"] == "escalated"
    rig.advance(1)
    (off,) = all_of(rig.log[start:], fx.Deescalate)
    assert changes(rig, start) == [("network_lost", "IN_NW_TROUBLE")]
    assert sent(rig.log[start:], Release) == []
    rig.step(ev.Off(off.n))
    assert len(sent(rig.log[start:], Release)) == 2


def test_a_blip_of_the_uplink_is_nothing() -> None:
    """The lease decides (States and events)."""
    rig = leader()
    rig.step(ev.UplinkChanged(up=False, why="carrier lost"))
    rig.advance(REACH_MS - 10)
    rig.step(ev.UplinkChanged(up=True, why="carrier back"))
    rig.advance(2000)
    assert rig.node.status()["phase"] == "escalated"


def test_after_network_trouble_promise_term_and_released_are_kept() -> None:
    """LOADING, but no new sit-out (States and events)."""
    rig = standby()
    rig.hear("b", beacon("b"))
    rig.hear("c", release("c"))
    rig.step(ev.UplinkChanged(up=False, why="carrier lost"))
    rig.advance(REACH_MS)
    promise = rig.parts.voter.promise
    rig.step(ev.UplinkChanged(up=True, why="carrier back"))
    start = len(rig.log)
    rig.cut.update("bc")
    rig.advance(PROMISE_MS)
    assert changes(rig, start)[:2] == [
        ("network_restored", "LOADING"),
        ("loading_finished", "WAITING_FOR_QUORUM"),
    ]
    assert promise is not None
    assert rig.parts.ledger.term == 8
    assert rig.parts.voter.is_released(release("c").tenure)
    assert rig.parts.roster.current_inc("b") == inc_of("b")


def test_a_candidate_whose_uplink_is_lost_cannot_win_in_that_very_step() -> None:
    """Expire comes before anything new is believed (house: step)."""
    rig = Rig()
    rig.unanswered.add(Vote)
    for _ in range(400):
        rig.advance(5)
        if rig.parts.candidacy.ballot is not None:
            break
    ballot = rig.parts.candidacy.ballot
    assert ballot is not None
    rig.step(ev.UplinkChanged(up=False, why="carrier lost"))
    rig.node._uplink._since_ns = rig.now.boot_ns - TIMING.reach_ns
    asked = sent(rig.log, Vote)[-1][1]
    grant = Grant(asked.term, asked.tenure, asked.round, asked.sent, inc_of("b"), is_vote=True)
    rig.hear("b", grant)
    assert state(rig) == "IN_NW_TROUBLE"
    assert rig.parts.office is None


# --- the clock


def test_a_suspended_leader_goes_off_and_sits_out() -> None:
    """De-escalate now -> LOADING, sit-out (States and events)."""
    rig = leader()
    start = len(rig.log)
    rig.jump(5000)
    assert len(all_of(rig.log[start:], fx.Deescalate)) == 1
    assert state(rig) == "LOADING"
    assert rig.parts.voter.is_sitting_out(rig.now)
    rig.advance(PROMISE_MS + 10)
    assert state(rig) != "LOADING"


def test_a_suspended_candidate_gives_up() -> None:
    """It does not know how long ago it asked (States and events)."""
    rig = Rig()
    rig.mute.add(fx.OpenRound)
    rig.advance(2000)
    rig.jump(200)
    assert rig.parts.candidacy.ballot is None
    assert state(rig) == "LOADING"


def test_a_slewed_clock_is_no_suspend() -> None:
    """8-10 % with chrony (Clocks)."""
    rig = standby()
    rig.advance(1000, raw_ms=920)
    assert state(rig) == "STANDBY"


# --- the disk


def fail_disk(rig: Rig) -> None:
    """The write in flight fails."""
    rig.mute.add(fx.Save)
    rig.parts.ledger.touch()
    rig.step(ev.Ticked())
    rig.step(ev.SaveFailed(all_of(rig.log, fx.Save)[-1].ticket, "EIO"))


def test_a_leader_with_a_bad_disk_resigns_if_another_can_lead() -> None:
    """storage-bad (Persistent state)."""
    rig = leader()
    fail_disk(rig)
    assert rig.parts.office is None
    assert alarms(rig)["STORAGE_BAD"] == "the state could not be written: EIO"


def test_a_leader_with_a_bad_disk_leads_on_alone() -> None:
    """Renewals need no disk (Persistent state)."""
    rig = leader()
    rig.said_by = {name: {"eligible": False} for name in "bc"}
    rig.advance(BEACON_MS)
    fail_disk(rig)
    rig.advance(2 * BAD_DISK_EXIT_NS / MS)
    assert rig.node.status()["phase"] == "escalated"
    assert all_of(rig.log, fx.Exit) == []


def test_a_node_with_a_bad_disk_leaves_after_ten_seconds() -> None:
    """With no tenure of its own: exit 1 (Persistent state)."""
    rig = standby()
    fail_disk(rig)
    rig.advance(BAD_DISK_EXIT_NS / MS - 1)
    assert all_of(rig.log, fx.Exit) == []
    rig.advance(BEACON_MS)
    assert all_of(rig.log, fx.Exit) == [fx.Exit(1, "the state cannot be written")]


def test_a_node_whose_disk_hangs_leaves_too() -> None:
    """Not done after a promise, and then ten seconds (Persistent state)."""
    rig = standby()
    rig.mute.add(fx.Save)
    rig.parts.ledger.touch()
    rig.step(ev.Ticked())
    rig.advance(PROMISE_MS + BAD_DISK_EXIT_NS / MS + BEACON_MS)
    assert all_of(rig.log, fx.Exit) == [fx.Exit(1, "the state cannot be written")]


def test_a_renewal_is_granted_while_a_write_is_in_flight() -> None:
    """A leader with an fsync in flight goes on, and so do its voters (Persistent state)."""
    rig = standby()
    rig.hear("b", beacon("b"))
    rig.mute.add(fx.Save)
    rig.parts.ledger.touch()
    rig.step(ev.Ticked())
    assert len(sent(rig.hear("b", beacon("b", number=3)), Grant)) == 1
    rig = leader()
    rig.mute.add(fx.Save)
    rig.parts.ledger.touch()
    start = len(rig.log)
    rig.advance(2 * BEACON_MS)
    assert len(sent(rig.log[start:], Beacon)) == 4
