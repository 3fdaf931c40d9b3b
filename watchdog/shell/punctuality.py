"""Whether this process wakes when it wants to: says each late tick, and counts them for `status`.

The core is told, because whoever asks why a lease was lost wants to know that nobody let this
process run.
"""

from collections.abc import Callable

from watchdog.core.events import Stalled, Ticked
from watchdog.shell.log import Log
from watchdog.stolen import Meter


class Punctuality:
    """One node process's ticks."""

    def __init__(self, meter: Meter, log: Log, boot_ns: Callable[[], int]) -> None:
        self._meter = meter
        self._log = log
        self._boot_ns = boot_ns
        self._stalls = self._worst_ms = self._stolen_ms = 0

    def tick(self, due_ns: int) -> Ticked | Stalled:
        """The event of a timer that was due then."""
        now_ns = self._boot_ns()
        stall = self._meter.look(now_ns, now_ns - due_ns)
        if stall is None:
            return Ticked()
        late_ms, stolen_ms = stall
        self._stalls += 1
        self._worst_ms = max(self._worst_ms, late_ms)
        self._stolen_ms += stolen_ms
        self._log.warning("node_stalled", late_ms=late_ms, stolen_ms=stolen_ms)
        return Stalled(late_ms, stolen_ms)

    def stats(self) -> dict[str, int]:
        """Since the start: how often, the worst, and what the hypervisor took meanwhile."""
        return {
            "count": self._stalls,
            "worst_ms": self._worst_ms,
            "stolen_ms": self._stolen_ms,
        }
