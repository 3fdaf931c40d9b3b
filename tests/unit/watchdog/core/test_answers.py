"""Answers of the guardian. Sections in parentheses are those of docs/election.md."""

from tests.unit.watchdog.core.rig import Rig, alarms, all_of, leader, standby, state
from tests.unit.watchdog.core.support import TIMING, beacon, release, sent, settings
from watchdog.core import effects as fx
from watchdog.core import events as ev
from watchdog.core.effects import BLOCKED
from watchdog.core.messages import Beacon, Hello, PreVote, Release
from watchdog.instant import MS


def until_elected(rig: Rig) -> None:
    """Let time pass until the node has won."""
    for _ in range(300):
        if rig.parts.office is not None:
            return
        rig.advance(10)
    raise AssertionError(rig.node.status())


def test_the_will_is_armed_once_at_the_guardians_hello() -> None:
    """Once per incarnation, before LOADING is left (The guardian, G7)."""
    rig = Rig()
    rig.step(ev.GuardianReady(0, off_clean=True))
    assert len(all_of(rig.log, fx.ArmWill)) == 1


def test_the_term_is_never_below_the_guardians_last_epoch() -> None:
    """And the vote of that term is not free (Formation and lost state, 5)."""
    rig = standby()
    rig.step(ev.GuardianReady(40, off_clean=True))
    assert (rig.parts.ledger.term, rig.parts.ledger.voted_for) == (40, BLOCKED)
    rig.step(ev.GuardianReady(30, off_clean=True))
    assert rig.parts.ledger.term == 40


def test_an_amnesiac_takes_the_guardians_epoch_when_it_recovers() -> None:
    """Its own term means nothing before (Formation and lost state, 5)."""
    rig = Rig(amnesiac=True)
    rig.step(ev.GuardianReady(40, off_clean=True))
    assert rig.parts.ledger.term == 0


def test_a_guardian_that_is_not_clean_keeps_the_node_loading() -> None:
    """OFF-clean (States and events)."""
    rig = Rig(off_clean=False)
    rig.advance(3000)
    assert state(rig) == "LOADING"
    rig.step(ev.Off(0))
    assert state(rig) != "LOADING"


def test_a_lost_guardian_ends_the_process_without_a_release() -> None:
    """Whether anything is on nobody knows (States and events)."""
    rig = leader()
    start = len(rig.log)
    rig.step(ev.GuardianLost())
    assert all_of(rig.log[start:], fx.Exit) == [fx.Exit(1, "the guardian is gone")]
    assert sent(rig.log[start:], Release) == []
    assert state(rig) == "LOADING"
    assert "GUARDIAN_LOST" in alarms(rig)
    rig.step(ev.GuardianLost())
    assert len(all_of(rig.log[start:], fx.Exit)) == 1


def test_a_candidate_that_loses_its_guardian_releases_its_tenure() -> None:
    """It was never on (Timers, vote_wait)."""
    rig = Rig()
    rig.mute.add(fx.OpenRound)
    rig.advance(2000)
    start = len(rig.log)
    rig.step(ev.GuardianLost())
    assert [r.was_on for _, r in sent(rig.log[start:], Release)] == [False, False]


def test_an_escalation_hook_that_fails_makes_resign_and_ineligible() -> None:
    """HOOK_ENDED with failure (The candidate and the leader)."""
    rig = leader()
    (escalate,) = all_of(rig.log, fx.Escalate)
    rig.step(ev.HookEnded(escalate.n, ok=False, detail="exit code 3"))
    assert rig.parts.office is None
    assert rig.node.status()["unfit"] == "its last escalation failed"
    assert alarms(rig)["HOOK_FAILED"] == "the escalation hook failed: exit code 3"
    assert sent(rig.log, Release)


def test_a_hook_that_succeeds_is_noted() -> None:
    """Rounds went on while it ran (The candidate and the leader); none configured, none noted."""
    rig = leader()
    (escalate,) = all_of(rig.log, fx.Escalate)
    rig.step(ev.HookEnded(escalate.n, ok=True, detail=""))
    rig.step(ev.HookEnded(escalate.n, ok=True, detail="exit 0"))
    assert rig.node.status()["phase"] == "escalated"
    assert [n.name for n in all_of(rig.log, fx.Note)].count("hook_ended") == 1


def test_the_hook_of_an_older_escalation_changes_nothing() -> None:
    """It belongs to a tenure that ended (The candidate and the leader)."""
    rig = leader()
    rig.step(ev.HookEnded(0, ok=False, detail="killed"))
    assert rig.node.status()["phase"] == "escalated"
    rig.mute.add(fx.Deescalate)
    rig.step(ev.LifecheckReported("a", ev.Verdict.DEAD, "x"))
    (escalate,) = all_of(rig.log, fx.Escalate)
    rig.step(ev.HookEnded(escalate.n, ok=False, detail="killed"))
    assert "HOOK_FAILED" not in alarms(rig)


def test_escalated_that_crossed_a_deescalate_changes_nothing() -> None:
    """The OFF that follows counts (Resign)."""
    rig = Rig()
    rig.mute.update({fx.Escalate, fx.Deescalate})
    until_elected(rig)
    (escalate,) = all_of(rig.log, fx.Escalate)
    rig.step(ev.LifecheckReported("a", ev.Verdict.DEAD, "x"))
    rig.step(ev.Escalated(escalate.n))
    assert rig.node.status()["phase"] == "resigning"
    (off,) = all_of(rig.log, fx.Deescalate)
    rig.step(ev.Off(off.n))
    assert rig.parts.office is None


def test_an_off_failure_of_an_older_command_changes_nothing() -> None:
    """As with OFF (The candidate and the leader)."""
    rig = leader()
    rig.step(ev.OffFailed(0, "old"))
    assert rig.node.status()["phase"] == "escalated"


def test_an_off_failure_without_a_tenure_is_an_alarm() -> None:
    """The guardian goes on trying (The guardian, G6)."""
    rig = standby()
    rig.step(ev.OffFailed(0, "a hook resists"))
    assert alarms(rig)["OFF_FAILED"] == "this node cannot go off: a hook resists"


def test_an_off_of_a_leader_that_was_never_on_says_nothing_new() -> None:
    """It is off already (The candidate and the leader)."""
    rig = Rig()
    rig.unanswered.add(Beacon)
    until_elected(rig)
    rig.step(ev.Off(0))
    assert rig.node.status()["phase"] == "elected"


# --- the VIP probe


def after_a_silent_death(*, answered: bool) -> Rig:
    """This node follows b, which falls silent; does somebody still answer for the VIP?"""
    rig = Rig(settings(has_vip=True))
    rig.vip_answered = answered
    rig.unanswered.add(PreVote)
    rig.advance(2000)
    rig.hear("b", beacon("b"))
    rig.unanswered.clear()
    rig.cut.add("b")
    rig.mute.add(fx.ProbeVip)
    rig.advance(TIMING.promise_ns / MS + 1)
    return rig


def probe_answers(rig: Rig, *, answered: bool) -> None:
    """The newest probe ends."""
    rid = all_of(rig.log, fx.ProbeVip)[-1].rid
    rig.step(ev.ProbeFinished(rid, answered, "02:00"))


def test_a_probe_that_nobody_answers_lets_the_escalation_go_on() -> None:
    """Started when the promise ended (The candidate and the leader)."""
    rig = after_a_silent_death(answered=False)
    until_elected(rig)
    rig.advance(20)
    assert rig.node.status()["phase"] == "elected"
    probe_answers(rig, answered=False)
    assert all_of(rig.log, fx.Escalate)


def test_a_vip_that_is_answered_three_times_makes_resign() -> None:
    """Two long probes after the first (The candidate and the leader)."""
    rig = after_a_silent_death(answered=True)
    until_elected(rig)
    for _ in range(3):
        assert rig.parts.office is not None
        probe_answers(rig, answered=True)
    assert rig.parts.office is None
    assert rig.node.status()["unfit"] == "its last escalation failed"
    assert [dict(n.fields)["reason"] for n in all_of(rig.log, fx.Note) if n.name == "resigns"] == [
        "vip_conflict"
    ]
    assert not rig.parts.probe.allows_escalation(rig.now)


def test_a_late_probe_of_a_node_that_does_not_lead_says_nothing() -> None:
    """It hears the rightful holder (The candidate and the leader)."""
    rig = after_a_silent_death(answered=True)
    probe_answers(rig, answered=True)
    assert "VIP_CONFLICT" not in alarms(rig)


def test_a_conflict_after_the_vip_is_up_stands_until_it_is_over() -> None:
    """Only an alarm (The candidate and the leader)."""
    rig = Rig(settings(has_vip=True))
    until_elected(rig)
    rig.mute.add(fx.ProbeVip)
    rig.advance(100)
    assert rig.node.status()["phase"] == "escalated"
    rid = rig.parts.probe._rid
    if rig.parts.probe._running is None:
        rig.parts.probe.follow_up(rig.now)
        rid = rig.parts.probe._rid
    rig.step(ev.ProbeFinished(rid, answered=True, detail="02:00"))
    assert "VIP_CONFLICT" in alarms(rig)
    rig.advance(5000)
    assert rig.node.status()["phase"] == "escalated"
    probe_answers(rig, answered=False)
    assert "VIP_CONFLICT" not in alarms(rig)


def test_the_release_of_a_holder_that_was_on_needs_no_probe() -> None:
    """And that of a candidate that never was says nothing (The candidate and the leader)."""
    for was_on in (False, True):
        rig = Rig(settings(has_vip=True))
        rig.unanswered.add(PreVote)
        rig.mute.add(fx.ProbeVip)
        rig.advance(2000)
        rig.hear("b", beacon("b"))
        gone = release("b")
        rig.hear("b", type(gone)(gone.tenure, gone.term, None, gone=False, was_on=was_on))
        assert rig.parts.probe.allows_escalation(rig.now) is was_on


def test_an_alarm_of_the_guardian_stands_for_ten_minutes_and_is_told_to_peers() -> None:
    """Nobody sees its cause go: the address was removed once, by somebody (The guardian)."""
    rig = standby()
    rig.step(ev.GuardianWarned("vip_was_gone", "1 of the VIPs had been removed"))
    assert rig.parts.out.alarms == {"VIP_WAS_GONE": "1 of the VIPs had been removed"}
    assert all_of(rig.log, fx.Alarm) == [], "the guardian has logged it"
    assert "VIP_WAS_GONE" in sent(rig.log, Hello)[-1][1].alarms
    rig.advance(599_000)
    assert rig.parts.out.alarms
    rig.advance(2_000)
    assert rig.parts.out.alarms == {}
