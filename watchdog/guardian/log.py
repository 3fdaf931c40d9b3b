"""The guardian's log on stderr: one line per event, and never a wait for whoever reads it.

Rule: what cannot be written now waits in a short queue; what does not fit there is counted and
the count is logged later.  A reader that stops reading must not stop a deadline.
"""

import os
import select
import socket
import stat
from collections import deque
from typing import Final

from watchdog.guardian import clock
from watchdog.log import line as lines
from watchdog.log.line import Level, Style

QUEUE_MAX: Final = 256


class Log:
    """Lines `event=... key=value ...`, or JSON objects."""

    def __init__(self, fd: int, *, is_json: bool, node: str) -> None:
        self._fd = fd
        self._style = Style(node, "guardian", is_json)
        self._queue: deque[bytes] = deque()
        self._dropped = 0
        self._socket: socket.socket | None = None
        mode = os.fstat(fd).st_mode
        if stat.S_ISSOCK(mode):
            self._socket = socket.socket(fileno=os.dup(fd))
        elif stat.S_ISFIFO(mode):
            self._fd = _never_waiting(fd)

    def info(self, event: str, **fields: str | int) -> None:
        """Something happened."""
        self._put("info", event, fields)

    def warning(self, event: str, **fields: str | int) -> None:
        """Something that an operator should look at happened."""
        self._put("warning", event, fields)

    def alarm(self, event: str, **fields: str | int) -> None:
        """Something went wrong."""
        self._put("alarm", event, fields)

    def _put(self, level: Level, event: str, fields: dict[str, str | int]) -> None:
        line = lines.line(self._style, level, event, fields, clock.timestamp())
        self._queue.append(lines.cut_for_pipe(line))
        self.flush()
        while len(self._queue) > QUEUE_MAX:
            self._queue.pop()
            self._dropped += 1

    def flush(self) -> None:
        """Write what can be written without waiting."""
        while self._queue and self._write(self._queue[0]):
            self._queue.popleft()
        if self._dropped and not self._queue:
            dropped, self._dropped = self._dropped, 0
            self.warning("log_dropped", count=dropped)

    def _write(self, line: bytes) -> bool:
        try:
            if self._socket:
                self._socket.send(line, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
                return True
            poll = select.poll()
            poll.register(self._fd, select.POLLOUT)
            if not poll.poll(0):
                return False
            os.write(self._fd, line)
        except BlockingIOError:
            return False
        except OSError:
            return True  # nobody reads any more, or the disk is full: the line is lost
        return True


def _never_waiting(fd: int) -> int:
    """The same pipe opened anew: others write to it too, and may fill it after our poll."""
    try:
        return os.open(f"/proc/self/fd/{fd}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return fd
