"""The time of a story: what happens next, and what the clocks show then."""

import heapq
from collections.abc import Callable
from typing import Final

from watchdog.instant import SECOND, Instant

BOOT_NS: Final = 1000 * SECOND
STEPS_MAX: Final = 200_000


class Heap:
    """What will happen, in order of time and then of asking."""

    def __init__(self) -> None:
        self.now_ns = 0
        self._items: list[tuple[int, int, Callable[[], None]]] = []
        self._count = 0

    def after(self, delay_ns: int, do: Callable[[], None]) -> None:
        """Let something happen later."""
        self._count += 1
        heapq.heappush(self._items, (self.now_ns + max(0, delay_ns), self._count, do))

    def run_until(self, end_ns: int) -> None:
        """Let everything happen up to that time."""
        for _ in range(STEPS_MAX):
            if not self._items or self._items[0][0] > end_ns:
                self.now_ns = end_ns
                return
            self.now_ns, _, do = heapq.heappop(self._items)
            do()
        raise AssertionError("the story never comes to rest")

    def read(self) -> Instant:
        """The one clock of the story; both of a machine's clocks show it."""
        return Instant(BOOT_NS + self.now_ns, BOOT_NS + self.now_ns)
