"""When a log counts as growing."""

from lifecheck.probes.log_growth import Growth, Sight

OLD, NEW = (1, 1), (1, 2)


def _looks(*sights: tuple[float, Sight | None]) -> list[bool]:
    growth = Growth("/log", 1000)
    return [growth.look(now_ms, sight).ok for now_ms, sight in sights]


def test_a_log_that_grows_is_well_and_a_silent_one_is_not() -> None:
    """The period starts at the first look: a restart of lifecheck is no alarm."""
    assert _looks(
        (0, Sight(OLD, 10)),
        (1000, Sight(OLD, 10)),
        (1001, Sight(OLD, 10)),
        (2000, Sight(OLD, 11)),
        (3000, Sight(OLD, 11)),
        (3001, Sight(OLD, 11)),
    ) == [True, True, False, True, True, False]


def test_a_file_that_was_never_there_fails_at_once() -> None:
    """A path with a slip in it must not look well for the first period."""
    growth = Growth("/log", 1000)
    outcome = growth.look(0, None)
    assert not outcome.ok
    assert outcome.detail == "/log does not exist"
    assert growth.look(1, Sight(OLD, 0)).ok


def test_rotation_alone_is_neither_life_nor_death() -> None:
    """A new empty file is made by logrotate, also for a program that is dead."""
    assert _looks(
        (0, Sight(OLD, 10)),
        (500, None),
        (600, Sight(NEW, 0)),
        (1000, Sight(NEW, 0)),
        (1001, Sight(NEW, 0)),
        (1500, Sight(NEW, 1)),
    ) == [True, True, True, True, False, True]


def test_an_emptied_file_counts_again_from_its_first_byte() -> None:
    """copytruncate keeps the inode; a new file may get the old one's inode too."""
    assert _looks(
        (0, Sight(OLD, 10)),
        (900, Sight(OLD, 0)),
        (1500, Sight(OLD, 0)),
        (1600, Sight(OLD, 3)),
        (2601, Sight(OLD, 3)),
        (2700, Sight(OLD, 2)),
    ) == [True, True, False, True, False, True]


def test_a_file_of_the_same_size_that_is_another_one_has_grown() -> None:
    """Its bytes are new."""
    assert _looks((0, Sight(OLD, 10)), (2000, Sight(NEW, 10))) == [True, True]


def test_a_file_that_stays_away_fails_when_the_time_is_over() -> None:
    """And says so."""
    growth = Growth("/log", 1000)
    growth.look(0, Sight(OLD, 10))
    outcome = growth.look(2000, None)
    assert not outcome.ok
    assert outcome.detail == "/log does not exist, last growth seen 2.0 s ago, 1 s allowed"
