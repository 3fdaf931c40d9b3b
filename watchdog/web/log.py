"""The log of the health port: one line per event on stderr, written at once or not at all.

A line that cannot be written now is dropped and counted: a health check must not wait for
whoever reads the log.
"""

import os
import select

from watchdog.log import line as lines
from watchdog.log.line import Level, Style, Value
from watchdog.web import clock


class Log:
    """Writes events as lines to `fd`."""

    def __init__(self, node: str, *, as_json: bool = False, fd: int = 2) -> None:
        self._style = Style(node, "web", as_json)
        self._fd = fd
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)
        self.dropped = 0

    def info(self, event: str, /, **fields: Value) -> None:
        """Say that `event` happened."""
        self._put("info", event, fields)

    def warning(self, event: str, /, **fields: Value) -> None:
        """Say what somebody should look at in working hours."""
        self._put("warning", event, fields)

    def error(self, event: str, /, **fields: Value) -> None:
        """Say what somebody should look at now."""
        self._put("error", event, fields)

    def _put(self, level: Level, event: str, fields: dict[str, Value]) -> None:
        if self.dropped:
            fields = {**fields, "dropped_before": self.dropped}
        line = lines.line(self._style, level, event, fields, clock.timestamp())
        if self._write(lines.cut_for_pipe(line)):
            self.dropped = 0
        else:
            self.dropped += 1

    def _write(self, line: bytes) -> bool:
        try:
            return bool(self._poll.poll(0)) and os.write(self._fd, line) > 0
        except OSError:
            return False  # nobody reads any more, or the disk is full
