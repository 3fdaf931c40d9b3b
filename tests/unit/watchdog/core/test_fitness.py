"""Whether a node may lead. Sections in parentheses are those of docs/election.md."""

import pytest

from tests.unit.watchdog.core.support import (
    READY,
    TIMING,
    fit_parts,
    hear_all,
    members,
    ready,
    settings,
)
from watchdog.core.fitness import HEALTHY_FOR_NS, PENALTY_MAX_NS, PENALTY_MIN_NS
from watchdog.instant import MS


def test_a_fit_node_has_no_reason_against_it() -> None:
    """The other tests change one thing each (Terms, eligible)."""
    fitness = fit_parts().fitness
    assert fitness.unfit_reason(READY) == ""
    assert fitness.is_fit(READY)
    assert fitness.is_eligible(READY)


def test_a_witness_never_leads() -> None:
    """It votes only (Two nodes, even clusters, membership)."""
    given = settings(members=members("abc", a={"witness": True}))
    assert fit_parts(given=given).fitness.unfit_reason(READY) == "witness"


def test_a_node_without_memory_or_in_its_sit_out_does_not_lead() -> None:
    """Recovered and past its sit-out (Terms, eligible)."""
    parts = fit_parts()
    parts.voter.restart_sitout(READY)
    assert parts.fitness.unfit_reason(READY) == "sitting out"
    parts.voter.is_amnesiac = True
    assert parts.fitness.unfit_reason(READY) == "state lost"


def test_an_unhealthy_node_does_not_lead_until_it_was_healthy_for_a_second() -> None:
    """Health UP: eligible after 1 s (States and events)."""
    parts = fit_parts()
    fitness = parts.fitness
    fitness.report_health(healthy=False, reason="postgres", now=READY)
    assert fitness.unfit_reason(READY) == "postgres"
    fitness.report_health(healthy=False, reason="", now=READY)
    assert fitness.unfit_reason(READY) == "unhealthy"
    fitness.report_health(healthy=True, reason="", now=ready(100))
    hear_all(parts, ready(1000))
    just_now = fitness.unfit_reason(ready(100 + HEALTHY_FOR_NS / MS - 1))
    assert just_now == "healthy again only just now"
    assert fitness.next_change_ns(ready(100)) == ready(100).boot_ns + HEALTHY_FOR_NS
    assert fitness.is_fit(ready(100 + HEALTHY_FOR_NS / MS))


def test_health_that_never_failed_does_not_wait() -> None:
    """A report of the same health changes nothing (States and events)."""
    fitness = fit_parts().fitness
    fitness.report_health(healthy=True, reason="", now=READY)
    assert fitness.is_fit(READY)


def test_a_failed_escalation_makes_ineligible_for_a_time_that_doubles() -> None:
    """1 s, doubling to 60 s, reset after 60 s (Timers)."""
    parts = fit_parts()
    fitness = parts.fitness
    lengths, now_ms = [], 0.0
    for _ in range(8):
        fitness.punish(ready(now_ms))
        end_ns = fitness.next_change_ns(ready(now_ms))
        assert end_ns is not None
        lengths.append((end_ns - ready(now_ms).boot_ns) // 1_000_000_000)
        assert fitness.unfit_reason(ready(now_ms)) == "its last escalation failed"
        now_ms = (end_ns - READY.boot_ns) / MS
        hear_all(parts, ready(now_ms))
        assert fitness.is_fit(ready(now_ms))
    assert lengths == [1, 2, 4, 8, 16, 32, 60, 60]
    assert PENALTY_MAX_NS == 60_000 * MS
    fitness.punish(ready(now_ms + 60_001))
    assert fitness.next_change_ns(ready(now_ms + 60_001)) == (
        ready(now_ms + 60_001).boot_ns + PENALTY_MIN_NS
    )


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [("has_uplink", False, "no uplink"), ("is_stopping", True, "stopping")],
)
def test_a_node_without_uplink_or_that_stops_does_not_lead(
    field: str, value: bool, reason: str
) -> None:
    """It could not hold what it won (States and events)."""
    fitness = fit_parts().fitness
    setattr(fitness, field, value)
    assert fitness.unfit_reason(READY) == reason


def test_a_bad_disk_does_not_lead() -> None:
    """storage-bad is ineligible (Persistent state)."""
    parts = fit_parts()
    parts.ledger.failed_at = READY
    assert parts.fitness.unfit_reason(READY) == "storage is bad"


def test_promises_too_short_for_the_own_hard_bound_make_unfit() -> None:
    """HELLO says how long the others promise (Terms, eligible)."""
    parts = fit_parts()
    hear_all(parts, READY, promise_ms=TIMING.hard_ms)
    assert parts.fitness.unfit_reason(READY) == "promises of the others are too short"


def test_a_node_that_hears_too_few_says_so() -> None:
    """Nobody should look at the timing because a cable is out."""
    parts = fit_parts()
    parts.roster.forget()
    assert parts.fitness.unfit_reason(READY) == "hears no quorum"


@pytest.mark.parametrize("field", ["is_there", "is_off"])
def test_without_a_clean_guardian_a_fit_node_is_not_eligible(field: str) -> None:
    """It may go on leading, but not stand (Terms, eligible)."""
    parts = fit_parts()
    setattr(parts.guard, field, False)
    assert parts.fitness.is_fit(READY)
    assert not parts.fitness.is_eligible(READY)


def test_standing_down_ranks_behind_everybody_for_a_second() -> None:
    """After a lost lease or a resignation (Timers, standdown)."""
    given = settings(members=members("abc", a={"priority": 9}))
    fitness = fit_parts(given=given).fitness
    assert fitness.order(READY) == (True, 9, 0)
    fitness.stand_down(READY)
    assert fitness.is_standing_down(READY)
    assert fitness.order(READY) == (False, 9, 0)
    assert fitness.is_fit(READY)
    end = ready(TIMING.standdown_ns / MS)
    assert fitness.next_change_ns(READY) == end.boot_ns
    assert not fitness.is_standing_down(end)
    assert fitness.next_change_ns(end) is None
