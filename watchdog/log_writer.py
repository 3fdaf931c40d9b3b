"""Writes lines of the log from a thread of its own, so that whoever logs never waits.

Rule: a stuck terminal or a full disk costs lines, which are counted and told of, and nothing else.
Used by the node process and lifecheck; the guardian has no threads, and the health port no queue.
"""

import os
import queue
import threading
from collections.abc import Callable
from typing import Final

LINES_MAX: Final = 1000
CLOSE_TIMEOUT_S: Final = 0.5
STACK_SIZE: Final = 128 * 1024
"""It may be locked in memory; the thread does nothing but write."""


class LogWriter:
    """The queue of lines for `fd`, and the thread that empties it."""

    def __init__(self, fd: int, lost: Callable[[int], bytes]) -> None:
        """`lost`: the line that says how many are missing."""
        self._fd = fd
        self._lost = lost
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        # Inherited scheduling does no harm: the thread sleeps or is blocked in write.
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._is_open = True
        self.dropped = 0
        before = threading.stack_size(STACK_SIZE)
        self._thread.start()
        threading.stack_size(before)

    def put(self, line: bytes) -> None:
        """Have the line written, or count it when too many wait already."""
        if not self._is_open:
            return
        if self._lines.qsize() >= LINES_MAX:
            self.dropped += 1
            return
        self._tell_lost()
        self._lines.put(line)

    def close(self) -> None:
        """Write what is queued, within CLOSE_TIMEOUT_S, and end the thread."""
        if self._is_open:
            self._is_open = False
            self._tell_lost()
            self._lines.put(None)
            self._thread.join(CLOSE_TIMEOUT_S)

    def _tell_lost(self) -> None:
        if self.dropped:
            lost, self.dropped = self.dropped, 0
            self._lines.put(self._lost(lost))

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                os.write(self._fd, line)
            except OSError:
                self.dropped += 1
