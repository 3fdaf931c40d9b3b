"""Other processes by /proc and pidfd: who they are, whose children, and how to end them.

Rule: a number is not a process.  A process is (pid, start time), and it is signalled by a pidfd
that was opened before the start time was compared.
"""

import contextlib
import os
import select
import signal
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from watchdog.guardian import scheduling

OUR_SIGNALS: Final = (signal.SIGPIPE, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""What the guardian treats in its own way; whatever it starts gets the default back."""


KEPT_OOM_SCORE: Final = 11
"""Marks what a restart action starts for good: children inherit it, whatever they execute."""
HELPER_OOM_SCORE: Final = 21
"""Marks the first helper and what it starts; the next number is the next one's."""


class Stat(NamedTuple):
    """What /proc/PID/stat says; `start` is in clock ticks after boot."""

    parent: int
    start: int


def stat_of(pid: int) -> Stat | None:
    """Parent and start time; None when there is no such process."""
    try:
        with scheduling.behind_all(), open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return Stat(int(fields[1]), int(fields[19]))


def kill(pid: int, start: int) -> bool:
    """SIGKILL exactly that process; whether it was there (`end`: whether it is gone)."""
    try:
        fd = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        found = stat_of(pid)
        if not found or found.start != start:
            return False
        signal.pidfd_send_signal(fd, signal.SIGKILL)
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def end(pid: int, start: int) -> bool:
    """SIGKILL exactly that process; whether it is gone, be it that nobody has waited for it."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    try:
        found = stat_of(pid)
        if not found or found.start != start or has_ended(fd):
            return True
        with contextlib.suppress(OSError):
            signal.pidfd_send_signal(fd, signal.SIGKILL)
        return has_ended(fd)
    finally:
        os.close(fd)


def has_ended(pidfd: int) -> bool:
    """Whether it has ended, be it that nobody has waited for it."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))


def _everybody() -> Iterator[tuple[int, Stat]]:
    for name in os.listdir("/proc"):
        found = stat_of(int(name)) if name.isdigit() else None
        if found:
            yield int(name), found


def descendants(is_spared: Callable[[int], bool]) -> dict[int, int]:
    """(pid -> start time) of all our own descendants, without spared children and theirs.

    Only ever our own: what is killed must be what we started, whatever a caller believes.
    """
    families: dict[int, list[int]] = {}
    starts: dict[int, int] = {}
    for pid, found in _everybody():
        families.setdefault(found.parent, []).append(pid)
        starts[pid] = found.start
    result: dict[int, int] = {}
    waiting = [child for child in families.get(os.getpid(), []) if not is_spared(child)]
    while waiting:
        pid = waiting.pop()
        if pid not in result:
            result[pid] = starts[pid]
            waiting += families.get(pid, [])
    return result


def oom_score_of(pid: int) -> int | None:
    """What it, or an ancestor of it, was marked with; unlike its environment this never waits."""
    try:
        with scheduling.behind_all(), open(f"/proc/{pid}/oom_score_adj") as file:
            return int(file.read())
    except OSError:
        return None


def set_oom_score(pid: int | str, score: int) -> None:
    """Say how willingly the kernel may kill it; lowering needs CAP_SYS_RESOURCE."""
    path = f"/proc/{pid}/oom_score_adj"
    with scheduling.behind_all(), contextlib.suppress(OSError), open(path, "w") as file:
        file.write(str(score))
