"""How often a service is started again before its node lets go."""

from lifecheck.restarts import Restarts


def run(restarts: Restarts, now_ms: int, ticket: int, *, ok: bool = True) -> None:
    """One restart, over at once."""
    restarts.started(now_ms, ticket)
    assert restarts.ended(ticket, ok=ok, detail="exit 1")


def test_so_many_restarts_then_no_more() -> None:
    """Beyond that the service belongs to another node."""
    restarts = Restarts(2, 1000)
    for ticket in (1, 2):
        assert restarts.is_due(ticket)
        run(restarts, ticket, ticket)
    assert not restarts.is_due(3)
    assert restarts.has_given_up


def test_one_at_a_time() -> None:
    """Two starts of one service would get into each other's way."""
    restarts = Restarts(2, 1000)
    restarts.started(0, 1)
    assert not restarts.is_due(1)
    assert not restarts.has_given_up


def test_the_window_moves_on() -> None:
    """Once a week is no reason to move."""
    restarts = Restarts(1, 1000)
    run(restarts, 0, 1)
    restarts.helped()
    assert restarts.is_due(1000)


def test_having_given_up_outlasts_the_window() -> None:
    """A service that restarts did not help must not come back because time went by."""
    restarts = Restarts(1, 1000)
    run(restarts, 0, 1)
    assert not restarts.is_due(500)
    assert not restarts.is_due(5000)
    restarts.helped()
    assert restarts.is_due(5001)


def test_a_service_that_was_up_for_a_moment_still_used_its_restarts() -> None:
    """Else a service that dies each second would be restarted forever."""
    restarts = Restarts(1, 1000)
    run(restarts, 0, 1)
    restarts.helped()
    assert not restarts.is_due(500)
    assert restarts.has_given_up


def test_an_old_ticket_ends_nothing() -> None:
    """The answer may come after the check was disarmed and armed anew."""
    restarts = Restarts(2, 1000)
    restarts.started(0, 7)
    assert not restarts.ended(6, ok=True, detail="")
    assert restarts.ticket == 7


def test_a_failed_action_leaves_a_note() -> None:
    """The reason of the move says what the restart said."""
    restarts = Restarts(1, 1000)
    run(restarts, 0, 1, ok=False)
    assert restarts.note == "restart failed: exit 1"
    restarts.forget()
    assert (restarts.note, restarts.count) == ("", 0)


def test_no_restarts_allowed_means_given_up() -> None:
    """`restarts = 0` behaves as release."""
    assert Restarts(0, 1000).has_given_up
