"""How long this machine stood still while something ran: a thread that looks ten times a second.

Rule: what counts is what one processor lost within one second, because a lease is lost in a
stretch: the same loss spread over a minute delays nobody.  watchdog/stolen.py says what is read.
"""

import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Self

from watchdog import stolen

EVERY_S: Final = 0.1
WITHIN_S: Final = 1.0
STOOD_STILL_MS: Final = 100
"""From this on nobody is to blame for being late."""
Counters = dict[bytes, int]


class Sample(NamedTuple):
    """What was stolen since the boot, by processor, and when that was read."""

    at_s: float
    stolen: Counters


def lost_ms(before: Sequence[Sample], now: Sample) -> int:
    """The most that one processor lost within one second, of what ended now.

    A sample from longer ago does not say in which second it was: in one of them, at least a share.
    """
    return max(
        (
            stolen.most_ms(one.stolen, now.stolen) // max(1, math.ceil(now.at_s - one.at_s))
            for one in before
        ),
        default=0,
    )


class Sampler:
    """Reads the counters from `with` to its end, and once more whenever it is asked."""

    def __init__(self, read: Callable[[], Counters] = stolen.read) -> None:
        self._read = read
        self._kept: list[Sample] = []
        self._worst = 0
        self._turn = threading.Lock()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._look()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def worst_ms(self) -> int:
        """The most that one processor lost within one second so far.

        Waits for a moment: a kernel counts what was stolen after the processor is back.
        """
        time.sleep(EVERY_S)
        self._look()
        return self._worst

    def _run(self) -> None:
        while not self._end.wait(EVERY_S):
            self._look()

    def _look(self) -> None:
        with self._turn:
            now = Sample(time.monotonic(), self._read())
            self._worst = max(self._worst, lost_ms(self._kept, now))
            recent = [one for one in self._kept if now.at_s - one.at_s <= WITHIN_S]
            self._kept = [*recent, now]
