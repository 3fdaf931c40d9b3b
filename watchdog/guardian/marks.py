"""A mark that everything we start inherits, so that it is found when its parents are gone.

Without a cgroup only ancestry says what a hook has started, and a guardian's death ends that.  The
limit of file locks has no effect since Linux 2.6: its number goes from parent to child, through
every exec and new session, and only CAP_SYS_RESOURCE raises it.  Ours is one that nobody has.
"""

import os
import resource
from collections.abc import Iterator
from typing import Final

from watchdog.guardian import scheduling

RLIMIT_LOCKS: Final = 10
FLOOR: Final = 1 << 32
CEILING: Final = 1 << 56
_LINE: Final = b"Max file locks"
_SIZE_MAX: Final = 4096


def put_on() -> int:
    """Mark this process, and so whatever it starts from now on; 0 when that is not possible."""
    _, hard = resource.getrlimit(RLIMIT_LOCKS)
    ceiling = CEILING if hard == resource.RLIM_INFINITY else min(hard, CEILING)
    if ceiling <= FLOOR:
        return 0
    mark = FLOOR + int.from_bytes(os.urandom(8), "little") % (ceiling - FLOOR)
    try:
        resource.setrlimit(RLIMIT_LOCKS, (mark, mark))
    except (OSError, ValueError):
        return 0
    return mark


def own() -> int:
    """The number that this process has, its own mark or a parent's."""
    return max(0, resource.getrlimit(RLIMIT_LOCKS)[1])


def mark_in(limits: bytes) -> int:
    """The number in the text of /proc/PID/limits; 0 when there is none."""
    for line in limits.splitlines():
        if line.startswith(_LINE):
            hard = line[len(_LINE) :].split()[1:2]
            return int(hard[0]) if hard and hard[0].isdigit() else 0
    return 0


def marked(mark: int) -> Iterator[int]:
    """Every process with that mark; ourselves too."""
    for name in os.listdir("/proc"):
        if name.isdigit() and is_marked(int(name), mark):
            yield int(name)


def is_marked(pid: int, mark: int) -> bool:
    """Whether that process has it."""
    return mark != 0 and mark_in(_limits(pid)) == mark


def _limits(pid: int) -> bytes:
    with scheduling.behind_all():
        return _read(pid)


def _read(pid: int) -> bytes:
    try:
        fd = os.open(f"/proc/{pid}/limits", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(fd, _SIZE_MAX)
    except OSError:
        return b""
    finally:
        os.close(fd)
