"""Going off: the order, the bounds, what resists, and when it counts as done (G3-G6)."""

from tests.unit.watchdog.guardian.rig import (
    HARD_MS,
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
from watchdog.guardian_protocol import Off, OffFailed

DE = act.HookKind.DE_ESCALATION


def test_the_vip_goes_first_then_the_hook_runs_then_all_is_killed() -> None:
    """G3; the services that a successful escalation left stay for the hook to end."""
    rig = Rig().start().on()
    got = rig.deescalate()
    assert names(got) == ["RemoveVips", "StartHook", "KillHooks", "SaveLedger"]
    assert told(got) == [Off(2)]
    assert only(act.SaveLedger, got)[0].ledger == act.Ledger(5, dirty=False)


def test_by_order_the_hook_goes_first_but_the_vip_waits_for_its_bound_only() -> None:
    """`hook-first`: the VIP goes at `deesc` at the latest."""
    rig = Rig(policy(is_hook_first=True)).start().on()
    rig.silent = {act.StartHook}
    assert names(rig.deescalate()) == ["StartHook"]
    assert names(rig.wait(490)) == []
    assert names(rig.wait(20)) == [
        "RemoveVips",
        "KillHooks",
    ]
    assert not rig.deadline.is_on


def test_an_escalation_hook_that_still_runs_is_killed_before_the_other_starts() -> None:
    """Hooks are serial."""
    rig = Rig().start()
    rig.silent = {act.StartHook, act.KillHooks}
    rig.open()
    rig.escalate()
    got = rig.deescalate()
    assert names(got) == ["RemoveVips", "KillHooks"]
    ticket = only(act.KillHooks, got)[0].ticket
    assert names(rig.feed(act.HooksKilled(ticket - 1))) == [], "an older order's answer"
    assert names(rig.feed(act.HooksKilled(ticket))) == ["StartHook"]


def test_a_hook_that_is_not_done_at_its_bound_is_killed_and_has_failed() -> None:
    """G4; then no RELEASE may follow, though nothing that we see is on."""
    rig = Rig().start().on()
    rig.silent = {act.StartHook}
    got = rig.deescalate()
    assert only(act.StartHook, got)[0].bound_ns == 500_000_000
    got = rig.wait(510)
    assert names(got) == ["KillHooks"]
    assert told(got) == [OffFailed(2, "not done at its bound"), Off(2)]


def test_a_hook_that_fails_is_told_and_stays_owed() -> None:
    """`dirty` stays: the next start of the guardian runs it again."""
    rig = Rig().start().on()
    rig.silent = {act.StartHook}
    rig.deescalate()
    got = rig.feed(act.HookExited(DE, False, "exit code 1"))
    assert told(got) == [OffFailed(2, "exit code 1"), Off(2)]
    assert only(act.SaveLedger, got) == []


def test_the_hook_is_bounded_by_hard_when_it_starts_late() -> None:
    """Nothing may last beyond hard - slack - drop, whoever was slow before."""
    rig = Rig().start().on()
    rig.silent = {act.StartHook}
    rig.pass_to(1400)
    got = rig.feed(act.Ticked())
    bound_ms = only(act.StartHook, got)[0].bound_ns / 1_000_000
    assert bound_ms <= HARD_MS - 200 - 1390
    got = rig.wait(bound_ms + 5)
    assert "KillHooks" in names(got)


def test_a_hook_for_which_no_time_is_left_is_not_started() -> None:
    """The guardian itself was stopped: the VIP goes, and the hook has failed."""
    rig = Rig().start().on()
    rig.pass_to(HARD_MS)
    got = rig.feed(act.Ticked())
    assert names(got) == ["RemoveVips", "KillHooks"]
    assert act.Alarm("de_escalation_failed", "no time was left to run it") in got
    assert [type(packet) for packet in told(got)] == [OffFailed, Off]


def test_a_vip_that_resists_is_tried_again_and_alarmed_once() -> None:
    """G6: every 50 ms, OffFailed at hard - slack, and Off when it is gone at last."""
    rig = Rig(policy(**VIP_ONLY)).start().on()
    rig.vip_fault = "device busy"
    rig.deescalate()
    got = rig.wait(1000)
    assert 15 <= names(got).count("RemoveVips") <= 21
    got = rig.wait(2000)
    assert told(got) == [OffFailed(2, "vip: device busy")]
    assert rig.deadline.phase is Phase.OFF_FAILED
    assert [a.name for a in only(act.Alarm, got)] == ["off_failed"]
    rig.vip_fault = ""
    assert told(rig.wait(60)) == [Off(2)]


def test_hooks_that_resist_are_killed_again() -> None:
    """A process in uninterruptible sleep dies when it wakes; until then nothing is confirmed."""
    rig = Rig().start().on()
    rig.silent = {act.KillHooks}
    ticket = only(act.KillHooks, rig.deescalate())[0].ticket
    got = rig.wait(220)
    assert {a.ticket for a in only(act.KillHooks, got)} == {ticket}
    assert rig.deadline.is_on
    assert told(rig.feed(act.HooksKilled(ticket))) == [Off(2)]


def test_off_is_confirmed_only_when_vip_and_hooks_are_gone() -> None:
    """G5: either alone is not enough."""
    rig = Rig().start().on()
    rig.vip_fault = "device busy"
    rig.deescalate()
    assert rig.deadline.is_on
    rig.vip_fault = ""
    rig.wait(60)
    assert not rig.deadline.is_on


def test_going_off_begins_at_soft_and_leaves_the_hook_its_time() -> None:
    """I2: soft + deesc + drop + slack <= hard."""
    rig = Rig().start().on()
    rig.silent = {act.StartHook}
    got = rig.wait(SOFT_MS + 5)
    assert only(act.StartHook, got)[0].bound_ns >= 490_000_000


def test_a_guardian_that_nobody_let_run_says_so_when_the_lease_has_ended() -> None:
    """Whoever asks why the VIP moved must not search the network for it."""
    rig = Rig(policy(**VIP_ONLY)).start().on()
    rig.pass_to(rig.ms + SOFT_MS + 400)
    got = rig.feed(act.Stalled(500, 450))
    why = "lease_ended; it woke 500 ms late, 450 ms taken by its hypervisor"
    assert told(got) == [Off(1, why)]
    assert act.Log("going_off", "lease_ended") in got, "the word in the log stays one word"


def test_a_guardian_that_was_late_explains_nothing_that_time_has_not_done() -> None:
    """An interface that is gone would be searched for in vain on the hypervisor."""
    rig = Rig(policy(**VIP_ONLY)).start().on()
    rig.feed(act.Stalled(60, 60))
    assert told(rig.feed(act.VipsAdded(False, "no such interface"))) == [Off(1, "vip_failed")]
