"""What the kernel tells about processes in /proc, read with as few calls as it takes.

Rule: a process that is gone, or that may not be looked at, is an empty answer and never an error:
between two calls anything may have ended.  Theory: a thread leader that has exited while other
threads live is shown as a zombie with an empty command line, and is alive; its threads still
have the command line.  Kernel threads have none at all.
"""

import contextlib
import errno
import os
from collections.abc import Iterator
from typing import Final, NamedTuple

COMMAND_SIZE_MAX: Final = 4096
ALL_SIZE_MAX: Final = 1 << 20
TASKS_MAX: Final = 256
"""Threads of one process that are looked at."""
FIRST_NS: Final = (("pid", 0xEFFFFFFC), ("user", 0xEFFFFFFD))
"""Numbers that the kernel gives to the first namespaces."""
PF_EXITING: Final = 0x4
PF_SIGNALED: Final = 0x400
"""Killed by a signal: the whole process is doomed, also while it still writes its core."""
_STAT_SIZE: Final = 1024
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


class Stat(NamedTuple):
    """A few fields of /proc/PID/stat."""

    state: str
    flags: int
    threads: int
    rss: int
    """Bytes."""


def read(path: str, size: int) -> bytes:
    """First bytes of a file; empty when it cannot be had."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(fd, size)
    except OSError:
        return b""
    finally:
        os.close(fd)


def read_all(path: str) -> bytes:
    """Whole of a file that the kernel hands out in pieces, up to ALL_SIZE_MAX."""
    with contextlib.suppress(OSError), open(path, "rb") as file:
        return file.read(ALL_SIZE_MAX)
    return b""


def command(pid: int) -> bytes:
    """Command line with blanks for NUL (one at the end, too); of a living thread if need be."""
    line = read(f"/proc/{pid}/cmdline", COMMAND_SIZE_MAX)
    if not line:
        line = _command_of_threads(pid)
    return line.replace(b"\0", b" ")


def is_silent(pid: int) -> bool:
    """Whether a process has no command line now, as during exec and after its memory is gone."""
    return not command(pid).strip()


def _command_of_threads(pid: int) -> bytes:
    found = stat(pid)
    if found is None or found.state != "Z" or found.threads < 2:
        return b""
    for task in tasks(pid):
        if line := read(f"/proc/{pid}/task/{task}/cmdline", COMMAND_SIZE_MAX):
            return line
    return b""


def tasks(pid: int) -> list[int]:
    """Threads of a process, at most TASKS_MAX."""
    try:
        return [int(name) for name in os.listdir(f"/proc/{pid}/task")[:TASKS_MAX]]
    except OSError:
        return []


def stat(pid: int, task: int | None = None) -> Stat | None:
    """State of a process, or of one of its threads."""
    where = f"/proc/{pid}/stat" if task is None else f"/proc/{pid}/task/{task}/stat"
    return parse_stat(read(where, _STAT_SIZE))


def parse_stat(line: bytes) -> Stat | None:
    """Fields after the name, which itself may hold blanks and brackets; None: no such line."""
    fields = line[line.rfind(b")") + 1 :].split()
    if len(fields) < 22:
        return None
    try:
        return Stat(fields[0].decode(), int(fields[6]), int(fields[17]), int(fields[21]) * _PAGE)
    except ValueError:
        return None


def is_doomed(pid: int) -> bool:
    """Whether a process has certainly begun to die: a thread was killed, or all are exiting."""
    leader = stat(pid)
    if leader is None:
        return False  # gone or not: its pidfd knows
    if leader.flags & PF_SIGNALED:
        return True
    if leader.threads == 1:
        return bool(leader.flags & PF_EXITING)
    threads = tasks(pid)
    states = [found for task in threads if (found := stat(pid, task)) is not None]
    if any(found.flags & PF_SIGNALED for found in states):
        return True
    everybody = len(threads) < TASKS_MAX
    return everybody and bool(states) and all(found.flags & PF_EXITING for found in states)


def exists(pid: int) -> bool:
    """Whether somebody has this number, a thread too."""
    return os.access(f"/proc/{pid}", os.F_OK)


def pids() -> list[int]:
    """Every process that can be seen."""
    return [int(name) for name in os.listdir("/proc") if name[0] in "123456789"]


def exe(pid: int) -> str | None:
    """Path of the program; "" when there is none (gone, kernel thread), None when not allowed."""
    path = _link(f"/proc/{pid}/exe")
    if path == "" and (found := stat(pid)) is not None and found.state == "Z":
        paths = [_link(f"/proc/{pid}/task/{task}/exe") for task in tasks(pid)]
        return next((path for path in paths if path != ""), "")
    return path


def _link(path: str) -> str | None:
    try:
        return os.readlink(path).removesuffix(" (deleted)")
    except OSError as error:
        return None if error.errno in {errno.EACCES, errno.EPERM} else ""


def hides_others() -> bool:
    """Whether /proc is mounted with hidepid, so that other users' processes seem not to exist."""
    return not os.path.exists("/proc/1")


def is_first_namespace() -> bool:
    """Whether we are in the machine's own process and user namespaces, not in a container's."""
    try:
        return all(os.stat(f"/proc/self/ns/{kind}").st_ino == inode for kind, inode in FIRST_NS)
    except OSError:
        return False


def newest() -> int:
    """Number that was given out last (threads count); 0 when the kernel does not say."""
    line = read("/proc/sys/kernel/ns_last_pid", 32) or read("/proc/loadavg", 128)
    with contextlib.suppress(ValueError, IndexError):
        return int(line.split()[-1])
    return 0


def number_max() -> int:
    """The numbers of processes are below this."""
    with contextlib.suppress(ValueError):
        return int(read("/proc/sys/kernel/pid_max", 32))
    return 4_194_304


def mounts(*kinds: str) -> Iterator[tuple[str, str]]:
    """Yield (where, options) of every mount of these kinds."""
    text = read_all("/proc/self/mountinfo")
    for line in text.decode(errors="surrogateescape").splitlines():
        left, _, right = line.partition(" - ")
        kind, _, options = right.partition(" ")
        if kind in kinds and left.count(" ") > 3:
            yield left.split(" ")[4].replace("\\040", " "), options
