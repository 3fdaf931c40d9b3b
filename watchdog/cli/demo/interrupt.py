"""Ctrl-C at any moment: noted by the handler, obeyed only where nothing is half done.

Rule: a handler that raises could fall between making a namespace and remembering it.  So it only
sets a flag, and every wait of the demo looks at it many times a second.
"""

import signal
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Final

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
POLL_S: Final = 0.02


class InterruptedDemoError(Exception):
    """Somebody wants the demo to end."""


class TooLateError(Exception):
    """Something that was waited for did not happen in time."""


class Interrupt:
    """Takes the signals over until `release`; `requested` says whether one came."""

    def __init__(self, signals: Sequence[signal.Signals] = SIGNALS) -> None:
        self.requested = False
        self._before = {number: signal.signal(number, self._note) for number in signals}

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.requested = True

    def release(self) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def check(self) -> None:
        """Raise InterruptedDemoError when a signal came."""
        if self.requested:
            raise InterruptedDemoError

    def pause(self, seconds: float) -> None:
        """Wait; InterruptedDemoError at once when a signal comes."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            self.check()
            time.sleep(min(left, POLL_S))
        self.check()

    def wait(self, what: str, is_so: Callable[[], bool], seconds: float) -> None:
        """Wait until `is_so()`; TooLateError with `what` when it is not in time."""
        deadline = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > deadline:
                raise TooLateError(f"waited {seconds:g} s, but not yet: {what}")
            self.pause(POLL_S)
