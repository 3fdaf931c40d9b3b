"""Does anybody answer for the VIP? Sections in parentheses are those of docs/election.md."""

from typing import Any

from tests.unit.watchdog.core.support import READY, TIMING, fit_parts, members, ready, settings
from watchdog.core.effects import ProbeVip
from watchdog.core.parts import Parts
from watchdog.core.vip_probe import AGAIN_NS, CONFLICT, LONG_PROBE_NS
from watchdog.instant import MS

PROBE_MS = TIMING.probe_ns // MS


def parts_with_vip(**changes: Any) -> Parts:
    """Node a with a VIP; nobody probed yet."""
    return fit_parts(given=settings(has_vip=True, **changes))


def probes(parts: Parts) -> list[ProbeVip]:
    """The probes asked for since the last look."""
    return [e for e in parts.out.drain() if isinstance(e, ProbeVip)]


def test_without_a_vip_nothing_is_probed() -> None:
    """There is nothing to ask for (The candidate and the leader)."""
    parts = fit_parts()
    parts.probe.holder_fell_silent(READY)
    assert parts.probe.allows_escalation(READY)
    parts.probe.follow_up(READY)
    assert probes(parts) == []


def test_a_silent_death_starts_the_probe_at_once_and_it_holds_the_escalation() -> None:
    """It runs beside the election and costs nothing (The candidate and the leader)."""
    parts = parts_with_vip()
    parts.probe.holder_fell_silent(READY)
    assert [probe.duration_ms for probe in probes(parts)] == [PROBE_MS]
    assert not parts.probe.allows_escalation(ready(1))
    assert probes(parts) == []
    assert parts.probe.finished(1, answered=False, detail="")
    assert parts.probe.allows_escalation(ready(2))


def test_a_witness_probes_nothing() -> None:
    """It never escalates (Two nodes, even clusters, membership)."""
    parts = parts_with_vip(members=members("abc", a={"witness": True}))
    parts.probe.holder_fell_silent(READY)
    assert probes(parts) == []


def test_after_a_confirmed_release_nothing_waits() -> None:
    """The holder said that it is off (The candidate and the leader)."""
    parts = parts_with_vip()
    parts.probe.holder_released()
    assert parts.probe.allows_escalation(READY)
    assert probes(parts) == []


def test_a_new_process_looks_before_its_first_escalation() -> None:
    """It knows nothing of an earlier holder (The candidate and the leader)."""
    parts = parts_with_vip()
    assert not parts.probe.allows_escalation(READY)
    assert len(probes(parts)) == 1


def test_an_answered_vip_is_probed_twice_more_for_a_second_and_then_lost() -> None:
    """on_conflict = wait: two probes of 1 s, then resign (What stays impossible)."""
    parts = parts_with_vip()
    parts.probe.holder_fell_silent(READY)
    durations = [p.duration_ms for p in probes(parts)]
    for rid in (1, 2, 3):
        assert not parts.probe.is_lost()
        assert parts.probe.finished(rid, answered=True, detail="02:00")
        assert parts.probe.is_answered()
        if rid < 3:
            assert not parts.probe.allows_escalation(ready(rid))
            durations += [p.duration_ms for p in probes(parts)]
    assert durations == [PROBE_MS, LONG_PROBE_NS // MS, LONG_PROBE_NS // MS]
    assert parts.probe.is_lost()
    assert CONFLICT in parts.out.alarms


def test_an_answer_that_stops_clears_the_conflict() -> None:
    """The late holder is off by now (What stays impossible)."""
    parts = parts_with_vip()
    parts.probe.holder_fell_silent(READY)
    parts.probe.finished(1, answered=True, detail="02:00")
    parts.probe.allows_escalation(READY)
    parts.probe.finished(2, answered=False, detail="")
    assert parts.probe.allows_escalation(READY)
    assert not parts.probe.is_answered()
    assert CONFLICT not in parts.out.alarms


def test_takeover_goes_on_with_an_alarm() -> None:
    """on_conflict = takeover (What stays impossible)."""
    parts = parts_with_vip(takeover=True)
    parts.probe.holder_fell_silent(READY)
    assert not parts.probe.allows_escalation(READY)
    for rid in (1, 2, 3, 4):
        parts.probe.finished(rid, answered=True, detail="02:00")
    assert parts.probe.allows_escalation(READY)
    assert not parts.probe.is_lost()
    assert CONFLICT in parts.out.alarms


def test_the_probe_after_the_vip_is_up_only_alarms() -> None:
    """Nothing waits for it (The candidate and the leader)."""
    parts = parts_with_vip()
    parts.probe.holder_released()
    parts.probe.follow_up(READY)
    assert len(probes(parts)) == 1
    assert not parts.probe.finished(1, answered=True, detail="02:00")
    assert CONFLICT in parts.out.alarms
    assert not parts.probe.is_answered()
    assert not parts.probe.is_lost()


def test_a_stale_result_says_nothing() -> None:
    """Only answers after t0 count (The candidate and the leader)."""
    parts = parts_with_vip()
    parts.probe.allows_escalation(READY)
    parts.probe.holder_fell_silent(READY)
    assert not parts.probe.finished(1, answered=False, detail="")
    assert not parts.probe.allows_escalation(ready(1))
    assert parts.probe.finished(2, answered=False, detail="")


def test_a_probe_that_is_never_answered_is_asked_again() -> None:
    """A guardian that forgot it must not hold up the election for ever."""
    parts = parts_with_vip()
    parts.probe.holder_fell_silent(READY)
    probes(parts)
    wait_ms = 2 * PROBE_MS + LONG_PROBE_NS / MS
    assert not parts.probe.allows_escalation(ready(wait_ms - 1))
    assert probes(parts) == []
    assert not parts.probe.allows_escalation(ready(wait_ms))
    assert len(probes(parts)) == 1


def test_who_does_not_lead_hears_the_rightful_holder_without_alarm() -> None:
    """A process that was frozen while its promise ended probes too (What stays impossible)."""
    parts = parts_with_vip()
    parts.probe.holder_fell_silent(READY)
    assert parts.probe.finished(1, answered=True, detail="02:00", leads=False)
    assert CONFLICT not in parts.out.alarms


def test_the_alarm_of_a_conflict_is_the_leaders() -> None:
    """Who resigned because of it and follows another one says no more (What stays impossible)."""
    parts = parts_with_vip()
    parts.probe.holder_fell_silent(READY)
    parts.probe.finished(1, answered=True, detail="02:00")
    assert CONFLICT in parts.out.alarms
    parts.probe.somebody_leads()
    assert CONFLICT not in parts.out.alarms


def test_a_leader_with_a_conflict_looks_again_until_it_is_over() -> None:
    """An alarm about what is over would stay for ever (What stays impossible)."""
    parts = parts_with_vip()
    parts.probe.holder_released()
    parts.probe.look_again(READY)
    assert probes(parts) == [], "nothing to look at without an alarm"
    parts.probe.follow_up(READY)
    assert not parts.probe.finished(1, answered=True, detail="02:00")
    assert len(probes(parts)) == 1
    late = ready(2 * (AGAIN_NS + LONG_PROBE_NS) / MS)
    parts.probe.look_again(late)
    parts.probe.look_again(late)
    assert len(probes(parts)) == 1
    assert not parts.probe.finished(2, answered=False, detail="")
    assert CONFLICT not in parts.out.alarms
