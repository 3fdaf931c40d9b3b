"""The guardian's log on stderr: one line per event, and never a wait for whoever reads it.

Rule: what cannot be written now waits in a short queue; what does not fit there is counted and
the count is logged later.  A reader that stops reading must not stop a deadline.
"""

import json
import os
import select
import socket
import stat
from collections import deque
from typing import Final

from watchdog.guardian import clock

LINE_MAX: Final = 4096
"""Bytes of a line: a pipe that polls writable takes PIPE_BUF without waiting."""
QUEUE_MAX: Final = 256


class Log:
    """Lines `event=... key=value ...`, or JSON objects."""

    def __init__(self, fd: int, *, is_json: bool, node: str) -> None:
        self._fd = fd
        self._is_json = is_json
        self._node = node
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

    def _put(self, level: str, event: str, fields: dict[str, str | int]) -> None:
        everything = {"event": event, "level": level, "node": self._node, "part": "guardian"}
        everything |= {name: str(value) for name, value in fields.items()}
        everything["at"] = clock.timestamp()
        self._queue.append(_line(everything, is_json=self._is_json))
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


def _line(fields: dict[str, str], *, is_json: bool) -> bytes:
    if is_json:
        text = json.dumps(fields)
    else:
        text = " ".join(f"{name}={_quoted(value)}" for name, value in fields.items())
    return text.encode(errors="replace")[: LINE_MAX - 1] + b"\n"


def _quoted(value: str) -> str:
    if value and value.isascii() and value.isprintable() and not set(value) & set(' "=\\'):
        return value
    return json.dumps(value)
