"""The only reader of clocks of the health port; BOOTTIME, since a lease also ends in suspend."""

import time
from datetime import UTC, datetime


def boot_s() -> float:
    """Seconds since the machine's start, the time it was suspended included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def timestamp() -> str:
    """Now, as people and log collectors read it (UTC, RFC 3339); decides nothing."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds")
    return now.replace("+00:00", "Z")
