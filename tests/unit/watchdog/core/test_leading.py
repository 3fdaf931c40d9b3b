"""Leading one tenure. Sections in parentheses are those of docs/election.md."""

from dataclasses import replace
from itertools import pairwise

import pytest

from tests.unit.watchdog.core.rig import (
    VOTE_WAIT_MS,
    Rig,
    all_of,
    elected,
    leader,
    notes,
    phase,
    state,
    wait_until,
    won,
)
from tests.unit.watchdog.core.support import (
    BEACON_MS,
    PROMISE_MS,
    REPEAT_MS,
    SOFT_MS,
    TIMING,
    grant_to,
    members,
    sent,
    settings,
)
from watchdog.core import effects as fx
from watchdog.core import events as ev
from watchdog.core.guard import LeaseRound
from watchdog.core.leading import PROBE_GRACE_NS, Phase
from watchdog.core.messages import Beacon, PreVote, Release, Vote
from watchdog.instant import MS

# --- winning and going on


def test_the_first_beacon_follows_the_victory_at_once() -> None:
    """Candidate and quorum of grants -> leader: BEACON at once (The candidate and the leader)."""
    rig = Rig()
    rig.advance(PROMISE_MS + 100)
    effects = [e for e in rig.log if isinstance(e, fx.Send)]
    kinds = [type(e.message) for e in effects if isinstance(e.message, Vote | Beacon)]
    assert kinds == [Vote, Vote, Beacon, Beacon]
    assert state(rig) == "COORDINATOR"


def test_epoch_is_the_term_in_which_the_tenure_began() -> None:
    """The fencing token given to hooks (Terms)."""
    rig = leader()
    (escalate,) = all_of(rig.log, fx.Escalate)
    assert escalate.epoch == rig.node.status()["term"] == rig.node.status()["epoch"] == 8
    assert (escalate.soft_ms, escalate.hard_ms) == (900, 1200)
    assert notes(rig, "escalated") == [{"epoch": "8", "term": "8"}]


def test_there_is_no_escalation_without_a_beacon_quorum_in_this_tenure() -> None:
    """Votes alone are not enough (The candidate and the leader)."""
    rig = Rig()
    rig.unanswered.add(Beacon)
    elected(rig)
    wait_until(rig, won(rig), VOTE_WAIT_MS - 1)
    assert phase(rig) == "elected"
    assert all_of(rig.log, fx.Escalate) == []


@pytest.mark.parametrize("left_ms", [TIMING.min_left_ns / MS, TIMING.min_left_ns / MS - 1])
def test_min_left_is_exact(left_ms: float) -> None:
    """One ms less is too little (Timers, min_left)."""
    rig = Rig(settings(timing=replace(TIMING, vote_wait_ns=5_000 * MS)))
    rig.unanswered.add(Beacon)
    elected(rig)
    office = rig.parts.office
    assert office is not None
    beacon = sent(rig.log, Beacon)[0][1]
    rig.mute.add(fx.OpenRound)
    wait_until(rig, beacon.sent, SOFT_MS - left_ms)
    rig.hear("b", grant_to(beacon, "b"))
    assert bool(all_of(rig.log, fx.Escalate)) is (left_ms >= TIMING.min_left_ns / MS)


@pytest.mark.parametrize("lack", ["guardian", "health", "probe"])
def test_there_is_no_escalation_without(lack: str) -> None:
    """Guardian armed and OFF-clean, health ok, VIP probe (The candidate and the leader)."""
    rig = Rig(settings(has_vip=lack == "probe"))
    rig.unanswered.add(Beacon)
    elected(rig, fx.ProbeVip)
    if lack == "guardian":
        rig.parts.guard.is_off = False
    elif lack == "health":
        rig.parts.fitness._penalty_until_ns = rig.now.boot_ns + 10**10
    beacon = sent(rig.log, Beacon)[0][1]
    rig.hear("b", grant_to(beacon, "b"))
    assert phase(rig) == "elected"
    assert all_of(rig.log, fx.Escalate) == []


def test_an_escalation_that_does_not_come_makes_resign_and_ineligible() -> None:
    """Not ESCALATED within vote_wait after winning (The candidate and the leader)."""
    rig = elected(Rig(), fx.Escalate)
    assert phase(rig) == "escalating"
    rig.unanswered.add(PreVote)
    wait_until(rig, won(rig), VOTE_WAIT_MS - 1)
    assert phase(rig) == "escalating"
    rig.advance(1)
    assert [note["reason"] for note in notes(rig, "resigns")] == ["not_escalated"]
    assert rig.node.status()["unfit"] == "its last escalation failed"
    assert sent(rig.log, Release)


def test_a_refused_escalation_is_tried_again_at_the_next_grant() -> None:
    """OFF(n) is its answer (The candidate and the leader)."""
    rig = elected(Rig(), fx.Escalate)
    (first,) = all_of(rig.log, fx.Escalate)
    rig.step(ev.Off(first.n))
    assert phase(rig) == "elected"
    rig.mute.clear()
    rig.advance(BEACON_MS)
    assert phase(rig) == "escalated"
    assert len(all_of(rig.log, fx.Escalate)) == 2


def test_a_stale_off_does_not_answer_an_escalation() -> None:
    """It crossed the ESCALATE (The candidate and the leader)."""
    rig = elected(Rig(), fx.Escalate)
    (escalate,) = all_of(rig.log, fx.Escalate)
    rig.step(ev.Off(escalate.n - 1))
    assert phase(rig) == "escalating"
    assert not rig.parts.guard.is_off


def test_an_unsolicited_off_makes_the_leader_resign_with_release() -> None:
    """The guardian went off by itself (The candidate and the leader)."""
    rig = leader()
    start = len(rig.log)
    rig.step(ev.Off(rig.parts.guard._n))
    assert notes(rig, "resigns")[-1]["reason"] == "guardian_went_off"
    assert {peer for peer, _ in sent(rig.log[start:], Release)} == {"b", "c"}
    assert rig.parts.office is None


def test_the_guardians_own_reason_is_what_everybody_is_told() -> None:
    """`gate_shut` on one node's log is no answer for who asks another node."""
    rig = leader()
    start = len(rig.log)
    rig.step(ev.Off(rig.parts.guard._n, "gate_shut; it woke 300 ms late"))
    reason = "guardian_went_off: gate_shut; it woke 300 ms late"
    assert {release.reason for _, release in sent(rig.log[start:], Release)} == {reason}


# --- rounds and the lease


def test_a_round_goes_out_every_beacon_interval() -> None:
    """To everybody (Timers, beacon)."""
    rig = leader()
    start = len(rig.log)
    rig.advance(5 * BEACON_MS)
    rounds = [m.round for peer, m in sent(rig.log[start:], Beacon) if peer == "b"]
    assert len(rounds) == 5
    assert rounds == sorted(set(rounds))


def test_a_round_without_a_quorum_is_followed_by_new_ones_until_one_is_granted() -> None:
    """Each is a round of its own, so what it moves counts from its own sending (5.2)."""
    rig = leader()
    rig.unanswered.add(Beacon)
    start = len(rig.log)
    rig.advance(BEACON_MS)
    rounds = [m for peer, m in sent(rig.log[start:], Beacon) if peer == "b"]
    gaps = [later.sent.boot_ns - m.sent.boot_ns for m, later in pairwise(rounds)]
    assert len(gaps) >= 2
    assert {round(gap / MS) for gap in gaps} == {REPEAT_MS}
    assert len({m.round for m in rounds}) == len(rounds)
    rig.unanswered.clear()
    rig.advance(REPEAT_MS + 1)
    start = len(rig.log)
    rig.advance(2 * BEACON_MS)
    assert len({m.round for _, m in sent(rig.log[start:], Beacon)}) == 2, "back to the usual pace"


def test_the_network_is_told_again_when_a_connection_is_back() -> None:
    """Whoever was cut off has not heard where the VIPs are (G9)."""
    rig = leader()
    assert fx.Reannounce() in rig.step(ev.LinkOpened("b"))
    follower = Rig()
    assert fx.Reannounce() not in follower.step(ev.LinkOpened("b"))


def test_a_slow_guardian_delays_rounds_and_never_doubles_them() -> None:
    """The late answer must still be the answer to the newest question (Timers, I6)."""
    rig = leader()
    rig.mute.add(fx.OpenRound)
    rig.advance(2.5 * BEACON_MS)
    asked = all_of(rig.log, fx.OpenRound)[-1]
    start = len(rig.log)
    rig.step(ev.RoundOpened(asked.no, asked.round))
    assert len(sent(rig.log[start:], Beacon)) == 2


def test_each_move_of_the_lease_extends_the_deadline() -> None:
    """`round` is the one whose `sent` is lease_start (The candidate and the leader)."""
    rig = leader()
    start = len(rig.log)
    rig.advance(3 * BEACON_MS)
    extends = all_of(rig.log[start:], fx.Extend)
    beacons = {m.round: m.sent for _, m in sent(rig.log, Beacon)}
    assert len(extends) == 3
    assert all(beacons[e.round] == e.s and e.epoch == 8 for e in extends)


def test_a_node_that_is_a_quorum_alone_extends_after_each_round() -> None:
    """It has no GRANT to wait for (The candidate and the leader)."""
    rig = Rig(settings(names="ab", members=members("ab", a={"weight": 3}, b={"weight": 2})))
    rig.cut.add("b")
    rig.advance(3000)
    assert phase(rig) == "escalated"
    start = len(rig.log)
    rig.advance(3 * BEACON_MS)
    assert len(all_of(rig.log[start:], fx.Extend)) == 3


def test_a_lost_lease_gives_up_at_soft_and_releases_when_off() -> None:
    """elapsed >= soft: resign; after OFF the RELEASE (States and events)."""
    rig = leader()
    rig.advance(0.1)
    office = rig.parts.office
    assert office is not None
    assert office.lease.start is not None
    rig.cut = {"b", "c"}
    rig.mute.add(fx.Deescalate)
    left_ms = office.lease.left_ns(rig.now) / MS
    rig.advance(left_ms - 1)
    assert phase(rig) == "escalated"
    start = len(rig.log)
    rig.advance(1)
    (off,) = all_of(rig.log[start:], fx.Deescalate)
    assert phase(rig) == "resigning"
    assert state(rig) == "COORDINATOR"
    assert sent(rig.log[start:], Release) == []
    rig.step(ev.Off(off.n))
    assert len(sent(rig.log[start:], Release)) == 2
    assert state(rig) == "WAITING_FOR_QUORUM"


def test_a_resigning_leader_counts_nothing_any_more() -> None:
    """Resign: stop crediting (Resign)."""
    rig = leader()
    beacon = sent(rig.log, Beacon)[-1][1]
    rig.mute.update({fx.Deescalate, fx.OpenRound})
    rig.step(ev.LifecheckReported("a", ev.Verdict.DEAD, "test"))
    assert phase(rig) == "resigning"
    start = len(rig.log)
    rig.hear("c", grant_to(beacon, "c"))
    rig.step(ev.RoundOpened(beacon.tenure.no, beacon.round + 1))
    rig.advance(50)
    assert all_of(rig.log[start:], fx.Extend) == []
    assert sent(rig.log[start:], Beacon) == []
    office = rig.parts.office
    assert office is not None
    assert office.phase is Phase.RESIGNING
    assert office.fault(rig.now) == ""


def test_a_guardian_that_answers_nothing_for_soft_is_left_without_release() -> None:
    """Whether it is off nobody knows (The candidate and the leader)."""
    rig = leader()
    rig.mute.update({fx.Extend, fx.OpenRound, fx.Deescalate})
    start, asked = len(rig.log), rig.now
    rig.parts.guard.asked(asked)
    rig.advance(600)
    lease = rig.parts.office.lease if rig.parts.office else None
    assert lease is not None
    lease.start = LeaseRound(999, rig.now)  # or the lease itself would end first
    wait_until(rig, asked, SOFT_MS - 1)
    assert phase(rig) == "escalated"
    rig.advance(1)
    assert notes(rig, "resigns")[-1]["reason"] == "guardian_silent"
    assert len(all_of(rig.log[start:], fx.Deescalate)) == 1
    assert sent(rig.log[start:], Release) == []
    assert rig.parts.office is None
    assert state(rig) == "LOADING"


def test_a_guardian_that_does_not_answer_deescalate_is_left_after_hard() -> None:
    """The node must not wait for ever, nor say that it is off (The candidate and the leader)."""
    rig = leader()
    rig.mute.update({fx.Deescalate, fx.OpenRound})
    rig.parts.guard.answered()
    rig.step(ev.LifecheckReported("a", ev.Verdict.DEAD, "x"))
    rig.advance(TIMING.hard_ns / MS - 1)
    assert phase(rig) == "resigning"
    rig.advance(1)
    assert rig.parts.office is None
    assert "GUARDIAN_SILENT" in dict(rig.node.status()["alarms"])
    assert sent(rig.log, Release) == []
    rig.step(ev.Off(rig.parts.guard._n))
    assert "GUARDIAN_SILENT" not in dict(rig.node.status()["alarms"])


# --- the VIP probe


def test_the_grace_while_somebody_answers_for_the_vip() -> None:
    """vote_wait + 2 s; then two long probes have decided (The candidate and the leader)."""
    rig = Rig(settings(has_vip=True))
    rig.vip_answered = True
    elected(rig, fx.ProbeVip)
    rig.parts.probe.finished(rig.parts.probe._rid, answered=True, detail="x")
    office = rig.parts.office
    assert office is not None
    rig.mute.add(fx.ProbeVip)
    rig.unanswered.add(PreVote)
    wait_until(rig, won(rig), VOTE_WAIT_MS + PROBE_GRACE_NS / MS - 1)
    assert phase(rig) == "elected"
    rig.advance(1)
    assert notes(rig, "resigns")[-1]["reason"] == "not_escalated"


# --- what comes too late


def test_answers_that_come_in_another_phase_change_nothing() -> None:
    """Each is for one phase (The candidate and the leader)."""
    rig = leader()
    office = rig.parts.office
    assert office is not None
    office.refused()
    office.escalated(rig.now)
    assert phase(rig) == "escalated"
    assert len(notes(rig, "escalated")) == 1


def test_a_resigning_leader_acts_on_no_lease() -> None:
    """Nor one whose lease is over (Resign)."""
    rig = leader()
    office = rig.parts.office
    assert office is not None
    rig.parts.out.drain()
    office.act_on_lease(rig.now._replace(boot_ns=rig.now.boot_ns + TIMING.soft_ns))
    office.phase = Phase.RESIGNING
    office.act_on_lease(rig.now)
    assert rig.parts.out.drain() == ()


def test_a_leader_without_a_lease_yet_is_looked_at_in_time() -> None:
    """Its escalation has a bound in any case (Timers, vote_wait)."""
    rig = Rig()
    rig.unanswered.add(Beacon)
    elected(rig)
    office = rig.parts.office
    assert office is not None
    office.lease.start = None
    assert office.next_ns(rig.now) <= won(rig).boot_ns + TIMING.vote_wait_ns
