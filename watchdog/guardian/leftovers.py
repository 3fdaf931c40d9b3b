"""What a guardian's hooks left behind, found and killed by somebody who is not their ancestor.

Rule: gone means that the kernel says so.  The hooks' cgroup is emptied where there is one; whoever
is not in it (it was just started, or there is no cgroup) is found by the mark that it inherited.
"""

import os
import signal
from typing import Final

from watchdog.guardian import clock, marks, processes, scheduling
from watchdog.guardian.due import Due
from watchdog.guardian.hook_group import HookGroup
from watchdog.guardian.plan import Plan
from watchdog.instant import SECOND

RESCAN_NS: Final = SECOND
"""What was gone is looked for by its mark again no more often than this."""
HELPERS_MAX: Final = 8


class Leftovers:
    """`mark` is the guardian's, whose pid is `guardian`."""

    def __init__(self, plan: Plan, tag: str, mark: int, guardian: int) -> None:
        self._has_hooks = plan.policy.has_hooks
        self._tag = tag
        self._mark = mark
        self._guardian = guardian
        name = f"quorumdog-hooks-{tag}"
        self._group = HookGroup(name, lambda _: True, is_used=self._has_hooks)
        self._rescan: Due | None = None

    def kill(self, node: int, *, is_again: bool) -> str:
        """SIGKILL everything of hooks; what is left. The living `node` process is spared."""
        if not self._has_hooks:
            return ""
        left = self._is_group_left()
        if not is_again or not self._rescan or self._rescan.is_past(clock.now()):
            self._rescan = Due(clock.now(), RESCAN_NS)
            strays = [pid for pid in self._strays(node) if not _end_now(pid)]
            left = left or bool(strays)
        return "hooks: processes that do not end" if left else ""

    def _is_group_left(self) -> bool:
        if not self._group.path:
            return False
        try:
            if self._group.is_empty:
                return False
            self._group.kill()
            return not self._group.is_empty
        except OSError:
            return False  # the cgroup was taken away, which only an empty one can be

    def _strays(self, node: int) -> list[int]:
        spared = (os.getpid(), self._guardian, node)
        return [
            pid
            for pid in marks.marked(self._mark)
            if pid not in spared and not self._is_elsewhere(pid)
        ]

    def _is_elsewhere(self, pid: int) -> bool:
        """Whether it belongs to a helper, a restart action for good, or a group of such."""
        helpers = range(processes.HELPER_OOM_SCORE, processes.HELPER_OOM_SCORE + HELPERS_MAX)
        score = processes.oom_score_of(pid)
        if score == processes.KEPT_OOM_SCORE or score in helpers:
            return True
        groups = _cgroups_of(pid)
        return f"-{self._tag}" in groups and f"quorumdog-hooks-{self._tag}" not in groups


def end_marked(mark: int) -> list[int]:
    """SIGKILL what a dead guardian and its sentinel left, but restart actions for good; the pids.

    Nothing when we were started by such a process ourselves.
    """
    if not mark or mark == marks.own():
        return []
    return [pid for pid in marks.marked(mark) if not _is_kept(pid) and _kill_marked(pid, mark)]


def _kill_marked(pid: int, mark: int) -> bool:
    """SIGKILL it; False when it is gone, also when nobody has waited for it yet."""
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if processes.has_ended(fd) or not marks.is_marked(pid, mark):
            return False
        signal.pidfd_send_signal(fd, signal.SIGKILL)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def _is_kept(pid: int) -> bool:
    is_kept = processes.oom_score_of(pid) == processes.KEPT_OOM_SCORE
    return is_kept or "/quorumdog-restart-" in _cgroups_of(pid)


def _cgroups_of(pid: int) -> str:
    try:
        with scheduling.behind_all(), open(f"/proc/{pid}/cgroup", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _end_now(pid: int) -> bool:
    found = processes.stat_of(pid)
    return not found or processes.end(pid, found.start)
