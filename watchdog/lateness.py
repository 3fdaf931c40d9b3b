"""How late this process woke of late: remembered for the words that say why a lease was lost.

It decides nothing.  A node that could not renew in time because nobody let it run is in order, and
so is the network: whoever asks why the VIP moved is told of the machine.  Pure; used by core and
guardian, each of its own process.
"""

from typing import Final

from watchdog.instant import SECOND, Instant, elapsed_hi

MEMORY_NS: Final = 2 * SECOND
"""What is older explains nothing any more; pauses that follow each other closer are one."""


class Lateness:
    """The newest run of late wake-ups."""

    def __init__(self) -> None:
        self._at: Instant | None = None
        self._late_ms = self._stolen_ms = 0

    def note(self, late_ms: int, stolen_ms: int, now: Instant) -> None:
        """This process woke so late, while the hypervisor took so much."""
        if not self._is_fresh(now):
            self._late_ms = self._stolen_ms = 0
        self._at = now
        self._late_ms += late_ms
        self._stolen_ms += stolen_ms

    def explain(self, why: str, now: Instant) -> str:
        """`why`, and what was noted not long ago."""
        if not self._is_fresh(now):
            return why
        stolen = f", {self._stolen_ms} ms taken by its hypervisor" if self._stolen_ms else ""
        return f"{why}; it woke {self._late_ms} ms late{stolen}"

    def _is_fresh(self, now: Instant) -> bool:
        return self._at is not None and elapsed_hi(now, self._at) < MEMORY_NS
