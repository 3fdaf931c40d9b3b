"""The heap of what happens next: the one clock and the one order of a simulation.

Rule: events of one instant happen in the order in which they were scheduled, so that a seed means
one run.  Nothing else in the simulator may depend on the order of a set or on the real clock.
"""

import heapq
from collections.abc import Callable
from typing import Any

Action = Callable[..., None]


class Heap:
    """True time in ns, and everything that is still to happen."""

    def __init__(self) -> None:
        self.now = 0
        self.done = 0
        self._order = 0
        self._entries: list[tuple[int, int, Action, tuple[Any, ...]]] = []

    def at(self, when: int, action: Action, *args: Any) -> None:
        """Have `action` done at true time `when` (now, if that is past)."""
        self._order += 1
        now = self.now
        heapq.heappush(self._entries, (max(when, now), self._order, action, args))

    def after(self, delay: int, action: Action, *args: Any) -> None:
        """Have `action` done `delay` ns from now."""
        self._order += 1
        now = self.now
        heapq.heappush(
            self._entries, (now + delay if delay > 0 else now, self._order, action, args)
        )

    def run(self, until: int) -> None:
        """Let everything happen that is due up to `until`."""
        entries = self._entries
        pop = heapq.heappop
        done = 0
        while entries and entries[0][0] <= until:
            self.now, _, action, args = pop(entries)
            done += 1
            action(*args)
        self.now = until
        self.done += done
