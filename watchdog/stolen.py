"""Processor time that a hypervisor gave to others while this machine had work to do.

A virtual machine that gets no processor cannot renew a lease, and nothing on it was at fault: who
is late says how much was stolen, so that "why did it move?" has an answer.  proc_stat(5), `steal`:
counted in ticks of 10 ms for each processor; machines without a hypervisor have 0.  It may be
counted a little late, after the processor is back.  stdlib only: guardian and node use it.
"""

import os
from collections.abc import Callable
from typing import Final

from watchdog.instant import MS, SECOND

STAT: Final = "/proc/stat"
READ_MAX: Final = 1 << 17
"""The rows of more processors than Linux has on any machine that we know; they come first."""
STEAL: Final = 8
"""Place in a row: name, user, nice, system, idle, iowait, irq, softirq, steal."""
FRESH_NS: Final = SECOND
TICK_MS: Final = 1000 // os.sysconf("SC_CLK_TCK")


def of(stat: bytes) -> dict[bytes, int]:
    """Milliseconds stolen since the boot, by processor; empty if the kernel does not tell."""
    rows = (line.split() for line in stat.splitlines() if line.startswith(b"cpu"))
    return {
        row[0]: int(row[STEAL]) * TICK_MS for row in rows if row[0] != b"cpu" and len(row) > STEAL
    }


def read(path: str = STAT) -> dict[bytes, int]:
    """As `of`, now."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return of(os.read(descriptor, READ_MAX))
        finally:
            os.close(descriptor)
    except OSError:
        return {}


def most_ms(before: dict[bytes, int], after: dict[bytes, int]) -> int:
    """What the processor that lost most has lost in between; some kernels count back at times."""
    return max([0, *(ms - before.get(cpu, ms) for cpu, ms in after.items())])


class Meter:
    """Measures late wake-ups, and what was stolen meanwhile or up to a second before."""

    def __init__(
        self, stall_ns: int, now_ns: int, look: Callable[[], dict[bytes, int]] = read
    ) -> None:
        """`stall_ns`: what is less late than that is nothing."""
        self._stall_ns = stall_ns
        self._read = look
        self._before = look()
        self._before_ns = now_ns

    def look(self, now_ns: int, late_ns: int) -> tuple[int, int] | None:
        """How late it is and how much was stolen, both in ms; None while it is not late.

        To be called often: each second's figure is what the next one is compared with.
        """
        is_late = late_ns >= self._stall_ns
        if not is_late and now_ns - self._before_ns < FRESH_NS:
            return None
        before, self._before, self._before_ns = self._before, self._read(), now_ns
        return (late_ns // MS, most_ms(before, self._before)) if is_late else None
