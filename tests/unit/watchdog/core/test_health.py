"""What a node does about its own health. Sections in parentheses are those of docs/election.md."""

from typing import Any

import pytest

from tests.unit.watchdog.core.rig import Rig, all_of, leader, standby
from tests.unit.watchdog.core.support import (
    BEACON_MS,
    hello,
    members,
    sent,
    settings,
    tenure,
)
from watchdog.core import effects as fx
from watchdog.core import events as ev
from watchdog.core.health import HANDICAP_GAP_NS, TARGETS_SILENT, VETO_SETTLES_NS
from watchdog.core.messages import Beacon, Hello, Ready, Release, ResignRequest, Transfer
from watchdog.instant import MS

DEAD = ev.Verdict.DEAD
ALIVE = ev.Verdict.ALIVE


def veto(rig: Rig, reason: str = "upstream: silent") -> list[fx.Effect]:
    """This node's targets do not answer."""
    return rig.step(ev.StandingReported("lifecheck", 0, reason))


def phase(rig: Rig) -> str:
    """How far the lead has come, or what else."""
    return str(rig.node.status()["phase"])


# --- a sick coordinator


def test_a_sick_coordinator_hands_over_to_the_best_node() -> None:
    """Asking first costs a round trip and saves the election (Verdicts)."""
    rig = leader()
    rig.said_by["c"] = {"priority": 9}
    rig.advance(BEACON_MS)
    effects = rig.step(ev.LifecheckReported("a", DEAD, "postgres: gone"))
    assert [peer for peer, _ in sent(effects, Transfer)] == ["c"]
    releases = [message for _, message in sent(effects, Release)]
    assert {message.successor for message in releases} == {"c"}
    assert {message.reason for message in releases} == {"unhealthy: postgres: gone"}


def test_it_resigns_at_once_when_nobody_else_is_fit() -> None:
    """A service that is dead here may not stay here (Verdicts)."""
    rig = leader()
    rig.said_by = {name: {"eligible": False} for name in "bc"}
    rig.advance(2 * BEACON_MS)
    effects = rig.step(ev.LifecheckReported("a", DEAD, "x"))
    assert sent(effects, Transfer) == []
    assert {message.successor for _, message in sent(effects, Release)} == {None}


def test_it_resigns_when_the_best_node_is_not_ready() -> None:
    """One is asked, not one after the other (Verdicts)."""
    rig = leader()
    rig.unanswered.add(Transfer)
    rig.step(ev.LifecheckReported("a", DEAD, "x"))
    assert phase(rig) == "escalated"
    office = rig.parts.office
    assert office is not None
    effects = rig.hear("b", Ready(office.tenure, ok=False, reason="no hook"))
    assert sent(effects, Transfer) == []
    assert {message.successor for _, message in sent(effects, Release)} == {None}


def test_it_waits_two_beacon_intervals_at_most() -> None:
    """Whoever does not answer is no successor (Verdicts)."""
    rig = leader()
    rig.unanswered.add(Transfer)
    rig.step(ev.LifecheckReported("a", DEAD, "x"))
    rig.advance(2 * BEACON_MS - 1)
    assert phase(rig) == "escalated"
    rig.advance(2)
    assert rig.parts.office is None


def test_it_resigns_at_once_when_the_best_node_does_not_grant() -> None:
    """Whoever does not answer beacons will not answer this either (Verdicts)."""
    rig = leader()
    rig.unanswered.add(Beacon)
    rig.advance(2 * BEACON_MS + 1)
    effects = rig.step(ev.LifecheckReported("a", DEAD, "x"))
    assert sent(effects, Transfer) == []
    assert rig.parts.office is None


def test_a_handover_under_way_is_waited_for_and_no_other_begun() -> None:
    """An operator may have been first (Verdicts)."""
    rig = leader()
    rig.unanswered.add(Transfer)
    rig.step(ev.CommandReceived(1, ev.Command.SWITCHOVER, "c"))
    effects = rig.step(ev.LifecheckReported("a", DEAD, "x"))
    assert sent(effects, Transfer) == []
    effects = rig.advance(2 * BEACON_MS + 1)
    assert sent(effects, Transfer) == []
    assert rig.parts.office is None


def test_one_that_is_not_on_yet_just_resigns() -> None:
    """There is nothing to hand over (Verdicts)."""
    rig = Rig()
    rig.mute.add(fx.Escalate)
    for _ in range(300):
        if phase(rig) == "escalating":
            break
        rig.advance(10)
    assert phase(rig) == "escalating"
    effects = rig.step(ev.LifecheckReported("a", DEAD, "x"))
    assert sent(effects, Transfer) == []
    assert rig.parts.office is None


def test_health_that_changes_is_said_once() -> None:
    """A line for each change, none for a repetition (Verdicts)."""
    rig = standby()
    names: list[str] = []
    for verdict in (DEAD, DEAD, ALIVE, ALIVE):
        notes = all_of(rig.step(ev.LifecheckReported("a", verdict, "x")), fx.Note)
        names += [note.name for note in notes]
    assert names == ["verdict", "unhealthy", "verdict", "healthy"]


def test_a_verdict_about_nobody_is_nothing() -> None:
    """The names are checked at the socket, and once more here (Verdicts)."""
    rig = standby()
    assert rig.step(ev.LifecheckReported("nobody", DEAD, "x")) == []


# --- other members


def test_a_restarted_member_is_not_called_dead_by_an_operator_any_more() -> None:
    """What was said was about its old process (Verdicts)."""
    rig = standby()
    rig.step(ev.LifecheckReported("b", DEAD, "x", source=ev.INFORM))
    assert rig.parts.verdicts.dead == {"b"}
    rig.hear("b", hello("b"))
    assert rig.parts.verdicts.dead == {"b"}
    rig.hear("b", hello("b", life=2), life=2)
    assert rig.parts.verdicts.dead == set()


def test_a_lost_source_takes_its_verdicts_with_it() -> None:
    """UNKNOWN never moves anything (Verdicts)."""
    rig = standby()
    rig.step(ev.LifecheckReported("b", DEAD, "x", source="client 7"))
    rig.step(ev.LifecheckLost("client 7", "closed"))
    assert rig.parts.verdicts.dead == set()


def test_more_dead_members_than_a_hello_can_name_leave_the_coordinator_in() -> None:
    """A HELLO has a bound; a verdict about the coordinator is the one that matters (Messages)."""
    names = "abcdefghijklmnopqrstuvwxyz"
    rig = Rig(settings(members=members(names)))
    for name in names[1:]:
        rig.step(ev.LifecheckReported(name, DEAD, "x"))
    rig.hear("z", hello("z"))
    rig.parts.voter.give(tenure("z"), 1, rig.now)
    rig.advance(2 * BEACON_MS)
    said = [message for _, message in sent(rig.log, Hello)][-1]
    assert len(said.verdicts) == 16
    assert rig.parts.coordinator() is None or rig.parts.coordinator() in said.verdicts


# --- veto


def test_a_node_with_a_veto_leaves_the_lead_to_another() -> None:
    """One dead gateway of mine: somebody else can be reached (Verdicts)."""
    rig = leader()
    assert sent(veto(rig), Transfer) == []
    assert "upstream: silent" in rig.node.status()["unfit"]
    assert sent(rig.advance(VETO_SETTLES_NS / MS - 1), Transfer) == []
    effects = rig.advance(1)
    assert {message.successor for _, message in sent(effects, Release)} == {"b"}


def test_nodes_that_share_a_dead_gateway_do_not_pass_the_lead_around() -> None:
    """They do not notice at the same moment that it is gone, nor that it is back (Verdicts)."""
    rig = leader()
    veto(rig)
    rig.advance(2500)
    rig.said_by = {name: {"vetoed": True} for name in "bc"}
    rig.advance(5000)
    rig.said_by = {}
    rig.advance(2500)
    veto(rig, "")
    rig.advance(5000)
    assert phase(rig) == "escalated"
    assert sent(rig.log, Release) == []


def test_a_veto_counts_for_nothing_while_all_have_one() -> None:
    """One dead gateway of all must not stop everything: an alarm only (Verdicts)."""
    rig = leader()
    rig.said_by = {name: {"vetoed": True} for name in "bc"}
    rig.advance(2 * BEACON_MS)
    effects = veto(rig)
    assert phase(rig) == "escalated"
    assert TARGETS_SILENT in [alarm.name for alarm in all_of(effects, fx.Alarm)]
    veto(rig, "")
    assert TARGETS_SILENT not in rig.parts.out.alarms


def test_a_veto_begins_to_count_when_another_node_recovers() -> None:
    """Its HELLO says so (Verdicts)."""
    rig = leader()
    rig.said_by = {name: {"vetoed": True} for name in "bc"}
    rig.advance(2 * BEACON_MS)
    veto(rig)
    rig.said_by["c"] = {}
    rig.advance(BEACON_MS + 1)
    assert phase(rig) == "escalated"
    rig.advance(VETO_SETTLES_NS / MS)
    assert rig.parts.office is None


def test_a_node_with_a_veto_says_so_and_still_votes() -> None:
    """It never dissolves the quorum (Verdicts)."""
    rig = standby()
    effects = veto(rig)
    said = [message for _, message in sent(effects, Hello)]
    assert said
    assert all(h.vetoed and not h.eligible and h.unfit == "upstream: silent" for h in said)
    assert rig.node.status()["quorum"]["ok"]


# --- priority


def handicapped(**said: Any) -> Rig:
    """A coordinator of priority 3 beside b of 2 and c of 1."""
    rig = Rig(settings(members=members("abc", a={"priority": 3, "order": 9})))
    rig.said_by = {"b": {"priority": 2, **said}, "c": {"priority": 1}}
    rig.advance(3000)
    assert phase(rig) == "escalated"
    return rig


@pytest.mark.parametrize(("by", "moves"), [(1, False), (2, True)])
def test_a_lowered_priority_moves_the_lead_to_whoever_has_more(by: int, moves: bool) -> None:
    """Equal is not more (Verdicts)."""
    rig = handicapped()
    rig.step(ev.StandingReported("lifecheck", by, ""))
    assert (rig.parts.office is None) is moves
    assert rig.node.status()["nodes"][0]["priority"] == 3 - by
    if moves:
        assert rig.parts.last_end == ("a", "priority lowered")


def test_a_priority_never_falls_below_zero() -> None:
    """It travels as an unsigned number (Messages)."""
    rig = handicapped()
    rig.step(ev.StandingReported("lifecheck", 100, ""))
    assert rig.parts.fitness.priority == 0


def test_a_lowered_priority_is_offered_once_a_second() -> None:
    """To whoever refuses, again later (Verdicts)."""
    rig = handicapped()
    rig.unanswered.add(Transfer)
    rig.step(ev.StandingReported("lifecheck", 3, ""))
    effects = rig.advance(HANDICAP_GAP_NS / MS + BEACON_MS)
    assert [peer for peer, _ in sent(effects, Transfer)] == ["b"]


def test_a_node_that_objects_or_has_less_is_not_offered_the_lead() -> None:
    """Fit means fit (Verdicts)."""
    rig = handicapped(eligible=False)
    rig.unanswered.add(Transfer)
    effects = rig.step(ev.StandingReported("lifecheck", 2, ""))
    assert sent(effects, Transfer) == []


# --- what runs only where the VIP is


def on_epoch(rig: Rig) -> int:
    """The epoch under which this node is on."""
    return int(rig.node.status()["epoch"])


def test_a_dead_service_of_the_coordinator_moves_the_lead_and_is_punished() -> None:
    """It may be broken there: the next attempt waits, longer each time (Verdicts)."""
    rig = leader()
    rig.step(ev.HookEnded(rig.parts.guard._escalate_n, ok=True, detail=""))
    rig.step(ev.LifecheckReported("a", DEAD, "postgres: gone", epoch=on_epoch(rig)))
    assert rig.parts.office is None
    assert rig.parts.last_end == ("a", "unhealthy: postgres: gone")
    assert rig.parts.fitness.is_healthy
    assert rig.node.status()["unfit"] == "its last escalation failed"


def test_it_says_nothing_against_a_standby_or_a_later_tenure() -> None:
    """It is not even meant to run there (Verdicts)."""
    rig = leader()
    rig.step(ev.HookEnded(rig.parts.guard._escalate_n, ok=True, detail=""))
    rig.step(ev.LifecheckReported("a", DEAD, "x", epoch=on_epoch(rig) - 1))
    assert phase(rig) == "escalated"
    rig = standby()
    rig.step(ev.LifecheckReported("a", DEAD, "x", epoch=7))
    assert rig.parts.fitness.is_fit(rig.now)


def test_it_says_nothing_before_the_escalation_hook_has_succeeded() -> None:
    """The hook is what starts it (Verdicts)."""
    rig = leader()
    rig.parts.office.is_armed = False  # type: ignore[union-attr]
    rig.step(ev.LifecheckReported("a", DEAD, "x", epoch=on_epoch(rig)))
    assert phase(rig) == "escalated"


# --- verdicts of a quorum


def test_a_coordinator_called_dead_by_a_quorum_still_resigns() -> None:
    """The counterpart of one's own opinion (The voter's rule)."""
    rig = leader()
    office = rig.parts.office
    assert office is not None
    for peer in "bc":
        rig.hear(peer, ResignRequest(office.tenure.no, None, "called dead", by_verdict=True))
    assert rig.parts.office is None


def test_a_node_with_a_veto_ranks_behind_those_without() -> None:
    """Otherwise a successor would be asked that has the same reason to refuse (Verdicts)."""
    rig = leader()
    rig.said_by = {"b": {"vetoed": True, "priority": 9}}
    rig.advance(2 * BEACON_MS)
    veto(rig)
    effects = rig.advance(VETO_SETTLES_NS / MS)
    assert [peer for peer, _ in sent(effects, Transfer)] == ["c"]
    assert rig.parts.fitness.order(rig.now)[0] is False
