"""A log that nobody can fill, and in which nothing hides."""

from watchdog.log.floods import EVENTS_MAX, STOCK, Floods


def test_a_flood_is_cut_and_counted() -> None:
    """The line after it says how many are missing."""
    floods = Floods()
    assert [floods.admit("inform", 5.0) for _ in range(STOCK)] == [0] * STOCK
    assert [floods.admit("inform", 5.0) for _ in range(1000)] == [None] * 1000
    assert floods.admit("inform", 6.0) == 1000
    assert floods.admit("inform", 6.5) is None
    assert floods.admit("inform", 7.0) == 1


def test_a_flood_of_one_event_hides_no_other() -> None:
    """A noisy client must not drown the line that matters."""
    floods = Floods()
    for _ in range(2 * STOCK):
        floods.admit("inform", 5.0)
    assert floods.admit("escalated", 5.0) == 0


def test_in_the_long_run_it_is_one_line_in_a_second() -> None:
    """However long somebody goes on; a clock that stands still gives nothing."""
    floods = Floods()
    written = [floods.admit("inform", step / 100) is not None for step in range(360_000)]
    assert sum(written) == STOCK + 3599
    assert floods.admit("inform", 0.0) is None


def test_memory_is_bounded() -> None:
    """Also when somebody makes events up, one day."""
    floods = Floods()
    for number in range(10 * EVENTS_MAX):
        floods.admit(f"event{number}", 1.0)
    assert len(floods._stock) <= EVENTS_MAX + 1
