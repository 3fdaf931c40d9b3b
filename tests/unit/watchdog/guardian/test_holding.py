"""Claims: what may go on, what keeps it on, and what takes it off (G1, G2, G5, G9)."""

import pytest

from tests.support import at
from tests.unit.watchdog.guardian.rig import (
    BARE,
    SOFT_MS,
    VIP_ONLY,
    Rig,
    names,
    only,
    policy,
    told,
)
from watchdog.guardian import actions as act
from watchdog.guardian.phase import Phase
from watchdog.guardian_protocol import Escalate, Escalated, ExtendRefused, HookEnded, Off, OffFailed


def test_going_on_saves_then_adds_then_announces_then_runs_the_hook() -> None:
    """G9 in order; the epoch is durable before anything is on."""
    rig = Rig().start()
    rig.open()
    got = rig.escalate(epoch=5)
    assert names(got) == ["SaveLedger", "AddVips", "Announce", "StartHook"]
    assert only(act.SaveLedger, got)[0].ledger == act.Ledger(5, dirty=True)
    assert only(act.AddVips, got)[0].lifetime_s == 3
    assert told(got) == [Escalated(1), HookEnded(1, True, "exit code 0")]


def test_without_a_hook_its_end_is_told_at_once() -> None:
    """The node waits for HookEnded whether or not there is a hook."""
    rig = Rig(policy(**VIP_ONLY)).start()
    rig.open()
    got = rig.escalate()
    assert told(got) == [Escalated(1), HookEnded(1, True, "")]
    assert only(act.SaveLedger, got)[0].ledger == act.Ledger(5, dirty=False)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"age_ms": -1}, "future"),
        ({"age_ms": SOFT_MS}, "lease is over"),
        ({"round": 7}, "not opened"),
        ({"age_ms": 5}, "opened after it was sent"),
        ({"no": 2}, "not opened"),
        ({"epoch": 3}, "below the last one"),
        ({"hard_ms": SOFT_MS + 699}, "no time to go off"),
    ],
)
def test_a_claim_that_cannot_stand_is_refused_with_off(change: dict[str, int], words: str) -> None:
    """G1: each reason alone is enough, and nothing was touched."""
    rig = Rig(ledger=act.Ledger(4, False)).start()
    rig.open()
    if change.get("age_ms") == SOFT_MS:
        rig.pass_to(rig.ms + SOFT_MS)
    got = rig.escalate(**change)
    assert told(got) == [Off(1)]
    assert names(got) == []
    assert words in only(act.Log, got)[0].text


def test_an_epoch_belongs_to_one_tenure() -> None:
    """Two tenures under one fencing token would be two holders to a resource."""
    rig = Rig().start().on(epoch=5)
    rig.deescalate()
    rig.open(no=2)
    assert told(rig.escalate(epoch=5, no=2)) == [Off(3)]
    rig.open(no=1)
    assert Escalated(4) in told(rig.escalate(epoch=5, no=1))
    rig.deescalate()
    rig.feed(act.NodeExited(1))
    rig.wait(1000)
    rig.n = 0
    rig = _greet(rig)
    rig.open(no=1)
    assert told(rig.escalate(epoch=5, no=1)) == [Off(1)], "another incarnation, another tenure"


def _greet(rig: Rig) -> Rig:
    from watchdog.guardian_protocol import NodeUp

    rig.say(NodeUp(b"j" * 16))
    return rig


def test_a_claim_is_looked_at_again_when_it_is_durable() -> None:
    """The disk may take longer than the lease lasts."""
    rig = Rig().start()
    rig.silent = {act.SaveLedger}
    rig.open()
    assert names(rig.escalate()) == ["SaveLedger"]
    assert rig.deadline.phase is Phase.SAVING
    assert not rig.deadline.is_on
    assert told(rig.wait(SOFT_MS + 10)) == [Off(1)]
    assert names(rig.feed(act.LedgerSaved(True, ""))) == []
    assert not rig.deadline.is_on


def test_a_ledger_that_cannot_be_saved_refuses_the_claim_and_readiness() -> None:
    """What is not durable would be forgotten by the next guardian."""
    from watchdog.guardian_protocol import CheckReady, ReadyChecked

    rig = Rig().start()
    rig.silent = {act.SaveLedger}
    rig.open()
    rig.escalate()
    got = rig.feed(act.LedgerSaved(False, "no space left"))
    assert told(got) == [Off(1)]
    assert only(act.Alarm, got)[0].name == "ledger_failed"
    got = rig.say(CheckReady(1))
    assert told(got) == [ReadyChecked(1, False, "guardian cannot save its ledger")]
    assert names(got) == ["SaveLedger"], "and it is tried again"


def test_extensions_during_the_save_keep_the_claim() -> None:
    """The leader goes on sending rounds; a slow disk alone must not end its tenure."""
    rig = Rig().start()
    rig.silent = {act.SaveLedger}
    rig.open()
    rig.escalate()
    rig.wait(800)
    rig.open()
    assert told(rig.extend()) == []
    rig.wait(800)
    assert Escalated(1) in told(rig.feed(act.LedgerSaved(True, "")))


def test_an_address_that_came_too_late_goes_at_once() -> None:
    """The clock pair is read again after RTM_NEWADDR (G9)."""
    rig = Rig().start()
    rig.silent = {act.AddVips}
    rig.open()
    rig.escalate()
    rig.pass_to(rig.ms + SOFT_MS)
    got = rig.feed(act.VipsAdded(True, ""))
    assert names(got)[0] == "RemoveVips"
    assert Escalated(1) not in told(got)


def test_vips_that_cannot_be_added_take_everything_off() -> None:
    """All or nothing."""
    rig = Rig(policy(**VIP_ONLY)).start()
    rig.silent = {act.AddVips}
    rig.open()
    rig.escalate()
    got = rig.feed(act.VipsAdded(False, "no such interface"))
    assert names(got) == ["RemoveVips"]
    assert told(got) == [Off(1, "vip_failed")]


def test_the_lease_ends_softly_without_an_extension() -> None:
    """G2: nobody needs to say anything."""
    rig = Rig(policy(**VIP_ONLY)).start().on()
    assert names(rig.wait(SOFT_MS - 10)) == []
    got = rig.wait(20)
    assert names(got) == ["RemoveVips"]
    assert told(got) == [Off(1, "lease_ended")], "unsolicited, under the last command's number"


def test_the_faster_clock_ends_the_lease() -> None:
    """Neither clock alone is trusted: BOOTTIME may be slewed to run slow."""
    rig = Rig(policy(**VIP_ONLY)).start().on()
    rig.ms += SOFT_MS * 0.92
    rig.raw_ms += SOFT_MS
    assert names(rig.feed(act.Ticked())) == ["RemoveVips"]


def test_a_suspend_takes_everything_off() -> None:
    """BOOTTIME ran on, RAW did not: the machine slept, however short the lease's use was."""
    rig = Rig(policy(**VIP_ONLY)).start().on()
    rig.ms += 300
    rig.raw_ms += 10
    got = rig.feed(act.Ticked())
    assert only(act.Log, got)[0] == act.Log("going_off", "clock_jump")


def test_an_extension_moves_the_end_and_an_older_one_does_not() -> None:
    """Acknowledgements may come in any order."""
    rig = Rig(policy(**VIP_ONLY)).start().on()
    rig.wait(500)
    rig.open()
    first = rig.round
    rig.wait(300)
    rig.open()
    assert told(rig.extend()) == []
    assert told(rig.extend(age_ms=301, round=first)) == []
    assert names(rig.wait(SOFT_MS - 20)).count("RemoveVips") == 0
    assert "RemoveVips" in names(rig.wait(30))


@pytest.mark.parametrize("change", [{"epoch": 6}, {"no": 2}, {"round": 9}, {"age_ms": -1}])
def test_an_extension_of_something_else_is_refused(change: dict[str, int]) -> None:
    """It is answered; one that is taken is not, because the next round will be."""
    rig = Rig(policy(**VIP_ONLY)).start().on()
    rig.open()
    assert told(rig.extend(**change)) == [ExtendRefused(2)]
    assert "RemoveVips" in names(rig.wait(SOFT_MS))


def test_an_extension_of_nothing_is_refused() -> None:
    """Off stays off; only Escalate goes on."""
    rig = Rig().start()
    rig.open()
    assert told(rig.extend()) == [ExtendRefused(1)]
    assert not rig.deadline.is_on


def test_going_off_forgets_all_rounds() -> None:
    """A grant that was asked for before must not bring anything back."""
    rig = Rig(policy(**VIP_ONLY)).start().on()
    rig.open()
    rig.deescalate()
    assert told(rig.escalate()) == [Off(3)]


def test_the_lifetime_is_renewed_at_most_once_a_second() -> None:
    """Each refresh is a netlink call that takes the kernel's lock."""
    rig = Rig(policy(**VIP_ONLY)).start().on()
    refreshed = 0
    for _ in range(30):
        rig.wait(100)
        rig.open()
        refreshed += len(only(act.RefreshVips, rig.extend()))
    assert refreshed in (2, 3)
    rig.silent = {act.RefreshVips}
    rig.wait(800)
    rig.open()
    rig.extend()
    rig.wait(300)
    rig.open()
    rig.extend()
    assert names(rig.feed(act.VipsAdded(False, "no such interface")))[0] == "RemoveVips"


def test_announcements_are_repeated() -> None:
    """At once, after 1 and 5 s, then every 30 s: a frame may be lost or queued somewhere."""
    rig = Rig(policy(**VIP_ONLY)).start().on()
    began, heard = rig.ms, []
    for _ in range(700):
        got = rig.wait(100)
        heard += [round((rig.ms - began) / 1000, 1) for _ in only(act.Announce, got)]
        rig.open()
        rig.extend()
    assert [round(x) for x in heard] == [1, 5, 35, 65]


def test_another_claimant_is_contradicted_five_times_a_second_at_most() -> None:
    """And only while on: when off, somebody else *should* have it."""
    rig = Rig(policy(**VIP_ONLY)).start()
    assert rig.feed(act.VipClaimed("x")) == []
    rig.on()
    got = rig.feed(*[act.VipClaimed("02:00:00:00:00:01")] * 5)
    assert names(got) == ["Announce"]
    assert [a.event for a in only(act.RunNotify, got)] == ["conflict_won"]
    rig.pass_to(rig.ms + 200)
    got = rig.feed(act.VipClaimed("02:00:00:00:00:01"))
    assert names(got) == ["Announce"]
    assert only(act.RunNotify, got) == [], "the hook and the alarm: once in 30 s"


def test_deescalate_is_answered_with_its_own_number() -> None:
    """An OFF that crossed an Escalate must not be read as its answer."""
    rig = Rig(policy(**VIP_ONLY)).start().on()
    assert told(rig.deescalate()) == [Off(2)]
    assert told(rig.deescalate()) == [Off(3)], "also when nothing is on"


def test_deescalate_during_the_save_ends_the_claim() -> None:
    """While an Escalate is in work only one answer is sent, and it covers both."""
    rig = Rig().start()
    rig.silent = {act.SaveLedger}
    rig.open()
    rig.escalate()
    assert told(rig.deescalate()) == [Off(2)]
    rig.silent = set()
    assert names(rig.feed(act.LedgerSaved(True, ""))) == []


def test_an_escalate_while_going_off_is_answered_by_the_off_that_follows() -> None:
    """Off(n) with the new number: the node tries again at the next grant."""
    rig = Rig().start().on()
    rig.silent = {act.StartHook}
    assert told(rig.deescalate()) == []
    rig.open()
    assert told(rig.escalate(epoch=6)) == []
    got = rig.feed(act.HookExited(act.HookKind.DE_ESCALATION, True, ""))
    assert told(got) == [Off(3)]


def test_an_escalate_while_on_is_a_fault_and_takes_everything_off() -> None:
    """A node that does not know what it holds must not hold it."""
    rig = Rig(policy(**VIP_ONLY)).start().on()
    rig.open()
    assert told(rig.escalate()) == [Off(2, "escalate_while_on")]
    assert not rig.deadline.is_on


def test_a_newer_escalate_takes_the_place_of_one_that_waits() -> None:
    """The answer to the newer one is the answer to both."""
    rig = Rig().start()
    rig.silent = {act.SaveLedger, act.AddVips}
    rig.open()
    rig.escalate(epoch=5)
    rig.open()
    rig.escalate(epoch=6)
    got = rig.feed(act.LedgerSaved(True, ""))
    assert [s.ledger.last_epoch for s in only(act.SaveLedger, got)] == [6]
    assert only(act.AddVips, got) == []
    assert len(only(act.AddVips, rig.feed(act.LedgerSaved(True, "")))) == 1


def test_an_escalation_hook_that_hangs_is_killed_and_reported_while_on() -> None:
    """The node resigns then; the lease goes on until it does."""
    rig = Rig(policy(escalation_timeout_ns=300_000_000)).start()
    rig.silent = {act.StartHook}
    rig.open()
    rig.escalate()
    got = rig.wait(310)
    assert names(got) == ["KillHooks"]
    assert [p.ok for p in told(got) if isinstance(p, HookEnded)] == [False]
    assert rig.deadline.phase is Phase.ON
    assert told(rig.feed(act.HookExited(act.HookKind.ESCALATION, False, "killed"))) == []


def test_it_is_settled_between_the_hooks_success_and_the_going_off() -> None:
    """Only then may something be started that has to end with the tenure."""
    rig = Rig().start()
    rig.silent = {act.StartHook}
    rig.on()
    assert not rig.deadline.is_settled
    rig.feed(act.HookExited(act.HookKind.ESCALATION, True, "exit code 0"))
    assert rig.deadline.is_settled
    rig.deescalate()
    assert not rig.deadline.is_settled
    rig.feed(act.HookExited(act.HookKind.DE_ESCALATION, True, "exit code 0"))
    assert rig.deadline.phase is Phase.OFF
    rig.on(epoch=6)
    assert not rig.deadline.is_settled, "the success of an earlier tenure counts for nothing"
    rig.feed(act.HookExited(act.HookKind.ESCALATION, False, "exit code 1"))
    assert not rig.deadline.is_settled


def test_what_was_restarted_must_be_gone_before_off_although_there_is_no_hook() -> None:
    """G5 covers whatever ends with the tenure, hooks or not."""
    rig = Rig(policy(**VIP_ONLY, has_escalated_restarts=True)).start()
    rig.on()
    assert rig.deadline.is_settled
    rig.silent = {act.KillHooks}
    got = rig.deescalate()
    assert names(got) == ["RemoveVips", "KillHooks"]
    assert rig.deadline.phase is Phase.GOING_OFF
    ticket = only(act.KillHooks, got)[0].ticket
    assert told(rig.feed(act.HooksKilled(ticket))) == [Off(2)]


def test_a_witness_needs_no_means_at_all() -> None:
    """Neither VIP nor hook: off is confirmed by itself."""
    rig = Rig(policy(**BARE)).start()
    assert rig.deadline.phase is Phase.OFF
    assert names(rig.seen) == ["StartNode"]


def test_a_dirty_ledger_owes_a_hook_before_the_node_may_do_anything() -> None:
    """G8: the hook of a guardian that died is run by its successor."""
    rig = Rig(ledger=act.Ledger(8, dirty=True))
    rig.silent = {act.StartHook}
    got = rig.feed(act.Started())
    assert names(got) == ["RemoveVips", "KillHooks", "StartHook"]
    assert only(act.StartHook, got)[0].epoch == 8
    got = rig.feed(act.HookExited(act.HookKind.DE_ESCALATION, True, ""))
    assert names(got) == ["KillHooks", "SaveLedger", "StartNode"]
    assert only(act.SaveLedger, got)[0].ledger == act.Ledger(8, dirty=False)


def test_off_failed_is_said_again_to_a_new_command() -> None:
    """A node that asks must be answered."""
    rig = Rig(policy(**VIP_ONLY)).start().on()
    rig.vip_fault = "device busy"
    assert told(rig.deescalate()) == []
    assert [type(p) for p in told(rig.wait(2000))] == [OffFailed]
    assert told(rig.deescalate()) == [OffFailed(3, "vip: device busy")]


def test_a_claim_in_the_future_by_one_clock_is_refused() -> None:
    """Both clocks must be past `s`."""
    rig = Rig().start()
    rig.open()
    s = at(rig.ms, rig.raw_ms + 1)
    assert told(rig.say(Escalate(1, 1, 5, 1, s, SOFT_MS, 1800))) == [Off(1)]
