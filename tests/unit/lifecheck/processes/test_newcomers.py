"""The numbers that were given out since the last look, and who is looked at again."""

from hypothesis import given
from hypothesis import strategies as st

from lifecheck.processes.newcomers import (
    RANGE_MAX,
    UNBORN_MAX,
    UNBORN_MS,
    YOUNG_MAX,
    YOUNG_MS,
    Newcomers,
)

TOP = 32_768


def test_what_was_given_out_since_is_a_range() -> None:
    """Each number once, and nothing when nothing was born."""
    new = Newcomers(100, TOP)
    assert list(new.since(103) or ()) == [101, 102, 103]
    assert list(new.since(103) or ()) == []
    assert list(new.since(104) or ()) == [104]


def test_after_the_highest_number_the_kernel_begins_again() -> None:
    """At 300: the numbers below stay with those who had them first."""
    new = Newcomers(TOP - 3, TOP)
    assert new.since(302) == [TOP - 2, TOP - 1, 300, 301, 302]
    assert list(new.since(303) or ()) == [303]


def test_in_a_small_namespace_it_begins_lower() -> None:
    """Where fewer than 300 were ever given out there is nothing to keep free."""
    assert Newcomers(399, 400).since(5) == [5]


def test_too_many_are_not_read_one_by_one() -> None:
    """A storm: everything is looked at instead, and the count goes on from there."""
    new = Newcomers(1, TOP)
    assert new.since(RANGE_MAX + 2) is None
    assert list(new.since(RANGE_MAX + 3) or ()) == [RANGE_MAX + 3]


@given(st.lists(st.integers(1, 40), max_size=50))
def test_no_number_is_missed_or_given_twice(steps: list[int]) -> None:
    """Also across the end of the numbers."""
    new, last, expected, seen = Newcomers(TOP - 200, TOP), TOP - 200, [], []
    for step in steps:
        for _ in range(step):
            last = last + 1 if last + 1 < TOP else 300
            expected.append(last)
        seen += list(new.since(last) or ())
    assert seen == expected


def test_the_young_are_looked_at_again_for_a_while() -> None:
    """Long enough for an exec or a new title."""
    new = Newcomers(1, TOP)
    new.add(7, 1_000)
    new.add(8, 1_500)
    new.expect(9, 1_500)
    assert new.again(1_500 + UNBORN_MS - 1) == [8, 7, 9]
    assert new.again(1_500 + UNBORN_MS - 1, 1) == [8, 9]
    assert new.again(1_500 + UNBORN_MS) == [8, 7]
    assert new.again(1_000 + YOUNG_MS) == [8]
    assert new.again(1_500 + YOUNG_MS) == []


def test_there_are_bounds() -> None:
    """A storm of forks makes a look no longer than this; the newest stay."""
    new = Newcomers(1, TOP)
    for pid in range(2 * YOUNG_MAX):
        new.add(pid, 0)
        new.expect(TOP + pid, 0)
    again = new.again(0)
    assert len(again) == YOUNG_MAX + UNBORN_MAX
    assert 2 * YOUNG_MAX - 1 in again
    assert 0 not in again
