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
        return elapsed_hi(now, self.since) >= self.after_ns


def wake_ns(now: Instant, dues: list[Due]) -> int | None:
    """BOOTTIME at which to look again for the earliest of `dues`; None when there is none."""
    if not dues:
        return None
    return _wake_ns(now, max(0, min([due.left_ns(now) for due in dues])))


def wake_for_next_ns(now: Instant, dues: list[Due]) -> int | None:
    """The same for those still to come: what is past and listed waits for a fact, not for time."""
    lefts = [left for due in dues if (left := due.left_ns(now)) > 0]
    return _wake_ns(now, min(lefts)) if lefts else None


def _wake_ns(now: Instant, left: int) -> int:
    return now.boot_ns + (left - left // 10 if left > MS else left)
