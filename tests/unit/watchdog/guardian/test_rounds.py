"""Rounds: what was not opened here, before it was sent, moves no deadline."""

from tests.support import at
from watchdog.guardian.rounds import ROUNDS_MAX, Rounds


def test_a_lease_counts_only_from_a_round_that_was_opened_before() -> None:
    """G1: the opening ties the sending to this machine's clock."""
    rounds = Rounds()
    rounds.open(1, 1, at(100))
    assert rounds.fault(1, 1, at(100)) == ""
    assert rounds.fault(1, 1, at(101)) == ""
    assert rounds.fault(1, 1, at(99)) == "round was opened after it was sent"
    assert rounds.fault(1, 1, at(101, 99)) == "round was opened after it was sent"
    assert rounds.fault(1, 2, at(101)) == "round was not opened"
    assert rounds.fault(2, 1, at(101)) == "round was not opened"


def test_only_the_newest_rounds_are_kept() -> None:
    """A node that opens without end costs nothing."""
    rounds = Rounds()
    for number in range(ROUNDS_MAX + 10):
        rounds.open(1, number, at(number))
    assert len(rounds) == ROUNDS_MAX
    assert rounds.fault(1, 9, at(1000))
    assert rounds.fault(1, 10, at(1000)) == ""


def test_a_round_opened_again_counts_from_the_later_opening() -> None:
    """The stricter of two readings."""
    rounds = Rounds()
    rounds.open(1, 1, at(100))
    rounds.open(1, 1, at(200))
    assert rounds.fault(1, 1, at(150))


def test_forgotten_rounds_are_closed() -> None:
    """Going off forgets all: no old grant brings anything back."""
    rounds = Rounds()
    rounds.open(1, 1, at(100))
    rounds.forget()
    assert rounds.fault(1, 1, at(150))
