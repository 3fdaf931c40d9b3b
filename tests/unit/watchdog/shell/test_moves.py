"""A move is a change of coordinator, seen once, with the best reason that this node knows."""

from typing import Any

from tests.unit.watchdog.shell.samples import core_status
from watchdog.shell.moves import Move, Moves


def led_by(name: str | None, end: str = "", **reasons: str) -> dict[str, Any]:
    """Return a core status with this coordinator, the newest end "node: why", and lost members."""
    node, _, why = end.partition(": ")
    core = core_status() | {"coordinator": name, "last_end": end and {"node": node, "why": why}}
    for row in core["nodes"]:
        row["reason"] = reasons.get(row["name"], "")
        row["reachable"] = not row["reason"]
    return core


def test_first_coordinator_is_a_move_from_nobody() -> None:
    """A process that has just started cannot know who led before."""
    moves = Moves()
    assert moves.look(led_by(None), lambda: "1") is None
    assert moves.look(led_by("alpha"), lambda: "2") == Move(None, "alpha", "2", "first seen")


def test_time_without_a_coordinator_is_no_move() -> None:
    """It is part of the move that follows; a coordinator that comes back did not move."""
    moves = Moves()
    moves.look(led_by("alpha"), lambda: "1")
    assert moves.look(led_by(None), lambda: "2") is None
    assert moves.look(led_by("alpha"), lambda: "3") is None
    assert moves.last == Move(None, "alpha", "1", "first seen")


def test_the_end_of_the_old_tenure_gives_the_reason_once() -> None:
    """The next move must not inherit it."""
    moves, end = Moves(), "alpha: kernel update"
    moves.look(led_by("alpha"), lambda: "1")
    moved = moves.look(led_by("beta", end), lambda: "2")
    assert moved == Move("alpha", "beta", "2", "kernel update")
    back = moves.look(led_by("alpha", end), lambda: "3")
    assert back == Move("beta", "alpha", "3", "beta handed over")


def test_lost_coordinator_is_the_reason_as_far_as_it_was_seen() -> None:
    """A bystander knows why it stopped to hear the old one."""
    moves = Moves()
    moves.look(led_by("beta"), lambda: "1")
    move = moves.look(led_by("alpha", beta="connection closed"), lambda: "2")
    assert move is not None
    assert move.reason == "beta is lost: connection closed"


def test_a_coordinator_that_is_there_and_unwell_is_not_lost() -> None:
    """Its reason is why it does not lead now, which is another thing."""
    moves, core = Moves(), led_by("alpha", beta="unhealthy")
    core["nodes"][1] |= {"reachable": True}
    moves.look(led_by("beta"), lambda: "1")
    move = moves.look(core, lambda: "2")
    assert move is not None
    assert move.reason == "beta handed over"
