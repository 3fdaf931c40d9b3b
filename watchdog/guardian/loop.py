"""The guardian's loop: descriptors to watch, instants to call at, and inputs to take in.

Rule: one thing at a time.  A callback may feed inputs, they are taken in before the next
descriptor is looked at.  Nothing here waits but poll, and poll wakes by CLOCK_BOOTTIME.
"""

import heapq
import select
from collections.abc import Callable
from itertools import count
from typing import Final

from watchdog.guardian import clock

WATCHED_MAX: Final = 256
CALLS_MAX: Final = 1024

Callback = Callable[[], None]


class Loop:
    """poll(2) over everything, with one timer for all instants."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._callbacks: dict[int, Callback] = {}
        self._timer = clock.Timer()
        self._calls: list[tuple[int, int, Callback]] = []
        self._order = count()
        self.watch(self._timer.fd, self._timer.clear)

    def watch(self, fd: int, callback: Callback, events: int = select.POLLIN) -> None:
        """Call when `fd` is ready (also on error and hang-up)."""
        assert len(self._callbacks) < WATCHED_MAX, "too many descriptors"
        self._callbacks[fd] = callback
        self._poll.register(fd, events)

    def forget(self, fd: int) -> None:
        """Stop watching `fd`."""
        if self._callbacks.pop(fd, None):
            self._poll.unregister(fd)

    def call_in(self, delay_ns: int, callback: Callback) -> None:
        """Call once, `delay_ns` from now."""
        assert len(self._calls) < CALLS_MAX, "too many timers"
        at_ns = clock.now().boot_ns + delay_ns
        heapq.heappush(self._calls, (at_ns, next(self._order), callback))

    def turn(self, deadline_ns: int | None, after_each: Callback) -> None:
        """Wait for a descriptor or an instant, `deadline_ns` at the latest; call what is ready."""
        first = self._calls[0][0] if self._calls else None
        instants = [at for at in (first, deadline_ns) if at is not None]
        self._timer.arm(min(instants) if instants else None)
        ready = [fd for fd, _ in self._poll.poll()]
        after_each()  # first of all what the time that has passed asks for
        now = clock.now().boot_ns
        while self._calls and self._calls[0][0] <= now:
            heapq.heappop(self._calls)[2]()
            after_each()
        for fd in ready:
            callback = self._callbacks.get(fd)  # an earlier one may have closed this one
            if callback:
                callback()
                after_each()
