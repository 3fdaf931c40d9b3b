"""What a hook prints: the first 64 KiB or 500 lines go to the log, the rest nowhere.

Rule: the pipe stays open for as long as somebody writes (a service that the hook left behind
must not die of SIGPIPE) or until `finish`, and reading it never takes the processor from the
deadline: past the limit it is emptied in steps, without copying.
"""

import contextlib
import fcntl
import os
from collections.abc import Callable
from typing import Final

from watchdog.guardian.loop import Loop
from watchdog.instant import MS

OUTPUT_MAX: Final = 64 * 1024
LINES_MAX: Final = 500
"""A line of log is many times as long as the shortest line of a hook."""
CHUNK: Final = 16 * 1024
DRAIN_SIZE: Final = 1 << 20
DRAIN_GAP_NS: Final = 10 * MS
LINE_MAX: Final = 1000
LAST_READS: Final = OUTPUT_MAX // CHUNK + 1
"""Enough for all that may be kept; a writer that goes on must not be read for ever."""
SPLICE_F_NONBLOCK: Final = 2


class HookOutput:
    """Reads `fd` until everybody has closed it, or `finish`; `line(text)` gets the first lines."""

    def __init__(self, fd: int, loop: Loop, line: Callable[[str], None]) -> None:
        self.is_open = True
        self._fd = fd
        self._loop = loop
        self._line = line
        self._left = OUTPUT_MAX
        self._lines_left = LINES_MAX
        self._rest = b""
        os.set_blocking(fd, False)
        with contextlib.suppress(OSError):  # a limit of the user: then it drains more slowly
            fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, DRAIN_SIZE)
        loop.watch(fd, self._on_readable)

    def finish(self) -> None:
        """Take in what is there and close, whoever still writes: nothing lasting was started."""
        for _ in range(LAST_READS):
            if self.is_open and self._left > 0:
                self._on_readable()
        if self.is_open:
            self._flush()
            self._close()

    def _on_readable(self) -> None:
        if self._left <= 0:
            self._drain()
            return
        try:
            data = os.read(self._fd, min(CHUNK, self._left))
        except BlockingIOError:
            return
        self._left -= len(data)
        self._rest += data
        *lines, self._rest = self._rest.split(b"\n")
        for text in lines[: self._lines_left]:
            self._line(text[:LINE_MAX].decode(errors="replace"))
        self._lines_left -= len(lines)
        if self._lines_left <= 0:
            self._left, self._rest = 0, b""
        if not data or self._left <= 0 or len(self._rest) > LINE_MAX:
            self._flush()
        if not data:
            self._close()
        elif self._left <= 0:
            kept = f"{OUTPUT_MAX // 1024} KiB or {LINES_MAX} lines"
            self._line(f"(only the first {kept} are kept)")

    def _flush(self) -> None:
        if self._rest:
            self._line(self._rest[:LINE_MAX].decode(errors="replace"))
        self._rest = b""

    def _drain(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        try:
            size = os.splice(self._fd, nowhere, DRAIN_SIZE, flags=SPLICE_F_NONBLOCK)
        except BlockingIOError:
            return
        finally:
            os.close(nowhere)
        if size == 0:
            self._close()
            return
        self._loop.forget(self._fd)
        self._loop.call_in(DRAIN_GAP_NS, self._watch_again)

    def _watch_again(self) -> None:
        if self.is_open:  # else the number may be another file's by now
            self._loop.watch(self._fd, self._on_readable)

    def _close(self) -> None:
        self.is_open = False
        self._loop.forget(self._fd)
        os.close(self._fd)
