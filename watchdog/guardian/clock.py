"""The guardian's only clock: the pair that decides, and a timer that only wakes up."""

import contextlib
import os
import time
from typing import Final

from watchdog.guardian import libc
from watchdog.instant import MS, SECOND, Instant

EARLY_MAX_NS: Final = 50 * MS


def now() -> Instant:
    """Read both clocks."""
    return Instant(
        time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
    )


def timestamp() -> str:
    """The wall clock as people and log collectors read it (UTC, RFC 3339); decides nothing."""
    seconds, rest = divmod(time.time_ns(), SECOND)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest // MS:03d}Z"


def pause(seconds: float) -> None:
    """Wait before the loop runs: for locks and orphans at the start, nothing else."""
    time.sleep(seconds)


class Timer:
    """A descriptor that becomes readable at an instant of CLOCK_BOOTTIME."""

    def __init__(self) -> None:
        self.fd = libc.timerfd_create()
        self._armed: int | None = None

    def arm(self, at_ns: int | None) -> None:
        """Fire at `at_ns` or a little earlier, or never; an instant that is past fires at once.

        Whoever is woken looks at the clock again, so a deadline that moves on by a little (as it
        does at each look) is not worth a system call.
        """
        armed = self._armed
        if at_ns is not None and armed is not None and 0 <= at_ns - armed < EARLY_MAX_NS:
            return
        if at_ns != armed:
            libc.timerfd_settime(self.fd, 0 if at_ns is None else max(1, at_ns))
            self._armed = at_ns

    def clear(self) -> None:
        """Take note that it fired."""
        self._armed = None
        with contextlib.suppress(BlockingIOError):
            os.read(self.fd, 8)
