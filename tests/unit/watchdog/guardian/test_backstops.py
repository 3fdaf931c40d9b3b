"""Sentinel, hardware watchdog and self-fence: who is told what, and when."""

from typing import Any

import pytest

from tests.unit.watchdog.guardian.rig import HARD_MS, VIP_ONLY, Rig, names, only, policy, told
from watchdog.guardian import actions as act
from watchdog.guardian.phase import Phase
from watchdog.guardian_protocol import Off
from watchdog.instant import MS

T_HW_MS = 1200


def watched(**changes: bool | int | str) -> Rig:
    """A guardian with a sentinel and no hooks."""
    return Rig(policy(**VIP_ONLY, has_sentinel=True, **changes)).start()  # type: ignore[arg-type]


def test_the_sentinel_knows_of_a_claim_before_its_first_act() -> None:
    """It must find what a guardian that dies in between has left (G10)."""
    rig = watched()
    rig.open()
    assert names(rig.escalate())[:3] == ["SaveLedger", "WatchClaim", "AddVips"]


def test_the_sentinel_learns_of_every_extension_and_of_off() -> None:
    """What it is not told it would end by force."""
    rig = watched().on()
    rig.wait(200)
    rig.open()
    told_it = only(act.WatchClaim, rig.extend())
    assert [claim.hard_ns for claim in told_it] == [HARD_MS * MS]
    ended = names(rig.deescalate())
    assert ended.index("RemoveVips") < ended.index("UnwatchClaim")


def test_a_lost_sentinel_takes_the_node_off_and_ends_the_guardian() -> None:
    """Only a new guardian can fork another one: the service manager starts it."""
    rig = watched().on()
    lost = rig.feed(act.SentinelLost("it ended with code -9"))
    assert "RemoveVips" in names(lost)
    assert only(act.TerminateNode, lost)
    rig.open(2)
    assert told(rig.escalate(epoch=6, no=2)) == [Off(2)]
    ended = rig.feed(act.NodeExited(0)) + rig.wait(100)
    assert only(act.Exit, ended)[0] == act.Exit(1, "the sentinel is gone")


def test_the_hardware_is_petted_only_while_its_reset_would_come_by_hard() -> None:
    """A later reset protects nobody (I5)."""
    rig = Rig(policy(**VIP_ONLY, watchdog_ns=T_HW_MS * MS)).start().on()
    rig.open()
    first = rig.round
    assert "PetWatchdog" in names(rig.extend())
    rig.open()
    late_ms = HARD_MS - T_HW_MS + 10
    rig.wait(late_ms)
    assert "PetWatchdog" not in names(rig.extend(age_ms=late_ms))
    assert rig.round == first + 1


def test_a_hardware_watchdog_that_fails_takes_the_node_off_and_ends_the_guardian() -> None:
    """Its owner wants nothing to be on without it; the next start says what is wrong with it."""
    rig = Rig(policy(**VIP_ONLY, watchdog_ns=T_HW_MS * MS)).start().on()
    failed = rig.feed(act.WatchdogFailed("no such device"))
    assert only(act.Alarm, failed) == [act.Alarm("watchdog_failed", "no such device")]
    assert "RemoveVips" in names(failed)
    assert only(act.TerminateNode, failed)


def test_a_claim_too_old_for_the_hardware_is_refused() -> None:
    """It would begin without the protection that its owner asked for."""
    rig = Rig(policy(**VIP_ONLY, watchdog_ns=(HARD_MS - 100) * MS)).start()
    rig.open()
    rig.wait(150)
    refused = rig.escalate(age_ms=150)
    assert told(refused) == [Off(1)]
    assert "PetWatchdog" not in names(refused)


def test_the_hardware_is_disarmed_when_all_is_off() -> None:
    """A machine that is off need not be reset."""
    rig = Rig(policy(**VIP_ONLY, watchdog_ns=T_HW_MS * MS)).start().on()
    assert names(rig.deescalate())[-1] == "CloseWatchdog"


def test_the_hardware_stays_armed_while_a_vip_resists() -> None:
    """That reset is what it is for."""
    rig = Rig(policy(**VIP_ONLY, watchdog_ns=T_HW_MS * MS)).start().on()
    rig.vip_fault = "still there"
    seen = names(rig.deescalate() + rig.wait(HARD_MS))
    assert "CloseWatchdog" not in seen
    assert "PetWatchdog" not in seen


@pytest.mark.parametrize("how", ["watchdog", "sysrq"])
def test_a_machine_that_cannot_go_off_is_fenced_once(how: str) -> None:
    """At hard - slack, if its operator wants that (G6)."""
    rig = watched(self_fence=how).on()
    rig.vip_fault = "still there"
    seen = rig.deescalate() + rig.wait(2 * HARD_MS)
    assert only(act.Fence, seen) == [act.Fence(how)]
    assert rig.deadline.phase is Phase.OFF_FAILED


def test_a_guardian_that_was_stopped_until_long_after_fences_nothing() -> None:
    """It begins to go off when it is already late; that it cannot is not known yet."""
    rig = watched(self_fence="sysrq").on()
    rig.silent = {act.RemoveVips}
    rig.pass_to(rig.ms + 15_000)
    late = rig.feed(act.Ticked())
    assert only(act.Fence, late) == []
    assert only(act.Alarm, late) == []
    rig.silent = set()
    assert only(act.Fence, rig.wait(200)) == []
    assert rig.deadline.phase is Phase.OFF


def test_nothing_is_fenced_unless_it_is_wanted() -> None:
    """A reset is the operator's decision."""
    rig = watched().on()
    rig.vip_fault = "still there"
    assert only(act.Fence, rig.deescalate() + rig.wait(2 * HARD_MS)) == []


def test_leftovers_at_the_start_fence_nothing() -> None:
    """A machine that cannot clean up would be reset at every boot."""
    rig = Rig(policy(**VIP_ONLY, self_fence="sysrq"))  # type: ignore[arg-type]
    rig.vip_fault = "still there"
    rig.start()
    assert only(act.Fence, rig.seen + rig.wait(2 * HARD_MS)) == []


def test_a_failed_de_escalation_hook_keeps_the_hardware_armed_if_fencing_is_wanted() -> None:
    """What the hook should have ended may live elsewhere on this machine."""
    wanted: dict[str, Any] = {"watchdog_ns": T_HW_MS * MS, "self_fence": "watchdog"}
    rig = Rig(policy(**wanted)).start().on()
    rig.silent = {act.StartHook}
    rig.deescalate()
    failed = rig.feed(act.HookExited(act.HookKind.DE_ESCALATION, False, "exit code 1"))
    assert only(act.Fence, failed) == [act.Fence("watchdog")]
    assert "CloseWatchdog" not in names(failed)
