"""Writes lines of the log from a thread of its own, so that whoever logs never waits.

Rule: a stuck terminal, a full disk or a flood of one event costs lines, which are counted and told
of, and nothing else.  For the node process and lifecheck: the guardian has no threads, and the
health port no queue.
"""

import os
import queue
import threading
from collections.abc import Callable, Mapping
from typing import Final

from watchdog.log import line as lines
from watchdog.log.floods import Floods
from watchdog.log.line import Level, Style, Value

LINES_MAX: Final = 1000
CLOSE_TIMEOUT_S: Final = 0.5
STACK_SIZE: Final = 128 * 1024
"""It may be locked in memory; the thread does nothing but write."""


class LogWriter:
    """The queue of lines for `fd`, and the thread that empties it."""

    def __init__(
        self, style: Style, fd: int, now_s: Callable[[], float], stamp: Callable[[], str]
    ) -> None:
        """`now_s`: a clock that only rises; `stamp`: the time of day for people."""
        self._style = style
        self._fd = fd
        self._now_s = now_s
        self._stamp = stamp
        self._floods = Floods()
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        # Inherited scheduling does no harm: the thread sleeps or is blocked in write.
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._is_open = True
        self.dropped = 0
        """Lines that were lost and not told of yet."""
        before = threading.stack_size(STACK_SIZE)
        self._thread.start()
        threading.stack_size(before)

    def put(self, level: Level, event: str, fields: Mapping[str, Value]) -> None:
        """Have a line written, or count it when too many wait already."""
        if not self._is_open or (held_back := self._floods.admit(event, self._now_s())) is None:
            return
        if self._lines.qsize() >= LINES_MAX:
            self.dropped += 1
            return
        self._tell_lost()
        more = {"held_back": held_back} if held_back else {}
        self._lines.put(self._line(level, event, {**fields, **more}))

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
            self._lines.put(self._line("warning", "log_lines_dropped", {"count": lost}))

    def _line(self, level: Level, event: str, fields: Mapping[str, Value]) -> bytes:
        return lines.line(self._style, level, event, fields, self._stamp())

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                os.write(self._fd, line)
            except OSError:
                self.dropped += 1
