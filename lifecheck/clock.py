"""The clock that lifecheck decides by: CLOCK_BOOTTIME, which a suspend does not stop.

The node reads the same clock, so a stamp of ours can be shown by it as an age.
"""

import time

_MS: int = 1_000_000


def now_ms() -> int:
    """Whole milliseconds since the machine started."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // _MS


def now_us() -> int:
    """The same in microseconds, for round trips."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


def wall_text() -> str:
    """The time of day for a log line: UTC, to the millisecond."""
    seconds, ms = divmod(time.time_ns() // _MS, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{ms:03d}Z"
