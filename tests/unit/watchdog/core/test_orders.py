"""Operators' commands. Sections in parentheses are those of docs/election.md."""

import pytest

from tests.unit.watchdog.core.rig import Rig, all_of, leader, standby, state
from tests.unit.watchdog.core.support import BEACON_MS, beacon, sent, settings
from watchdog.core import effects as fx
from watchdog.core import events as ev
from watchdog.core.messages import (
    PreVote,
    Release,
    ResignReply,
    ResignRequest,
    Transfer,
)
from watchdog.core.orders import ANSWER_WAIT_NS, WAITING_MAX
from watchdog.core.transfer import REASON_MAX
from watchdog.instant import MS


def command(
    rig: Rig, kind: ev.Command, rid: int = 1, target: str | None = None, reason: str = ""
) -> list[fx.Effect]:
    """An operator's command."""
    return rig.step(ev.CommandReceived(rid, kind, target, reason))


def replies(rig: Rig) -> list[tuple[int, bool, str]]:
    """Everything said to operators so far."""
    return [(r.rid, r.ok, r.text) for r in all_of(rig.log, fx.Reply)]


def following() -> Rig:
    """A node that follows b."""
    rig = standby()
    rig.hear("b", beacon("b"))
    assert rig.node.status()["coordinator"] == "b"
    return rig


# --- switchover


def test_without_a_target_the_best_takes_over() -> None:
    """The leader chooses (Transfer)."""
    rig = leader()
    command(rig, ev.Command.SWITCHOVER)
    assert [peer for peer, _ in sent(rig.log, Transfer)] == ["b"]


def test_without_a_fit_member_there_is_nothing_to_choose() -> None:
    """And the leader stays (Transfer)."""
    rig = leader()
    rig.said_by = {name: {"eligible": False} for name in "bc"}
    rig.advance(BEACON_MS)
    command(rig, ev.Command.SWITCHOVER)
    assert replies(rig) == [(1, False, "no other member is fit to lead (see `quorumdog status`)")]


def test_a_second_switchover_waits_for_the_first() -> None:
    """It is refused, and the first goes on (Transfer)."""
    rig = leader()
    rig.unanswered.add(Transfer)
    command(rig, ev.Command.SWITCHOVER, 1, "b")
    command(rig, ev.Command.SWITCHOVER, 2, "c")
    assert replies(rig) == [(2, False, "a handover to b is under way")]


def test_a_leader_that_resigns_hands_nothing_over() -> None:
    """It is on its way out (Resign)."""
    rig = leader()
    rig.mute.add(fx.Deescalate)
    rig.step(ev.LifecheckReported("a", ev.Verdict.DEAD, "x"))
    command(rig, ev.Command.SWITCHOVER, 2, "c")
    assert replies(rig) == [(2, False, "the coordinator is already handing over")]


def test_a_follower_passes_the_wish_on_and_the_answer_back() -> None:
    """Exactly one reply (States and events)."""
    rig = following()
    effects = command(rig, ev.Command.SWITCHOVER, 7, "a", "maintenance")
    asked = [(peer, r) for peer, r in sent(effects, ResignRequest)]
    assert asked == [("b", ResignRequest(7, "a", "maintenance", by_verdict=False))]
    rig.hear("b", ResignReply(7, ok=True, reason="handing over to a"))
    rig.hear("b", ResignReply(7, ok=True, reason="handing over to a"))
    rig.advance(3000)
    assert replies(rig) == [(7, True, "handing over to a")]


def test_a_coordinator_that_does_not_answer_is_waited_for_two_seconds() -> None:
    """Nothing waits without a bound (States and events)."""
    rig = following()
    command(rig, ev.Command.SWITCHOVER, 7, "a")
    rig.advance(ANSWER_WAIT_NS / MS - 1)
    assert replies(rig) == []
    rig.advance(1)
    rig.hear("b", ResignReply(7, ok=True, reason="late"))
    assert replies(rig) == [(7, False, "the coordinator did not answer")]


def test_without_a_coordinator_the_wish_is_refused() -> None:
    """There is nobody to ask (States and events)."""
    rig = standby()
    command(rig, ev.Command.SWITCHOVER)
    assert replies(rig) == [(1, False, "no coordinator is known here; try again")]


def test_to_the_coordinator_itself_is_no_switchover() -> None:
    """Nothing would change (Transfer)."""
    rig = following()
    command(rig, ev.Command.SWITCHOVER, 1, "b")
    assert replies(rig) == [(1, False, "b is the coordinator already")]


def test_wishes_that_wait_are_bounded() -> None:
    """house rule: bounds."""
    rig = following()
    for rid in range(WAITING_MAX + 1):
        command(rig, ev.Command.SWITCHOVER, rid, "a")
    assert replies(rig) == [(WAITING_MAX, False, "too many commands wait for the coordinator")]


def test_a_reason_is_cut_to_what_travels() -> None:
    """An operator may paste a novel (Messages)."""
    rig = following()
    effects = command(rig, ev.Command.SWITCHOVER, 1, "a", "x" * 1000)
    ((_, request),) = sent(effects, ResignRequest)
    assert request.reason == "x" * REASON_MAX


def test_the_leader_answers_the_node_that_asked() -> None:
    """RESIGN_R carries its rid (Messages)."""
    rig = leader()
    effects = rig.hear("c", ResignRequest(31, "b", "switchover", by_verdict=False))
    assert sent(effects, ResignReply) == [
        ("c", ResignReply(31, ok=True, reason="handing over to b"))
    ]
    assert replies(rig) == []


def test_a_node_that_does_not_lead_says_so() -> None:
    """The asker's view was old (Messages)."""
    rig = following()
    effects = rig.hear("c", ResignRequest(31, "a", "switchover", by_verdict=False))
    assert sent(effects, ResignReply) == [
        ("c", ResignReply(31, ok=False, reason="this node does not lead"))
    ]


# --- verdicts


def test_a_leader_resigns_when_a_quorum_withholds() -> None:
    """RESIGN_REQ from quorum weight (States and events)."""
    rig = leader()
    office = rig.parts.office
    assert office is not None
    request = ResignRequest(office.tenure.no, None, "called dead", by_verdict=True)
    rig.hear("b", request)
    assert rig.node.status()["phase"] == "escalated"
    rig.hear("c", request)
    assert rig.parts.office is None
    assert rig.hear("c", request) == []


def test_a_request_for_an_older_tenure_is_stale() -> None:
    """It was about another claim (Messages)."""
    rig = leader()
    for peer in "bc":
        rig.hear(peer, ResignRequest(99, None, "called dead", by_verdict=True))
    assert rig.node.status()["phase"] == "escalated"


# --- form and stop


def test_form_is_for_a_node_that_lost_its_state() -> None:
    """Said to the running node, once (Formation and lost state)."""
    rig = Rig(amnesiac=True)
    rig.cut.add("c")
    rig.said_by["b"] = {"term": 0}
    rig.unanswered.update(set())
    command(rig, ev.Command.FORM)
    assert replies(rig) == [(1, True, "forms with a quorum, without the missing members")]
    rig = standby()
    command(rig, ev.Command.FORM)
    assert replies(rig) == [(1, False, "this node has its state; nothing to form")]


def test_a_follower_that_stops_says_that_it_is_gone() -> None:
    """RELEASE gone=1, then exit 0 (States and events)."""
    rig = following()
    effects = command(rig, ev.Command.STOP)
    assert [(peer, r.gone) for peer, r in sent(effects, Release)] == [("b", True), ("c", True)]
    assert all_of(effects, fx.Exit) == [fx.Exit(0, "stopped")]
    assert replies(rig) == [(1, True, "stopping")]


def test_stopping_twice_exits_once() -> None:
    """And both commands are answered (States and events)."""
    rig = following()
    command(rig, ev.Command.STOP, 1)
    command(rig, ev.Command.STOP, 2)
    rig.advance(1000)
    assert len(all_of(rig.log, fx.Exit)) == 1
    assert [rid for rid, _, _ in replies(rig)] == [1, 2]


def test_a_candidate_that_stops_releases_its_tenure() -> None:
    """So that it binds nobody (Timers, vote_wait)."""
    rig = Rig()
    rig.mute.add(fx.OpenRound)
    rig.advance(2000)
    assert rig.node.status()["phase"] == "candidate"
    effects = command(rig, ev.Command.STOP)
    assert {r.gone for _, r in sent(effects, Release)} == {False, True}


def test_a_leader_that_stops_hands_over_first() -> None:
    """resign(best) -> RELEASE gone=1 -> exit (States and events)."""
    rig = leader()
    effects = command(rig, ev.Command.STOP)
    named = [r.successor for _, r in sent(effects, Release)]
    assert named == ["b", "b", None, None]
    assert all_of(effects, fx.Exit) == [fx.Exit(0, "stopped")]


def test_a_leader_without_a_successor_just_leaves() -> None:
    """SIGTERM of the last node (States and events)."""
    rig = leader()
    rig.said_by = {name: {"eligible": False} for name in "bc"}
    rig.advance(BEACON_MS)
    effects = command(rig, ev.Command.STOP)
    assert sent(effects, Transfer) == []
    assert len(all_of(effects, fx.Exit)) == 1


@pytest.mark.parametrize("how", ["refuses", "is silent"])
def test_a_leader_stops_although_its_successor(how: str) -> None:
    """It was asked to stop, not to hand over (States and events)."""
    rig = leader()
    if how == "refuses":
        rig.ready_reason = "hook is missing"
    else:
        rig.unanswered.add(Transfer)
    rig.unanswered.add(PreVote)
    command(rig, ev.Command.STOP)
    rig.advance(2 * BEACON_MS)
    assert len(all_of(rig.log, fx.Exit)) == 1
    assert {r.gone for _, r in sent(rig.log, Release)} == {False, True}


def test_a_stop_answers_whoever_waits_for_a_handover() -> None:
    """Exactly one reply to each command (States and events)."""
    rig = leader()
    rig.unanswered.add(Transfer)
    command(rig, ev.Command.SWITCHOVER, 1, "c")
    command(rig, ev.Command.STOP, 2)
    rig.advance(2 * BEACON_MS)
    assert sorted(rid for rid, _, _ in replies(rig)) == [1, 2]


def test_a_leader_that_resigns_already_is_left_to_it() -> None:
    """The guardian goes off once (Resign)."""
    rig = leader()
    rig.mute.add(fx.Deescalate)
    rig.step(ev.LifecheckReported("a", ev.Verdict.DEAD, "x"))
    start = len(rig.log)
    command(rig, ev.Command.STOP)
    assert all_of(rig.log[start:], fx.Deescalate) == []
    assert all_of(rig.log[start:], fx.Exit) == []
    assert state(rig) == "COORDINATOR"


def test_a_node_whose_guardian_is_not_off_exits_with_one() -> None:
    """Nobody may be told that it is off (Resign)."""
    rig = Rig(settings(), off_clean=False)
    rig.advance(100)
    effects = command(rig, ev.Command.STOP)
    assert all_of(effects, fx.Exit) == [fx.Exit(1, "stopped")]
    assert sent(effects, Release) == []
