"""Regular expressions of the configuration, searched in bounded time.

Rule: a pattern that backtracks for ever must not hold the loop.  The engine looks for signals
while it works and gives up when a handler raises, so a timer ends any search after 50 ms of CPU
time (not of the clock: a busy machine fails nobody).  Only the main thread has signal handlers:
there the bound holds, and lifecheck's loop runs there.
"""

import re
import signal
import threading
from collections.abc import Iterable
from types import FrameType
from typing import Final

BUDGET_MS: Final = 50
TOO_SLOW: Final = f"the pattern takes longer than {BUDGET_MS} ms of CPU: make it simpler"


class TooSlowError(Exception):
    """The search was given up."""


class Pattern:
    """One pattern; `text` is what the configuration says."""

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self._compiled = re.compile(text, re.MULTILINE)
        except (re.error, RecursionError, OverflowError) as error:
            raise ValueError(f"pattern {text!r}: {error}") from None

    def search(self, text: str) -> str | None:
        """Return what matches first, or None; TooSlowError after BUDGET_MS."""
        return self.first_of((text,))

    def first_of(self, texts: Iterable[str]) -> str | None:
        """Return the first of `texts` in which the pattern is, within one budget for all."""
        if threading.current_thread() is not threading.main_thread():
            return self._look(texts)
        with _Alarm():
            return self._look(texts)

    def _look(self, texts: Iterable[str]) -> str | None:
        return next((text for text in texts if self._compiled.search(text)), None)


class _Alarm:
    """Raises TooSlowError in the main thread when the budget is used up."""

    def __init__(self) -> None:
        self._armed = False

    def __enter__(self) -> None:
        self._before = signal.signal(signal.SIGVTALRM, self._ring)
        self._armed = True
        signal.setitimer(signal.ITIMER_VIRTUAL, BUDGET_MS / 1000)

    def __exit__(self, *_: object) -> None:
        self._armed = False  # an alarm that comes from here on is ignored
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, self._before)

    def _ring(self, _number: int, _frame: FrameType | None) -> None:
        if self._armed:
            raise TooSlowError
