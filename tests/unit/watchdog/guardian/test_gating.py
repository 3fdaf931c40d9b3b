"""Rounds behind tickets, and what the guardian makes of the gate's answers."""

import pytest

from tests.support import at
from tests.unit.watchdog.guardian.rig import SOFT_MS, VIP_ONLY, Rig, names, only, policy, told
from watchdog.guardian import actions as act
from watchdog.guardian.gating import TICKETS_MAX, Gating
from watchdog.guardian.phase import Phase
from watchdog.guardian_protocol import Escalated, Off, OpenRound, RoundOpened
from watchdog.instant import MS

TICKET_MS = 200


def gated(**changes: bool | int) -> Rig:
    """A guardian with a gate and no hooks."""
    return Rig(policy(**VIP_ONLY, has_gate=True, ticket_ns=TICKET_MS * MS, **changes)).start()


def test_a_round_is_open_when_the_kernel_holds_its_ticket() -> None:
    """Only then may it be sent, or the gate could be armed later than the ticket allows (I6)."""
    rig = gated()
    rig.silent = {act.OpenTicket}
    opening = rig.say(OpenRound(1, 1))
    assert only(act.OpenTicket, opening) == [act.OpenTicket(1, 1, TICKET_MS * MS)]
    assert told(opening) == []
    assert told(rig.feed(act.TicketOpened(1, 1, True, ""))) == [RoundOpened(1, 1)]


def test_a_round_without_a_ticket_is_sent_and_moves_nothing() -> None:
    """A kernel that refuses one ticket must not stop the beacons."""
    rig = gated()
    rig.silent = {act.OpenTicket}
    rig.say(OpenRound(1, 1))
    refused = rig.feed(act.TicketOpened(1, 1, False, "no memory"))
    assert told(refused) == [RoundOpened(1, 1)]
    assert only(act.Log, refused) == [act.Log("ticket_refused", "no memory")]
    rig.round = 1
    assert told(rig.escalate()) == [Off(1)]


def test_a_ticket_that_was_asked_for_before_going_off_opens_nothing() -> None:
    """Its answer may come when the next tenure has begun (Going off forgets all rounds)."""
    rig = gated().on()
    rig.silent = {act.OpenTicket}
    rig.round += 1
    rig.say(OpenRound(1, rig.round))
    rig.deescalate()
    rig.feed(act.TicketOpened(1, rig.round, True, ""))
    assert Off(3) in told(rig.escalate(epoch=6, no=1))


def test_tickets_without_answer_are_bounded() -> None:
    """A kernel that answers nothing is asked no more."""
    gating = Gating(policy(has_gate=True, ticket_ns=TICKET_MS * MS))
    for number in range(TICKETS_MAX):
        assert gating.open_round(1, number, at(0))
    assert gating.open_round(1, TICKETS_MAX, at(0)) == []


def test_the_gate_is_armed_before_the_vips_are_added() -> None:
    """An address that answers before its gate is armed would be outside of the proof (G9)."""
    rig = gated()
    rig.open()
    acts = names(rig.escalate())
    assert acts == ["SaveLedger", "ArmGate", "AddVips", "Announce"]


def test_a_refused_gate_refuses_the_claim() -> None:
    """The ticket had expired while the disk was slow: the next grant will do."""
    rig = gated()
    rig.gate_fault = "the ticket has expired"
    rig.open()
    refused = rig.escalate()
    assert told(refused) == [Off(1)]
    assert "AddVips" not in names(refused)
    assert names(refused)[-1] == "CloseGate"
    assert rig.deadline.phase is Phase.OFF
    rig.gate_fault = ""
    rig.open()
    assert Escalated(2) in told(rig.escalate())


@pytest.mark.parametrize("command", ["deescalate", "escalate"])
def test_a_claim_that_waits_for_its_gate_can_be_called_off(command: str) -> None:
    """Nothing was on yet, so off is confirmed at once; the gate's late answer changes nothing."""
    rig = gated()
    rig.silent = {act.ArmGate}
    rig.open()
    rig.escalate()
    assert rig.deadline.phase is Phase.ARMING
    assert not rig.deadline.is_on
    ended = rig.deescalate() if command == "deescalate" else rig.escalate(epoch=6, no=2)
    assert Off(2) in told(ended)
    assert "CloseGate" in names(ended)
    late = rig.feed(act.GateArmed(1, rig.round, True, ""))
    assert names(late) == []
    assert rig.deadline.phase is Phase.OFF


def test_a_claim_that_waits_for_its_gate_hears_no_answer_but_its_own_rounds() -> None:
    """An arm that a newer one replaced is refused, and an earlier tenure's may come late."""
    rig = gated()
    rig.silent = {act.ArmGate}
    rig.open()
    rig.escalate()
    for ok in (False, True):
        rig.feed(act.GateArmed(1, rig.round + 5, ok, "" if ok else "another was armed instead"))
        assert rig.deadline.phase is Phase.ARMING
    assert Escalated(1) in told(rig.feed(act.GateArmed(1, rig.round, True, "")))


def test_a_refused_claim_leaves_nothing_that_refuses_the_next() -> None:
    """What another round had armed is closed with the claim, and is never seen to lapse."""
    rig = gated()
    rig.silent = {act.ArmGate}
    rig.open()
    rig.escalate()
    rig.feed(act.GateArmed(1, rig.round + 5, True, ""))
    assert told(rig.feed(act.GateArmed(1, rig.round, False, "expired"))) == [Off(1)]
    rig.silent = set()
    rig.wait(2 * SOFT_MS)
    rig.open(no=2)
    assert Escalated(2) in told(rig.escalate(epoch=6, no=2))


def test_a_claim_that_grows_old_while_it_waits_for_its_gate_ends() -> None:
    """Somebody else's reload may hold the kernel for long."""
    rig = gated()
    rig.silent = {act.ArmGate}
    rig.open()
    rig.escalate()
    waited = rig.wait(SOFT_MS + 1)
    assert told(waited) == [Off(1)]


def test_every_extension_arms_the_gate_with_its_own_round() -> None:
    """Each spends the ticket of the round that the lease now counts from."""
    rig = gated().on()
    rig.wait(200)
    rig.open()
    assert only(act.ArmGate, rig.extend()) == [act.ArmGate(1, rig.round, SOFT_MS * MS)]


def test_an_extension_by_an_older_round_arms_nothing() -> None:
    """It moves nothing either."""
    rig = gated().on()
    first = rig.round
    rig.wait(200)
    rig.open()
    rig.extend()
    assert only(act.ArmGate, rig.extend(age_ms=202, round=first)) == []


def test_a_gate_that_shuts_by_itself_takes_the_node_off() -> None:
    """A holder that is silent holds up everybody: whoever can open its gate shall lead."""
    rig = gated().on()
    rig.gate_fault = "the ticket has expired"
    for _ in range(4):
        rig.wait(200)
        rig.open()
        rig.extend()
    ended = rig.wait(200)
    assert act.Log("going_off", "gate_shut") in ended
    assert "CloseGate" in names(ended)


def test_refusals_are_logged_only_when_the_gate_runs_low() -> None:
    """One expired ticket under load is nothing that an operator must know."""
    rig = gated().on()
    rig.gate_fault = "the ticket has expired"
    seen = []
    for _ in range(4):
        rig.wait(200)
        rig.open()
        seen.append(len([a for a in rig.extend() if isinstance(a, act.Log)]))
    assert seen[0] == 0
    assert seen[-1] == 1


def test_a_gate_that_was_gone_is_an_alarm() -> None:
    """Somebody flushes the rules of this machine."""
    rig = gated().on()
    made = rig.feed(act.GateChecked(True, "flushed; made anew"))
    assert only(act.Alarm, made) == [act.Alarm("gate_was_gone", "flushed; made anew")]
    assert rig.deadline.phase is Phase.ON


def test_a_gate_that_cannot_be_made_again_ends_the_guardian() -> None:
    """A node that is preferred and cannot go on would hold up all others for ever."""
    rig = gated().on()
    failed = rig.feed(act.GateChecked(False, "not permitted"))
    assert only(act.Alarm, failed) == [act.Alarm("gate_failed", "not permitted")]
    assert "RemoveVips" in names(failed)
    assert only(act.TerminateNode, failed)
    ended = rig.feed(act.NodeExited(0)) + rig.wait(100)
    assert only(act.Exit, ended)[0] == act.Exit(1, "the gate is gone")


def test_going_off_closes_the_gate_after_the_vips() -> None:
    """The address first: the gate lapses by itself, should its call be held up (G3)."""
    rig = gated().on()
    assert names(rig.deescalate())[:2] == ["RemoveVips", "CloseGate"]
