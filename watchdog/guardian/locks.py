"""One guardian and one node process for each data directory.

Rule: flock belongs to the open file, so `guardian.lock` is held exactly as long as the guardian
lives, and `node.lock`, which node process and sentinel inherit, as long as any of them does.  Held
`node.lock` under a free `guardian.lock` means orphans: the recorded processes are ended first, and
the sentinel, which is doing its work then and ends by itself, only when it has not ended in time.
"""

import fcntl
import os
from typing import Final

from watchdog.guardian import clock, leftovers, processes

GUARDIAN_LOCK: Final = "guardian.lock"
NODE_LOCK: Final = "node.lock"
RECORD: Final = "processes"
SENTINEL_RECORD: Final = "sentinel"
WAIT_S: Final = 0.01
WAITS_MAX: Final = 500
SENTINEL_WAITS: Final = 100
"""How long a sentinel may take to take everything off: we have done so already."""
RECORD_SIZE_MAX: Final = 4096


class LockedError(Exception):
    """The directory cannot be locked: whoever holds it is named; the text says what to do."""


def take_guardian_lock(data_dir: str) -> int:
    """Descriptor of the held lock, not inherited. Raises LockedError."""
    path = os.path.join(data_dir, GUARDIAN_LOCK)
    fd = _open(path)
    if not _try(fd):
        owner = os.pread(fd, 32, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(fd)
        raise LockedError(
            f"another quorumdog runs with this data directory: pid {owner} holds {path}; "
            f"stop it first, or give this node another cluster.data_dir"
        )
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


def take_node_lock(data_dir: str, run_dir: str) -> tuple[int, list[int]]:
    """Descriptor of the held lock, and the pids of orphans that were ended for it.

    Raises LockedError when somebody else holds it for longer than WAIT_S * WAITS_MAX.
    """
    path = os.path.join(data_dir, NODE_LOCK)
    fd = _open(path)
    killed: list[int] = []
    if not _try(fd):
        killed = _kill_recorded(run_dir, RECORD)
        killed += _wait_for(fd, path, run_dir)
    # Nobody acts for the predecessor any more: what it has started and left is known by its mark.
    for row in _read_rows(run_dir, SENTINEL_RECORD, 3):
        killed += leftovers.end_marked(row[2])
    return fd, killed


def _wait_for(fd: int, path: str, run_dir: str) -> list[int]:
    killed: list[int] = []
    for waits in range(WAITS_MAX):
        if _try(fd):
            return killed
        if waits == SENTINEL_WAITS:
            killed = _kill_recorded(run_dir, SENTINEL_RECORD)
        clock.pause(WAIT_S)
    os.close(fd)
    raise LockedError(
        f"a node process of an earlier quorumdog still runs and holds {path}; "
        f"find it with `fuser {path}` and end it"
    )


def _kill_recorded(run_dir: str, name: str) -> list[int]:
    return [pid for pid, start in read_record(run_dir, name) if processes.kill(pid, start)]


def write_record(run_dir: str, pids: list[int]) -> None:
    """Write down our processes, for a successor that finds them orphaned. Raises OSError."""
    found = [(pid, processes.stat_of(pid)) for pid in pids]
    _write(run_dir, RECORD, "".join(f"{pid} {stat.start}\n" for pid, stat in found if stat))


def write_sentinel(run_dir: str, pid: int, mark: int) -> None:
    """Write down the sentinel, and the mark of whatever we start. Raises OSError."""
    stat = processes.stat_of(pid)
    _write(run_dir, SENTINEL_RECORD, f"{pid} {stat.start} {mark}\n" if stat else "")


def _write(run_dir: str, name: str, text: str) -> None:
    path = os.path.join(run_dir, name)
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(path + ".new", flags, 0o600)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)
    os.rename(path + ".new", path)


def read_record(run_dir: str, name: str = RECORD) -> list[tuple[int, int]]:
    """(pid, start time) of a predecessor's processes; nothing that somebody else wrote."""
    size = 2 if name == RECORD else 3
    return [(row[0], row[1]) for row in _read_rows(run_dir, name, size)]


def _read_rows(run_dir: str, name: str, size: int) -> list[list[int]]:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        fd = os.open(os.path.join(run_dir, name), flags)
    except OSError:
        return []
    try:
        # The directory is the node's: a file that the node made must not name pids for us.
        if os.fstat(fd).st_uid != os.geteuid():
            return []
        lines = os.read(fd, RECORD_SIZE_MAX).decode("ascii", "replace").splitlines()
    except OSError:
        return []
    finally:
        os.close(fd)
    rows = [line.split() for line in lines]
    return [[*map(int, row)] for row in rows if len(row) == size and all(map(str.isdigit, row))]


def _open(path: str) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o600)
    except OSError as error:
        raise LockedError(
            f"cannot open the lock {path}: {error.strerror}; it must be a plain file of this "
            f"service: move away what is there, or set another cluster.data_dir"
        ) from None


def _try(fd: int) -> bool:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
