"""Looks at big processes again and again, because their end takes long to be told.

Theory: about 80 ms pass for each GiB between the kill and the pidfd; a flag in /proc says at once
that the process is exiting.  So a look every 100 ms gains only on big ones, and only where the
tracepoint cannot be had.  Who is big is found by the slow scan.
"""

from collections.abc import Callable, Iterator
from typing import Final

from lifecheck.processes import procfs

BIG: Final = 256 << 20
"""Bytes of memory from which a process is worth it."""
EVERY_S: Final = 0.1
QUIET_S: Final = 1.0
"""While nobody is big."""
POLLED_MAX: Final = 256


class Exiting:
    """Knows the big ones."""

    def __init__(self, sizes: Callable[[int], int] | None = None) -> None:
        self._size = sizes or _rss
        self._big: dict[int, None] = {}

    @property
    def pids(self) -> list[int]:
        """Whom it looks at."""
        return list(self._big)

    def measure(self, pid: int) -> None:
        """Remember a process when it is big, forget it when it is not; any thread may call."""
        if self._size(pid) < BIG:
            self._big.pop(pid, None)
        elif len(self._big) < POLLED_MAX:
            self._big[pid] = None

    def forget(self, pid: int) -> None:
        """It is gone."""
        self._big.pop(pid, None)

    def doomed(self) -> Iterator[int]:
        """Yield those that have certainly begun to die."""
        for pid in self.pids:
            if procfs.is_doomed(pid):
                yield pid


def _rss(pid: int) -> int:
    found = procfs.stat(pid)
    return 0 if found is None else found.rss
