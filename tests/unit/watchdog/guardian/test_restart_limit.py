"""How often a restart action may run, whoever asks."""

from tests.support import at
from watchdog.guardian.restart_limit import RestartLimit
from watchdog.instant import SECOND


def test_it_runs_so_many_times_within_the_window() -> None:
    """The window slides: the oldest start is forgotten first."""
    limit = RestartLimit(2, 10 * SECOND)
    for ms in (0, 4000):
        assert limit.fault(at(ms)) == ""
        limit.begin(at(ms))
        limit.end()
    assert "2 times within 10 s" in limit.fault(at(9_999))
    assert limit.fault(at(10_000)) == ""
    limit.begin(at(10_000))
    limit.end()
    assert limit.fault(at(13_999))
    assert not limit.fault(at(14_000))


def test_it_never_runs_twice_at_once() -> None:
    """The second one would stop what the first one starts."""
    limit = RestartLimit(9, SECOND)
    limit.begin(at(0))
    assert limit.fault(at(60_000)) == "it runs already"
    limit.end()
    assert not limit.fault(at(60_000))


def test_none_at_all_may_be_configured() -> None:
    """Then the check gives the node up at once."""
    assert RestartLimit(0, SECOND).fault(at(0))
