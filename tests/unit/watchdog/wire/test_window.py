"""The window lets every number pass once, whatever the order."""

import itertools

import pytest

from watchdog.wire.window import SIZE, Window


def taken(numbers: tuple[int, ...], size: int) -> list[int]:
    """The numbers that a window of this size lets pass."""
    window, passed = Window(size), []
    for number in numbers:
        if window.is_new(number):
            window.add(number)
            passed.append(number)
    return passed


def by_the_book(numbers: tuple[int, ...], size: int) -> list[int]:
    """The same with a set and no bits."""
    seen: set[int] = {0}
    passed = []
    for number in numbers:
        if number in seen or number <= max(seen) - size:
            continue
        seen.add(number)
        passed.append(number)
    return passed


@pytest.mark.parametrize("size", [1, 2, 3, 4])
def test_every_order_of_few_numbers_is_judged_by_the_book(size: int) -> None:
    """All sequences of six of the numbers 0 to 6, so of every jump, repeat and late one."""
    for numbers in itertools.product(range(7), repeat=6):
        assert taken(numbers, size) == by_the_book(numbers, size), numbers


def test_zero_is_never_new() -> None:
    """The first number of a sender is 1."""
    assert not Window().is_new(0)
    assert Window().newest == 0


def test_looking_changes_nothing() -> None:
    """A forged header must not use a number up."""
    window = Window()
    assert all(window.is_new(9) for _ in range(3))
    window.add(9)
    assert not window.is_new(9)
    assert window.newest == 9


def test_late_numbers_pass_within_the_window_only() -> None:
    """What is older counts as seen."""
    window = Window()
    window.add(1000)
    assert window.is_new(1000 - SIZE + 1)
    assert not window.is_new(1000 - SIZE)


def test_a_jump_to_the_end_costs_no_memory() -> None:
    """Numbers have 64 bits; a shift by so many would not fit into any machine."""
    window = Window()
    window.add(1)
    window.add(2**64 - 1)
    assert window.newest == 2**64 - 1
    assert not window.is_new(1)
    assert window.is_new(2**64 - SIZE)
