"""Notices when the coordinator changes, so that `status` can say what moved last, when and why.

The core knows only the present; people ask for the past.  The reason travels with the RELEASE of
the one that gave up; of one that said nothing a node knows only that it fell silent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Move:
    """`giver` is None for the first coordinator that this process saw."""

    giver: str | None
    taker: str
    at: str
    reason: str


class Moves:
    """Remembers the last move; `last` is None until there is one."""

    def __init__(self) -> None:
        self.coordinator: str | None = None
        self.last: Move | None = None

    def look(self, core: Mapping[str, Any], clock: Callable[[], str]) -> Move | None:
        """The move that `core` (Node.status()) shows for the first time; `clock` says when."""
        taker, giver = core["coordinator"], self.coordinator
        if taker is None or taker == giver:
            return None
        self.coordinator = taker
        self.last = Move(giver, taker, clock(), self._reason(core, giver))
        return self.last

    @staticmethod
    def _reason(core: Mapping[str, Any], giver: str | None) -> str:
        if giver is None:
            return "first seen"
        end = core["last_end"]
        if end and end["node"] == giver:
            return str(end["why"])
        rows = (row for row in core["nodes"] if row["name"] == giver and not row["reachable"])
        lost = next((row["reason"] for row in rows), "")
        return f"{giver} is lost: {lost}" if lost else f"{giver} handed over"
