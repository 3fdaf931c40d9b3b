"""The pair of clocks: a holder hurries, a voter waits."""

from tests.support import at
from watchdog.instant import MS, SECOND, Instant, elapsed_hi, elapsed_lo, has_jumped

START = at(1000)


def test_holder_counts_the_faster_clock_and_voter_the_slower() -> None:
    """Whichever of the two clocks was slewed or stopped, both err to the safe side."""
    for now in (at(1500, 1450), at(1450, 1500)):
        assert elapsed_hi(now, START) == 500 * MS
        assert elapsed_lo(now, START) == 450 * MS


def test_equal_clocks_agree() -> None:
    """The ordinary case has no margin."""
    assert elapsed_hi(at(1200), START) == elapsed_lo(at(1200), START) == 200 * MS
    assert elapsed_hi(START, START) == elapsed_lo(START, START) == 0


def test_an_instant_ahead_of_now_has_elapsed_negatively() -> None:
    """The guardian refuses an `s` of the future by this sign."""
    assert elapsed_hi(START, at(1001)) == -MS
    assert elapsed_lo(START, at(1001)) == -MS


def test_suspend_counts_for_the_holder_and_not_for_the_voter() -> None:
    """BOOTTIME runs on in suspend, RAW does not."""
    resumed = at(61_000, 1000)
    assert elapsed_hi(resumed, START) == 60 * SECOND
    assert elapsed_lo(resumed, START) == 0


def test_suspend_is_a_jump_and_slewing_is_not() -> None:
    """The threshold is 100 ms + 12 % of the elapsed RAW time (election.md 2, "Clocks")."""
    assert not has_jumped(at(1000 + 100), at(1000))
    assert not has_jumped(at(2100, 2000), START)
    assert not has_jumped(Instant(2220 * MS, 2000 * MS), START)
    assert has_jumped(Instant(2220 * MS + 1, 2000 * MS), START)
    assert not has_jumped(at(11_900, 11_000), START)
    assert has_jumped(at(1000 + 60_000, 1000), START)


def test_a_clock_that_falls_behind_is_no_jump() -> None:
    """BOOTTIME slewed slower than RAW is not a suspend."""
    assert not has_jumped(at(1900, 2000), START)
