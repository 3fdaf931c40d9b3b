"""When something is due by two clocks, and when to look again."""

from tests.support import at
from watchdog.guardian.due import Due, wake_ns
from watchdog.instant import MS


def test_the_clock_that_ran_further_counts() -> None:
    """The guardian is a holder: it gives up early, not late."""
    due = Due(at(100), 50 * MS)
    assert not due.is_past(at(149, 140))
    assert due.is_past(at(150, 101))
    assert due.is_past(at(101, 150))
    assert due.left_ns(at(120, 130)) == 20 * MS


def test_the_wake_up_is_early_and_never_in_the_past() -> None:
    """BOOTTIME may lag behind RAW by a slew of ten per cent: look at 0.9 of what remains."""
    now = at(1000)
    assert wake_ns(now, []) is None
    assert wake_ns(now, [Due(now, 100 * MS), Due(now, 200 * MS)]) == at(1090).boot_ns
    assert wake_ns(now, [Due(now, MS // 2)]) == at(1000.5).boot_ns
    assert wake_ns(now, [Due(at(0), 1)]) == now.boot_ns


def test_looking_again_comes_to_an_end() -> None:
    """Each look leaves a tenth, until what remains is waited for in one go."""
    now, due, looks = at(0), Due(at(0), 10_000 * MS), 0
    while not due.is_past(now):
        wake = wake_ns(now, [due])
        assert wake is not None
        assert wake > now.boot_ns
        now = at(wake / MS)
        looks += 1
    assert looks < 10
