"""What is remembered of late wake-ups, and for how long."""

import pytest

from tests.support import at
from watchdog.lateness import Lateness


def test_of_a_punctual_process_nothing_is_said() -> None:
    """The reason stays one word."""
    assert Lateness().explain("lease_lost", at(0)) == "lease_lost"


@pytest.mark.parametrize(
    ("stolen_ms", "said"),
    [
        (0, "lease_lost; it woke 300 ms late"),
        (280, "lease_lost; it woke 300 ms late, 280 ms taken by its hypervisor"),
    ],
)
def test_a_late_wake_up_is_named_and_who_took_the_time(stolen_ms: int, said: str) -> None:
    """Load of its own is another matter than a hypervisor that gives no processor."""
    late = Lateness()
    late.note(300, stolen_ms, at(0))
    assert late.explain("lease_lost", at(1999)) == said


def test_pauses_that_follow_each_other_are_one_and_old_ones_are_forgotten() -> None:
    """A lease is lost by all of them together."""
    late = Lateness()
    late.note(300, 0, at(0))
    late.note(200, 0, at(1900))
    assert late.explain("lease_lost", at(2500)) == "lease_lost; it woke 500 ms late"
    assert late.explain("lease_lost", at(3900)) == "lease_lost"
    late.note(100, 0, at(5000))
    assert late.explain("lease_lost", at(5000)) == "lease_lost; it woke 100 ms late"
