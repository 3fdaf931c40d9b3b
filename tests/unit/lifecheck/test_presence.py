"""When a missing process is an outcome: too few, begun to exit, absent for long enough."""

from lifecheck.presence import Judgement, Presence

OK = Judgement(ok=True, due_ms=None)
GONE = Judgement(ok=False, due_ms=None)


def test_enough_processes_pass() -> None:
    """The plain case."""
    assert Presence(2, 0).saw(0, alive=2, exiting=0) == OK


def test_too_few_fail_at_once() -> None:
    """Every millisecond here is a millisecond of outage."""
    assert Presence(2, 0).saw(0, alive=1, exiting=0) == GONE


def test_one_that_begins_to_exit_counts_as_gone() -> None:
    """A large process takes 80 ms for each GiB until it is really gone."""
    assert Presence(1, 0).saw(0, alive=1, exiting=1) == GONE


def test_one_of_many_that_exits_is_nothing() -> None:
    """A worker that ends is the daily business of a service."""
    assert Presence(1, 0).saw(0, alive=5, exiting=4) == OK


def test_an_absence_waits_for_a_supervisor() -> None:
    """Something else may restart it faster than a VIP moves."""
    presence = Presence(1, 2000)
    assert presence.saw(100, alive=0, exiting=0) == Judgement(None, 2100)
    assert presence.saw(1500, alive=0, exiting=0) == Judgement(None, 2100)
    assert presence.saw(2100, alive=0, exiting=0) == GONE
    assert presence.saw(2200, alive=0, exiting=0) == GONE


def test_a_return_ends_the_absence() -> None:
    """Two short absences are not one long one."""
    presence = Presence(1, 2000)
    presence.saw(0, alive=0, exiting=0)
    assert presence.saw(1000, alive=1, exiting=0) == OK
    assert presence.saw(1500, alive=0, exiting=0) == Judgement(None, 3500)
