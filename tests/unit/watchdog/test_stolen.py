"""What a hypervisor took: the rows of /proc/stat, and the figure beside a late wake-up."""

from pathlib import Path

from watchdog import stolen
from watchdog.instant import MS, SECOND
from watchdog.stolen import Meter

STAT = b"""cpu  10 0 10 100 0 0 0 65 0 0
cpu0 5 0 5 50 0 0 0 40 0 0
cpu1 5 0 5 50 0 0 0 25 0 0
intr 1 2 3
ctxt 4
"""


def test_every_processor_has_its_figure_and_their_sum_is_none() -> None:
    """In milliseconds; the kernel counts ticks."""
    assert stolen.of(STAT) == {b"cpu0": 40 * stolen.TICK_MS, b"cpu1": 25 * stolen.TICK_MS}


def test_a_kernel_that_does_not_tell_has_stolen_nothing(tmp_path: Path) -> None:
    """Very old ones have shorter rows; a container may hide the file."""
    assert stolen.of(b"cpu0 5 0 5 50\n") == {}
    assert stolen.read(str(tmp_path / "none")) == {}
    assert stolen.most_ms({}, {}) == 0


def test_this_machine_has_a_row_for_each_processor() -> None:
    """The real file."""
    assert all(name.startswith(b"cpu") for name in stolen.read())


def test_the_processor_that_lost_most_counts_and_a_new_one_has_lost_nothing() -> None:
    """One of them may be switched on in between."""
    before, after = {b"cpu0": 100, b"cpu1": 50}, {b"cpu0": 110, b"cpu1": 90, b"cpu2": 7000}
    assert stolen.most_ms(before, after) == 40
    assert stolen.most_ms(after, before) == 0, "no time is given back"


def test_only_a_late_wake_up_is_told_with_what_was_stolen_since_the_last_look() -> None:
    """The figure to compare with is at most a second old, or hours would add up."""
    readings = iter([{b"cpu0": 0}, {b"cpu0": 5000}, {b"cpu0": 5280}])
    meter = Meter(50 * MS, 0, lambda: next(readings))
    assert meter.look(500 * MS, 49 * MS) is None
    assert meter.look(2 * SECOND, 0) is None, "this one read a new figure"
    assert meter.look(2 * SECOND + 300 * MS, 300 * MS + 1) == (300, 280)
