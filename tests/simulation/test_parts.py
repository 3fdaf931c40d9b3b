"""The simulator's own parts: clocks, disk and network do what the faults rely on."""

from random import Random

from tests.simulation.clocks import RAW_STOPPED_PPM, ClockPair
from tests.simulation.disk import Disk
from tests.simulation.heap import Heap
from tests.simulation.mix import draw
from watchdog import slots
from watchdog.instant import MS, SECOND, elapsed_hi, elapsed_lo, has_jumped


def test_two_clocks_drift_apart() -> None:
    """Each has a rate of its own."""
    clocks = ClockPair(0, 0, 10_000, -10_000)
    assert clocks.read(SECOND) == (1_010 * MS, 990 * MS)


def test_a_timer_is_never_early() -> None:
    """The time at which BOOTTIME shows a value is not before it does."""
    for ppm in (-80_000, -9_999, 0, 7, 10_000):
        clocks = ClockPair(123, 0, ppm, 0)
        when = clocks.when_boot_shows(SECOND)
        assert clocks.read(when).boot_ns >= SECOND
        assert clocks.read(when - 5).boot_ns <= SECOND


def test_raw_stands_still_in_a_suspend() -> None:
    """That is how the node notices: BOOTTIME gains on RAW."""
    clocks = ClockPair(0, 0, 0, 0)
    clocks.set_rates(SECOND, 0, RAW_STOPPED_PPM)
    before, after = clocks.read(SECOND), clocks.read(3 * SECOND)
    assert elapsed_lo(after, before) == 0
    assert elapsed_hi(after, before) == 2 * SECOND
    assert has_jumped(after, before)


def test_events_of_one_instant_keep_their_order() -> None:
    """A seed means one run."""
    heap, seen = Heap(), list[int]()
    for number in range(5):
        heap.after(MS, seen.append, number)
    heap.run(MS)
    assert seen == [0, 1, 2, 3, 4]


def test_a_write_is_not_durable_before_its_sync() -> None:
    """A power loss in between leaves any subset of its sectors."""
    heap = Heap()
    disk = Disk(heap, Random(1))
    done: list[bool] = []
    disk.write(disk.node_file, 0, b"x" * slots.SLOT_SIZE, done.append)
    assert not any(disk.node_file.data)
    disk.lose_power()
    heap.run(SECOND)
    assert done == []
    assert 0 < disk.node_file.data.count(b"x") < slots.SLOT_SIZE


def test_a_failed_sync_is_told() -> None:
    """Whether the data arrived nobody knows."""
    heap = Heap()
    disk = Disk(heap, Random(1))
    disk.fails = True
    done: list[bool] = []
    disk.write(disk.node_file, 0, b"x" * slots.SLOT_SIZE, done.append)
    heap.run(SECOND)
    assert done == [False]


def test_a_fixed_profile_changes_nothing_else() -> None:
    """What the command line fixes is drawn all the same."""
    free, fixed = draw(5), draw(5, profile="wan-H")
    assert (fixed.profile, fixed.has_hook) == ("wan", True)
    assert (free.kinds, free.topology) == (fixed.kinds, fixed.topology)
