"""Following a log as it grows, is rotated, emptied or replaced, like `tail -F`.

Rule: starts at the end of the file that is there first, and reads every later file from its
beginning, the old one first to its end.  Everything here may hang on a dead mount, so all of it
is called in the probe's thread and by nobody else (lifecheck/probes/offload.py).
"""

import os
import stat
from typing import Final, NamedTuple

from lifecheck.probes.lines import Lines

CHUNK: Final = 256 * 1024
BEHIND_MAX: Final = 64 * 1024 * 1024
JUMP_TO: Final = 4 * 1024 * 1024


class Batch(NamedTuple):
    """What one read found."""

    lines: list[bytes]
    note: str
    """What a reader of the result should know; mostly empty."""
    more: bool


class Follower:
    """Reads what is new."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = -1
        self._position = 0
        self._lines = Lines()
        self._at_start = True
        self._ever_seen = False
        self.untaken: Batch | None = None
        """Read, but the run that wanted it was cancelled meanwhile."""

    def read(self) -> None:
        """Put what is new into `untaken`, at most CHUNK bytes; OSError, ValueError: no such log."""
        if self.untaken is None:
            self.untaken = self._read()

    def take(self) -> Batch:
        """Return what was read."""
        batch, self.untaken = self.untaken, None
        return batch or Batch([], "", False)

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _read(self) -> Batch:
        at_start, self._at_start = self._at_start, False
        there = self._look()
        if self._fd < 0:
            if there is None:
                return Batch([], "does not exist now", False)
            self._open(at_end=at_start)
        note = self._jump()
        data = os.pread(self._fd, CHUNK, self._position)
        seen = os.fstat(self._fd)
        replaced = there is not None and not os.path.samestat(seen, there)
        if data:
            self._position += len(data)
            return Batch(self._lines.feed(data), note, replaced or len(data) == CHUNK)
        if seen.st_size < self._position:
            self._position = 0
            return Batch(self._lines.finish(), "was emptied", True)
        if replaced:
            last = self._lines.finish()
            self._open(at_end=False)
            return Batch(last, "was replaced", True)
        return Batch(self._lines.feed(b""), note or ("" if there else "does not exist now"), False)

    def _look(self) -> os.stat_result | None:
        try:
            seen = os.stat(self._path)
        except FileNotFoundError:
            if self._ever_seen:
                return None
            raise
        if not stat.S_ISREG(seen.st_mode):
            raise ValueError("not a regular file")
        return seen

    def _open(self, *, at_end: bool) -> None:
        fd = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
        self.close()
        self._fd, self._ever_seen = fd, True
        self._position = os.fstat(fd).st_size if at_end else 0
        self._lines.drop()

    def _jump(self) -> str:
        behind = os.fstat(self._fd).st_size - self._position
        if behind <= BEHIND_MAX:
            return ""
        self._position += behind - JUMP_TO
        self._lines.drop(skipping=True)
        return f"grows too fast: {behind - JUMP_TO} bytes were left out"
