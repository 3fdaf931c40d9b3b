"""An instant is a pair of clocks, because no single clock can be trusted with a lease.

CLOCK_BOOTTIME counts suspend but may be slewed by adjtimex (about 10 % by chrony);
CLOCK_MONOTONIC_RAW is never slewed but stops in suspend.  Whoever *holds* something measures
the larger elapsed time and so gives up early; whoever *promised* something measures the smaller
and so keeps its word longer (docs/election.md, "Clocks").  Pure; used by core and guardian.
"""

from typing import Final, NamedTuple

MS: Final = 1_000_000
"""Nanoseconds in a millisecond: every duration inside the daemon is an int of nanoseconds."""
SECOND: Final = 1_000 * MS

JUMP_FLOOR_NS: Final = 100 * MS
JUMP_PER_CENT: Final = 12


class Instant(NamedTuple):
    """One reading of both clocks, in nanoseconds."""

    boot_ns: int
    raw_ns: int


def elapsed_hi(now: Instant, then: Instant) -> int:
    """Nanoseconds from `then` to `now` as a holder counts them: the larger of the two clocks."""
    (boot_ns, raw_ns), (then_boot_ns, then_raw_ns) = now, then
    boot_ns -= then_boot_ns
    raw_ns -= then_raw_ns
    return boot_ns if boot_ns > raw_ns else raw_ns  # noqa: FURB136 - half the time of max()


def elapsed_lo(now: Instant, then: Instant) -> int:
    """Nanoseconds from `then` to `now` as a voter counts them: the smaller of the two clocks."""
    (boot_ns, raw_ns), (then_boot_ns, then_raw_ns) = now, then
    boot_ns -= then_boot_ns
    raw_ns -= then_raw_ns
    return boot_ns if boot_ns < raw_ns else raw_ns  # noqa: FURB136 - half the time of min()


def has_jumped(now: Instant, last: Instant) -> bool:
    """Whether the machine was suspended between two looks.

    BOOTTIME gaining on RAW by more than 100 ms + 12 % of the elapsed RAW time is a suspend;
    slewing (8-10 % at worst) stays below that.
    """
    gained = (now.boot_ns - last.boot_ns) - (now.raw_ns - last.raw_ns)
    return gained > JUMP_FLOOR_NS + (now.raw_ns - last.raw_ns) * JUMP_PER_CENT // 100
