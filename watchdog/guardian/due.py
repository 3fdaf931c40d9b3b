"""A moment in the future, counted by the clock pair as a holder counts (the larger elapsed time).

Pure. A timer can only wake us by CLOCK_BOOTTIME, and RAW may run ahead of it by a slew: so a
wake-up is armed at 0.9 x what remains and looked at again (docs/election.md, "The guardian").
"""

from typing import NamedTuple

from watchdog.instant import MS, Instant, elapsed_hi


class Due(NamedTuple):
    """`after_ns` nanoseconds after `since`."""

    since: Instant
    after_ns: int

    def left_ns(self, now: Instant) -> int:
        """Nanoseconds that remain; zero or less once it is due."""
        return self.after_ns - elapsed_hi(now, self.since)

    def is_past(self, now: Instant) -> bool:
        """Whether it is due."""
        return self.left_ns(now) <= 0


def wake_ns(now: Instant, dues: list[Due]) -> int | None:
    """BOOTTIME at which to look again for the earliest of `dues`; None when there is none."""
    if not dues:
        return None
    left = max(0, min(due.left_ns(now) for due in dues))
    return now.boot_ns + (left - left // 10 if left > MS else left)
