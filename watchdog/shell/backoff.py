"""When to dial a peer again: at once after a working link was lost, then ever more seldom.

Doubling with jitter, so that neither a dead peer nor a thousand restarts make a storm, and bounded,
so that a peer that returns is found soon.  A link that ended within a second did not work.
"""

import random
from typing import Final

from watchdog.instant import MS, SECOND

DELAY_MIN_NS: Final = 200 * MS
DELAY_MAX_NS: Final = 5 * SECOND
WORKED_NS: Final = SECOND


class Backoff:
    """One peer's delays, in ns."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._delay_ns = DELAY_MIN_NS

    def failed(self) -> int:
        """How long to wait after a failed attempt: 0.2 s doubling to 5 s, less up to a quarter."""
        delay_ns = self._delay_ns
        self._delay_ns = min(2 * delay_ns, DELAY_MAX_NS)
        return delay_ns - self._rng.randrange(delay_ns // 4)

    def lost(self, lasted_ns: int) -> int:
        """How long to wait after a link ended that had been up for `lasted_ns`."""
        if lasted_ns < WORKED_NS:
            return self.failed()
        self.reset()
        return 0

    def reset(self) -> None:
        """Begin again with the shortest delay."""
        self._delay_ns = DELAY_MIN_NS
