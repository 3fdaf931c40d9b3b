"""The only reader of clocks in the node process: the pair of `watchdog.instant`, and wall time.

CLOCK_BOOTTIME and CLOCK_MONOTONIC_RAW decide; wall time is read once at the start, because only
the first term of a new cluster and what people read depend on it (docs/election.md, "Clocks").
"""

import time
from datetime import UTC, datetime

from watchdog.instant import MS, Instant


def now() -> Instant:
    """Both clocks as of now, in nanoseconds."""
    return Instant(
        time.clock_gettime_ns(time.CLOCK_BOOTTIME),
        time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW),
    )


def wall_ms() -> int:
    """Unix time in milliseconds; never used for a decision about time that has passed."""
    return time.time_ns() // MS


def timestamp(unix_ms: int) -> str:
    """Unix milliseconds as people and log collectors read them (UTC, RFC 3339)."""
    moment = datetime.fromtimestamp(unix_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
