"""From outcomes of one probe to UP, DOWN or UNKNOWN. Pure.

One failure is no verdict: a probe is DOWN after `fails` failures in a row (with a window: so many
within it), and UP again after `rises` successes in a row.  What is not confirmed yet is asked again
soon instead of at the usual pace, so that patience costs a second per repetition at most.
The first success after the start counts at once: nobody has called the service down yet.
"""

from collections import deque
from enum import Enum
from typing import Final, NamedTuple

REPEAT_MS: Final = 1000
"""A failure that does not count yet is repeated after so long, or at the usual pace if sooner."""
DETAIL_MAX: Final = 200
"""Characters of what a probe, or the process watch, says that it saw."""


class Verdict(Enum):
    """What is known of a probe, or of a check."""

    UP = "up"
    DOWN = "down"
    UNKNOWN = "unknown"
    DISARMED = "disarmed"
    """Only of a check: it does not count here and now."""


class Patience(NamedTuple):
    """How many outcomes make a verdict."""

    fails: int
    rises: int
    window_ms: int
    """0: failures in a row; else failures within so long, whatever lies between them."""
    start_delay_ms: int
    """Failures do not count for so long after the start, an arming or a restart action."""


class Detector:
    """The verdict of one probe, and how it came to be."""

    def __init__(self, patience: Patience, now_ms: int) -> None:
        self.patience = patience
        self.verdict = Verdict.UNKNOWN
        self.detail = ""
        """What the last run saw."""
        self.last_ms: int | None = None
        self.runs = 0
        self.failures = 0
        self._counts_from_ms = now_ms + patience.start_delay_ms
        self._failed_at_ms: deque[int] = deque()
        self._passed = 0
        self._is_next_final = False
        self._was_ok = True

    def start_over(self, now_ms: int) -> None:
        """Know nothing, as at the start; the counts stay."""
        self.verdict = Verdict.UNKNOWN
        self.last_ms = None
        self._counts_from_ms = now_ms + self.patience.start_delay_ms
        self._forget()
        self._was_ok = True

    def reset(self) -> None:
        """Clear the counts; the next outcome decides alone, because an operator says it will."""
        self.runs = self.failures = 0
        self._forget()
        self._counts_from_ms = 0
        self._is_next_final = True

    def change(self, patience: Patience) -> None:
        """Judge the outcomes to come by other numbers."""
        self.patience = patience
        self._failed_at_ms.clear()
        self._passed = 0

    def saw(self, now_ms: int, *, ok: bool, detail: str) -> bool:
        """Take one outcome; whether the verdict changed."""
        before = self.verdict
        self.detail = detail[:DETAIL_MAX]
        self.last_ms = now_ms
        self.runs += 1
        self._was_ok = ok
        if ok:
            self._passes()
        else:
            self.failures += 1
            self._fails(now_ms)
        return self.verdict is not before

    @property
    def is_settled(self) -> bool:
        """Whether the verdict says what the last outcome said."""
        if self.last_ms is None:
            return False
        return self.verdict is (Verdict.UP if self._was_ok else Verdict.DOWN)

    def pause_ms(self, every_ms: int) -> int:
        """How long after the start of this run the next one is due."""
        is_doubted = not self._was_ok and not self.is_settled
        return min(every_ms, REPEAT_MS) if is_doubted else every_ms

    def _passes(self) -> None:
        self._passed += 1
        if not self.patience.window_ms:
            self._failed_at_ms.clear()
        is_first = self.verdict is Verdict.UNKNOWN
        if is_first or self._is_next_final or self._passed >= self.patience.rises:
            self._decide(Verdict.UP)

    def _fails(self, now_ms: int) -> None:
        self._passed = 0
        if now_ms < self._counts_from_ms:
            return
        self._failed_at_ms.append(now_ms)
        if self.patience.window_ms:
            self._drop_before(now_ms - self.patience.window_ms)
        if self._is_next_final or len(self._failed_at_ms) >= self.patience.fails:
            self._decide(Verdict.DOWN)

    def _drop_before(self, limit_ms: int) -> None:
        while self._failed_at_ms and self._failed_at_ms[0] < limit_ms:
            self._failed_at_ms.popleft()

    def _decide(self, verdict: Verdict) -> None:
        if verdict is not self.verdict:
            self._forget()
        elif len(self._failed_at_ms) > self.patience.fails:
            self._failed_at_ms.popleft()
        self.verdict = verdict
        self._is_next_final = False

    def _forget(self) -> None:
        self._failed_at_ms.clear()
        self._passed = 0
        self._is_next_final = False
