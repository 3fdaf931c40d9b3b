"""Whether the cluster network of this machine counts as usable.

A loss shorter than `reach` is nothing: grants go on if packets come, and the lease decides.  What
comes back must stay for max(promise, 0.5 s), so that a flapping link does not flap the state.
"""

from typing import Final

from watchdog.core.settings import Timing
from watchdog.instant import MS, Instant

BACK_MIN_NS: Final = 500 * MS


class Uplink:
    """The interface and address that peers reach this node by."""

    def __init__(self, timing: Timing) -> None:
        self._lost_ns = timing.reach_ns
        self._back_ns = max(timing.promise_ns, BACK_MIN_NS)
        self._raw = True
        self._since_ns: int | None = None
        self.is_up = True
        self.why = ""

    def changed(self, *, up: bool, why: str, now: Instant) -> None:
        """The kernel says that carrier or address came or went."""
        self.why = why
        if up != self._raw:
            self._raw, self._since_ns = up, now.boot_ns

    def _due_ns(self) -> int | None:
        if self._since_ns is None or self._raw == self.is_up:
            return None
        return self._since_ns + (self._back_ns if self._raw else self._lost_ns)

    def tick(self, now: Instant) -> None:
        """Believe a change that has lasted."""
        if self._raw == self.is_up:
            return
        due_ns = self._due_ns()
        if due_ns is not None and now.boot_ns >= due_ns:
            self.is_up = self._raw

    def next_ns(self) -> int | None:
        """BOOTTIME at which a change will be believed."""
        return self._due_ns()
