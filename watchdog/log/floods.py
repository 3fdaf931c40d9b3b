"""How many lines of one kind a log takes: nobody who may speak of health may fill the disk.

Rule: each event has a stock of lines that fills up again slowly; beyond it lines are counted, and
the next one that is written says how many.  Every event has its own, so a flood hides no other.
Pure, stdlib only: the node and lifecheck write logs.
"""

from typing import Final

STOCK: Final = 100
"""Lines of one event at once: whatever really happens has fewer."""
PER_S: Final = 1.0
"""Lines of one event in each second, in the long run."""
EVENTS_MAX: Final = 256
"""More events than we have; the names are ours, not a stranger's."""
OTHER: Final = "other"


class Floods:
    """The stock of every event."""

    def __init__(self) -> None:
        self._stock: dict[str, tuple[float, float]] = {}
        """event -> (lines left, as of when)."""
        self._held_back: dict[str, int] = {}

    def admit(self, event: str, now_s: float) -> int | None:
        """None: hold this line back. Else write it; so many were held back before it."""
        key = event if event in self._stock or len(self._stock) < EVENTS_MAX else OTHER
        left, at_s = self._stock.get(key, (float(STOCK), now_s))
        left = min(float(STOCK), left + max(0.0, now_s - at_s) * PER_S)
        if left < 1:
            self._stock[key] = left, now_s
            self._held_back[key] = self._held_back.get(key, 0) + 1
            return None
        self._stock[key] = left - 1, now_s
        return self._held_back.pop(key, 0)
