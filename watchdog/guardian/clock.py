"""The guardian's only clock: the pair that decides, and a timer that only wakes up."""

import contextlib
import os
import time

from watchdog.guardian import libc
from watchdog.instant import Instant


def now() -> Instant:
    """Read both clocks."""
    return Instant(
        time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
    )


def pause(seconds: float) -> None:
    """Wait before the loop runs: for locks and orphans at the start, nothing else."""
    time.sleep(seconds)


class Timer:
    """A descriptor that becomes readable at an instant of CLOCK_BOOTTIME."""

    def __init__(self) -> None:
        self.fd = libc.timerfd_create()
        self._armed: int | None = None

    def arm(self, at_ns: int | None) -> None:
        """Fire at `at_ns`, or never; an instant that is past fires at once."""
        if at_ns != self._armed:
            libc.timerfd_settime(self.fd, 0 if at_ns is None else max(1, at_ns))
            self._armed = at_ns

    def clear(self) -> None:
        """Take note that it fired."""
        self._armed = None
        with contextlib.suppress(BlockingIOError):
            os.read(self.fd, 8)
