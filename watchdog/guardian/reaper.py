"""Children that ended: each is waited for once, and whoever started it is told.

Rule: one place calls waitpid, for any child, so that nothing ever stays a zombie; that includes
orphans of hooks when the guardian is their subreaper, whom nobody knows.
"""

import os
from collections.abc import Callable
from typing import Final

from watchdog.guardian import scheduling

REAPED_MAX: Final = 10_000

Ended = Callable[[int], None]
"""Called with the exit code; negative: the signal that ended it."""


class Reaper:
    """The children that somebody waits for."""

    def __init__(self) -> None:
        self._waiting: dict[int, Ended] = {}

    def expect(self, pid: int, ended: Ended) -> None:
        """Call `ended` when child `pid` has ended."""
        self._waiting[pid] = ended

    def knows(self, pid: int) -> bool:
        """Whether somebody waits for this child (and it has not ended yet)."""
        return pid in self._waiting

    def reap(self) -> None:
        """Take in every child that has ended, without waiting."""
        for _ in range(REAPED_MAX):
            try:
                with scheduling.behind_all():
                    pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            ended = self._waiting.pop(pid, None)
            if ended:
                ended(os.waitstatus_to_exitcode(status))
