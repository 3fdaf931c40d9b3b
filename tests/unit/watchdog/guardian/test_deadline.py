"""The door: who may say what and when, and that the deadline is always awake in time."""

import random

import pytest

from tests.support import at
from tests.unit.watchdog.guardian.rig import (
    HARD_MS,
    INC,
    SOFT_MS,
    VIP_ONLY,
    Rig,
    names,
    only,
    policy,
    told,
)
from watchdog.guardian import actions as act
from watchdog.guardian.deadline import ASKED_MAX
from watchdog.guardian_protocol import (
    ArmWill,
    CheckReady,
    Deescalate,
    NodeUp,
    Notify,
    Off,
    OpenRound,
    ProbeFinished,
    ProbeVip,
    ReadyChecked,
    RoundOpened,
    Welcome,
)


def test_the_welcome_says_the_last_epoch_and_whether_all_is_off() -> None:
    """A node's term is never below it, and it stays LOADING until off."""
    rig = Rig(ledger=act.Ledger(7, False))
    rig.feed(act.Started())
    assert told(rig.say(NodeUp(INC))) == [Welcome(7, True)]


def test_the_first_packet_and_only_the_first_is_node_up() -> None:
    """A process that does not keep to it is broken: killed."""
    rig = Rig()
    rig.feed(act.Started())
    assert len(only(act.KillNode, rig.say(OpenRound(1, 1)))) == 1
    rig = Rig().start()
    assert len(only(act.KillNode, rig.say(NodeUp(INC)))) == 1


def test_the_numbers_of_commands_only_rise() -> None:
    """An answer by number would otherwise mean two things."""
    rig = Rig().start()
    rig.say(Deescalate(3, ""))
    rig.silent = {act.KillNode}
    assert len(only(act.KillNode, rig.say(Deescalate(3, "")))) == 1
    assert rig.say(OpenRound(1, 1)) == [], "nothing that the condemned says is heard"


def test_packets_of_nobody_are_ignored() -> None:
    """Between two processes there is none."""
    rig = Rig().start()
    rig.feed(act.NodeExited(1))
    assert rig.say(OpenRound(1, 1)) == []


def test_a_round_is_opened_at_once() -> None:
    """Without a gate there is nothing to wait for."""
    assert told(Rig().start().say(OpenRound(4, 2))) == [RoundOpened(4, 2)]


def test_readiness_is_off_and_hooks_in_order() -> None:
    """READY for a transfer."""
    rig = Rig().start()
    assert told(rig.say(CheckReady(1))) == [ReadyChecked(1, True, "")]
    rig.on()
    assert told(rig.say(CheckReady(2))) == [ReadyChecked(2, False, "guardian is on")]


def test_an_answer_reaches_only_the_process_that_asked() -> None:
    """Numbers of questions begin anew with each process."""
    rig = Rig().start()
    rig.silent = {act.ProbeVips}
    assert only(act.ProbeVips, rig.say(ProbeVip(1, 60))) == [act.ProbeVips(1, 60)]
    rig.feed(act.NodeExited(1))
    rig.wait(1000)
    rig.say(NodeUp(b"j" * 16))
    assert told(rig.feed(act.VipsProbed(1, True, "x"))) == []
    rig.say(ProbeVip(1, 60))
    assert told(rig.feed(act.VipsProbed(1, False, ""))) == [ProbeFinished(1, False, "")]
    assert told(rig.feed(act.VipsProbed(1, False, ""))) == [], "once"


def test_without_vips_nobody_answers_for_one() -> None:
    """Hooks alone: there is nothing to probe."""
    rig = Rig(policy(has_vips=False)).start()
    assert told(rig.say(ProbeVip(1, 60))) == [ProbeFinished(1, False, "")]


def test_questions_are_bounded() -> None:
    """A node that only asks is broken."""
    rig = Rig().start()
    rig.silent = {act.ProbeVips}
    for rid in range(ASKED_MAX):
        assert only(act.KillNode, rig.say(ProbeVip(rid, 60))) == []
    assert len(only(act.KillNode, rig.say(ProbeVip(99, 60)))) == 1


def test_notifications_pass_through() -> None:
    """The state_change hook is no business of the deadline."""
    packet = Notify("STANDBY", "COORDINATOR", "", "alpha", 3, "won")
    assert Rig().start().say(packet) == [act.RunNotify(packet)]


@pytest.mark.parametrize("seed", range(30))
def test_whatever_comes_it_is_off_by_hard(seed: int) -> None:
    """Random commands and faults; the only promise that matters, by the machine's own VIP."""
    rng = random.Random(seed)
    rig = Rig(policy(**VIP_ONLY) if seed % 2 else policy()).start()
    lease = at(0)
    for _ in range(300):
        rig.wait(rng.choice([0, 1, 20, 150, 400]))
        rig.silent = {kind for kind in (act.SaveLedger, act.StartHook) if rng.random() < 0.2}
        match rng.randrange(7):
            case 0 | 1 | 2:
                rig.open()
                rig.extend(epoch=rig.deadline.last_epoch, age_ms=rng.choice([0, 0, 1, 5]))
            case 3:
                rig.open()
                rig.escalate(epoch=rig.deadline.last_epoch + 1)
            case 4:
                rig.deescalate()
            case 5 if rng.random() < 0.3:
                rig.feed(act.NodeExited(-9))
                rig.wait(6000)
                rig.n = 0
                rig.say(NodeUp(INC))
            case _:
                if rig.deadline._holding.epochs.saving:
                    rig.feed(act.LedgerSaved(rng.random() < 0.8, ""))
        claim = rig.deadline._holding._claim
        lease = claim.s if claim else lease
        if rig.deadline.is_on:
            assert rig.ms - lease.boot_ns / 1e6 <= HARD_MS, "on past hard"
    rig.silent = set()
    rig.wait(SOFT_MS + HARD_MS)
    assert not rig.deadline.is_on


def test_it_always_wakes_while_anything_is_on() -> None:
    """A deadline without a timer would be a hope."""
    rig = Rig().start().on()
    assert rig.deadline.next_deadline is not None
    rig.silent = {act.StartHook, act.KillHooks}
    rig.vip_fault = "device busy"
    rig.deescalate()
    for _ in range(100):
        wake = rig.deadline.next_deadline
        assert wake is not None
        rig.pass_to(wake / 1e6)
        rig.feed(act.Ticked())
    assert rig.deadline.is_on


def test_a_second_will_takes_the_place_of_the_first() -> None:
    """One incarnation, one will: the newest addresses count."""
    rig = Rig(policy(**VIP_ONLY)).start()
    rig.say(ArmWill(b"newer", ()))
    assert only(act.SendWill, rig.feed(act.NodeExited(1)))[0].will.datagram == b"newer"


def test_stop_before_anything_was_on_ends_at_once() -> None:
    """No node process lives: nothing to wait for."""
    rig = Rig(policy(**VIP_ONLY))
    rig.silent = {act.StartNode}
    rig.feed(act.Started())
    rig.feed(act.NodeExited(127))
    assert names(rig.feed(act.StopRequested())) == []
    assert only(act.Exit, rig.seen)[0].code == 0
    assert told(rig.seen) == []
    assert Off not in map(type, told(rig.seen))
