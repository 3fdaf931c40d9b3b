"""Handing over. Sections in parentheses are those of docs/election.md."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from tests.unit.watchdog.core.rig import Rig, all_of, leader, standby, state
from tests.unit.watchdog.core.support import (
    BEACON_MS,
    READY,
    TIMING,
    beacon,
    fit_parts,
    hello,
    inc_of,
    members,
    release,
    sent,
    settings,
    tenure,
)
from watchdog.core import effects as fx
from watchdog.core import events as ev
from watchdog.core.messages import (
    Nack,
    PreVote,
    Ready,
    Release,
    Tenure,
    Transfer,
    Vote,
)
from watchdog.core.transfer import FAILBACK_DELAY_MAX_NS, RELEASE_COPIES
from watchdog.instant import MS, SECOND


def ask(rig: Rig, target: str | None = "b", rid: int = 1) -> list[fx.Effect]:
    """The operator wants the leadership elsewhere."""
    return rig.step(ev.CommandReceived(rid, ev.Command.SWITCHOVER, target))


def replies(rig: Rig) -> list[tuple[int, bool, str]]:
    """Everything said to operators so far."""
    return [(r.rid, r.ok, r.text) for r in all_of(rig.log, fx.Reply)]


# --- the leader


def test_a_transfer_asks_for_ready_goes_off_and_then_names_its_successor() -> None:
    """TRANSFER, READY, off, RELEASE in this order (Transfer)."""
    rig = leader()
    rig.mute.add(fx.Deescalate)
    effects = ask(rig)
    assert [peer for peer, _ in sent(effects, Transfer)] == ["b"]
    (off,) = all_of(effects, fx.Deescalate)
    assert sent(effects, Release) == []
    assert replies(rig) == [(1, True, "handing over to b")]
    effects = rig.step(ev.Off(off.n))
    assert [r.successor for _, r in sent(effects, Release)] == ["b", "b"]
    assert all(r.was_on and not r.gone for _, r in sent(effects, Release))
    assert rig.parts.fitness.is_standing_down(rig.now)
    assert state(rig) == "STANDBY"


def test_a_release_is_said_three_times() -> None:
    """From the leader over TCP, 3 times (Messages)."""
    rig = leader()
    ask(rig)
    rig.advance(100)
    said = [peer for peer, r in sent(rig.log, Release) if r.successor == "b"]
    assert said == ["b", "c"] * RELEASE_COPIES


def test_a_successor_that_refuses_is_left_alone() -> None:
    """READY not ok: the leader stays (Transfer)."""
    rig = leader()
    rig.ready_reason = "hook is not executable"
    ask(rig)
    rig.advance(1000)
    assert replies(rig) == [(1, False, "b is not ready: hook is not executable")]
    assert rig.node.status()["phase"] == "escalated"


def test_a_successor_that_does_not_answer_is_waited_for_two_intervals() -> None:
    """2 * Tb, while still leading (Resign)."""
    rig = leader()
    rig.unanswered.add(Transfer)
    ask(rig)
    rig.advance(2 * BEACON_MS - 1)
    assert replies(rig) == []
    rig.advance(1)
    assert replies(rig) == [(1, False, "b did not answer in time")]
    assert rig.node.status()["phase"] == "escalated"


@pytest.mark.parametrize(
    ("peer", "change"),
    [("c", {}), ("b", {"tenure": Tenure("a", inc_of("a"), 99)})],
)
def test_a_ready_for_something_else_starts_nothing(peer: str, change: dict[str, Any]) -> None:
    """From another node, or for an older tenure (Transfer)."""
    rig = leader()
    rig.unanswered.add(Transfer)
    ask(rig)
    ((_, asked),) = sent(rig.log, Transfer)
    rig.hear(peer, replace(Ready(asked.tenure, ok=True, reason=""), **change))
    assert rig.node.status()["phase"] == "escalated"


def test_a_ready_that_nobody_waits_for_starts_nothing() -> None:
    """Too late, or at a node that does not lead (Transfer)."""
    rig = leader()
    rig.hear("b", Ready(tenure("a"), ok=True, reason=""))
    assert rig.node.status()["phase"] == "escalated"
    rig = standby()
    assert rig.hear("b", Ready(tenure("a"), ok=True, reason="")) == []


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("stranger", "no other member is called x (members: b, c)"),
        ("silent", "b is not reachable: silent"),
        ("unfit", "b may not lead now; `quorumdog status` on that node says why"),
        ("alone", "b does not hear a quorum"),
        (
            "gave up",
            "b has not said HELLO since it gave up its last tenure; try again in a moment",
        ),
        ("no grants", "b has not granted a beacon within two intervals"),
        ("itself", "a is the coordinator already"),
    ],
)
def test_the_leader_objects_to_a_successor_that_cannot_take_over(how: str, text: str) -> None:
    """Eligible, quorum-connected, GRANT within 2 Tb (Transfer)."""
    rig = leader()
    target = {"stranger": "x", "itself": "a"}.get(how, "b")
    if how == "silent":
        rig.cut.add("b")
        rig.advance(1000)
    elif how == "unfit":
        rig.said_by["b"] = {"eligible": False}
        rig.advance(BEACON_MS)
    elif how == "alone":
        rig.said_by["b"] = {"quorum_connected": False}
        rig.advance(BEACON_MS)
    elif how == "gave up":
        rig.parts.roster.peers["b"].is_ranked = False
    elif how == "no grants":
        office = rig.parts.office
        assert office is not None
        office.lease._grants.pop("b")
    ask(rig, target)
    assert replies(rig) == [(1, False, text)]
    assert sent(rig.log, Transfer) == []


def test_there_is_no_release_when_off_failed() -> None:
    """DEESCALATED reports failure: no RELEASE (Resign)."""
    rig = leader()
    rig.mute.add(fx.Deescalate)
    (off,) = all_of(ask(rig), fx.Deescalate)
    effects = rig.step(ev.OffFailed(off.n, "hook does not end"))
    rig.advance(200)
    assert sent(effects, Release) == sent(rig.log, Release) == []
    assert rig.parts.office is None
    assert rig.parts.voter.promise is not None
    assert state(rig) == "LOADING"
    rig.step(ev.Off(off.n))
    assert sent(rig.log, Release) == []
    assert "OFF_FAILED" not in dict(rig.node.status()["alarms"])


def test_an_off_failure_while_leading_answers_who_waits_for_a_handover() -> None:
    """Every command gets exactly one reply (Resign)."""
    rig = leader()
    rig.unanswered.add(Transfer)
    ask(rig)
    rig.step(ev.OffFailed(rig.parts.guard._n, "VIP resists"))
    assert replies(rig) == [(1, False, "the tenure ended")]


def test_resigning_for_another_reason_answers_who_waits_for_a_handover() -> None:
    """Every command gets exactly one reply (Resign)."""
    rig = leader()
    rig.unanswered.add(Transfer)
    ask(rig)
    rig.step(ev.Off(rig.parts.guard._n))
    assert replies(rig) == [(1, False, "resigned meanwhile: guardian_went_off")]


# --- the successor


def test_a_successor_says_ready_when_its_guardian_agrees() -> None:
    """OFF-clean, hook files pass the checks (Transfer)."""
    rig = standby()
    effects = rig.hear("b", Transfer(tenure("b")))
    assert sent(effects, Ready) == [("b", Ready(tenure("b"), ok=True, reason=""))]
    rig.ready_reason = "hook is missing"
    effects = rig.hear("b", Transfer(tenure("b", 2)))
    assert sent(effects, Ready) == [
        ("b", Ready(tenure("b", 2), ok=False, reason="hook is missing"))
    ]


def test_an_unfit_successor_refuses_without_asking_its_guardian() -> None:
    """Not eligible (Transfer)."""
    rig = standby()
    rig.step(ev.LifecheckReported("a", ev.Verdict.DEAD, "disk full"))
    effects = rig.hear("b", Transfer(tenure("b")))
    assert sent(effects, Ready) == [("b", Ready(tenure("b"), ok=False, reason="disk full"))]
    assert all_of(effects, fx.CheckReady) == []
    rig = standby()
    rig.parts.guard.is_off = False
    ((_, ready),) = sent(rig.hear("b", Transfer(tenure("b"))), Ready)
    assert ready.reason == "its guardian is not off"


def test_only_the_newest_question_is_answered() -> None:
    """A guardian's late answer is for nobody (Transfer)."""
    rig = standby()
    rig.mute.add(fx.CheckReady)
    rig.hear("b", Transfer(tenure("b")))
    rig.hear("c", Transfer(tenure("c")))
    assert sent(rig.step(ev.ReadyChecked(1, ok=True, reason="")), Ready) == []
    assert [peer for peer, _ in sent(rig.step(ev.ReadyChecked(2, ok=True, reason="")), Ready)] == [
        "c"
    ]
    assert sent(rig.step(ev.ReadyChecked(2, ok=True, reason="")), Ready) == []


def test_a_transfer_in_anothers_name_is_ignored() -> None:
    """The sender is the holder of its tenure (Messages)."""
    assert standby().hear("c", Transfer(tenure("b"))) == []


def test_the_named_successor_votes_at_once_without_a_pre_vote() -> None:
    """Its VOTE carries the RELEASE, which it may overtake (Transfer)."""
    rig = standby()
    rig.hear("b", beacon("b"))
    start = len(rig.log)
    rig.hear("b", replace(release("b", successor="a"), was_on=True))
    assert sent(rig.log[start:], PreVote) == []
    votes = sent(rig.log[start:], Vote)
    assert [vote.transfer for _, vote in votes] == [tenure("b"), tenure("b")]
    assert state(rig) == "COORDINATOR"


def test_a_vote_that_overtakes_its_release_carries_it() -> None:
    """The voter applies that RELEASE first (The voter's rule)."""
    rig = standby()
    rig.hear("b", beacon("b"))
    rig.advance(300)
    assert rig.parts.voter.follows() == "b"
    ask_for = Vote(9, tenure("c"), 1, rig.now, TIMING.hard_ms, rig.settings.digest, tenure("b"))
    rig.hear("c", ask_for)
    assert rig.parts.voter.follows() == "c"
    assert rig.parts.voter.is_released(tenure("b"))


def test_a_successor_that_is_not_fit_does_not_stand() -> None:
    """Then the reservation ends, and the normal election follows (Transfer)."""
    rig = standby()
    rig.hear("b", beacon("b"))
    rig.step(ev.LifecheckReported("a", ev.Verdict.DEAD, "disk full"))
    start = len(rig.log)
    rig.hear("b", release("b", successor="a"))
    assert sent(rig.log[start:], Vote) == []


# --- failback


def better(rig: Rig, **said: Any) -> None:
    """Let b say that it is preferred to this node."""
    rig.said_by["b"] = {"priority": 5, **said}


def failing_back(**changes: Any) -> Rig:
    """An escalated leader with failback."""
    given = settings(failback=True, members=members("abc", b={"priority": 5}), **changes)
    rig = Rig(given)
    rig.cut.add("b")
    rig.advance(3000)
    rig.cut.clear()
    assert rig.node.status()["phase"] == "escalated"
    better(rig)
    rig.advance(2 * BEACON_MS)
    return rig


SHORT = replace(TIMING, failback_delay_ns=2 * SECOND)


def test_failback_waits_until_a_better_node_was_fit_for_the_delay() -> None:
    """Continuously (Priority, switchover, failback)."""
    rig = failing_back(timing=SHORT)
    rig.advance(1500)
    assert sent(rig.log, Transfer) == []
    better(rig, eligible=False)
    rig.advance(BEACON_MS)
    better(rig)
    rig.advance(BEACON_MS + 1700)
    assert sent(rig.log, Transfer) == []
    rig.advance(600)
    assert [peer for peer, _ in sent(rig.log, Transfer)] == ["b"]
    assert rig.parts.office is None


def test_without_failback_a_better_node_waits() -> None:
    """Off by default (Timers, failback_delay)."""
    rig = Rig(settings(timing=SHORT))
    better(rig, eligible=False)
    rig.advance(3000)
    better(rig)
    rig.advance(6000)
    assert sent(rig.log, Transfer) == []


def test_each_failed_attempt_doubles_the_delay_up_to_an_hour() -> None:
    """A node that is never ready must not be asked for ever (Priority, switchover, failback)."""
    rig = failing_back(timing=SHORT)
    rig.ready_reason = "hook is missing"
    times, asked = [], 0
    for _ in range(160):
        rig.advance(100)
        if len(sent(rig.log, Transfer)) > asked:
            asked += 1
            times.append(rig.now.boot_ns)
    gaps = [round((b - a) / SECOND) for a, b in pairwise(times)]
    assert gaps == [4, 8]
    handing = rig.parts.handing
    handing._failback_delay_ns = FAILBACK_DELAY_MAX_NS
    office = rig.parts.office
    assert office is not None
    handing._fit_since_ns = {"b": 0}
    rig.now = rig.now._replace(boot_ns=rig.now.boot_ns)
    handing._fit_since_ns["b"] = rig.now.boot_ns - FAILBACK_DELAY_MAX_NS
    assert handing.failback_target(office, rig.now) == "b"
    assert handing._failback_delay_ns == FAILBACK_DELAY_MAX_NS


# --- promises too short


def test_a_leader_whose_bound_is_not_covered_hands_to_one_that_is() -> None:
    """NACK `promise`: transfer to an eligible node whose hard is covered (Timers)."""
    rig = leader()
    rig.unanswered.add(Transfer)
    rig.hear("c", Nack(8, leading=False, reason="promise"))
    assert sent(rig.log, Transfer) == []
    rig.said_by["b"] = {"hard_ms": TIMING.hard_ms - 100}
    rig.advance(BEACON_MS)
    rig.hear("c", Nack(8, leading=False, reason="promise"))
    rig.hear("c", Nack(8, leading=False, reason="promise"))
    assert [peer for peer, _ in sent(rig.log, Transfer)] == ["b"]


def test_a_member_that_never_spoke_covers_nothing() -> None:
    """Nothing is known of its bound (Timers)."""
    rig = leader()
    rig.parts.roster.forget()
    assert rig.parts.handing.target_covering_me(rig.now) is None


def test_a_bound_that_no_promise_here_covers_is_no_way_out() -> None:
    """The others' file may be wrong too (Timers)."""
    parts = fit_parts(given=settings(timing=replace(TIMING, promise_ns=1000 * MS)))
    parts.roster.hello_received("b", hello("b", hard_ms=TIMING.hard_ms - 1), READY)
    assert parts.handing.target_covering_me(READY) is None
    parts.roster.hello_received("c", hello("c", hard_ms=900), READY)
    assert parts.handing.target_covering_me(READY) == "c"
