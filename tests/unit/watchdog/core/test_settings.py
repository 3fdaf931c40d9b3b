"""What a node is told. Sections in parentheses are those of docs/election.md."""

from dataclasses import replace

import pytest

from tests.unit.watchdog.core.support import TIMING
from watchdog.core.settings import promise_covers
from watchdog.instant import MS


def test_what_travels_in_ms_errs_to_the_safe_side() -> None:
    """Half a ms of hard is claimed whole, half a ms of promise not at all (Timers)."""
    timing = replace(TIMING, hard_ns=1200 * MS + 1, promise_ns=1251 * MS - 1)
    assert timing.hard_ms == 1201
    assert timing.promise_ms == 1250
    assert replace(TIMING, hard_ns=1200 * MS).hard_ms == 1200


@pytest.mark.parametrize("hard_ms", [180, 550, 1200, 6600])
def test_a_promise_outlasts_hard_for_any_two_clocks(hard_ms: int) -> None:
    """I3: promise >= hard * 1.01 / 0.99 + 20 ms, to the last ms (Timers)."""
    least = next(p for p in range(hard_ms, 2 * hard_ms) if promise_covers(p, hard_ms))
    assert least - 1 < hard_ms * 1.01 / 0.99 + 20 <= least
