"""The data and run directories: made here, because the node process may not.

Rule: data is for the service alone (0700), the run directory may be searched by the IPC group
(0750); both belong to the user of the node process.  The set-group-ID bit gives the socket the
group of its directory: the node process is no member, so it could not do that itself.
"""

import grp
import hashlib
import os
import stat
from typing import Final

DATA_MODE: Final = 0o700
RUN_MODE: Final = 0o750
SHARED_MODE: Final = 0o2750
STATE: Final = "state"
"""What the node process cannot start without."""


class FolderError(Exception):
    """A directory cannot be had; the text says which, why, and what to do."""


def tag_of(data_dir: str) -> str:
    """Tells what is ours in the kernel from what other guardians of this machine made."""
    return hashlib.sha256(os.path.realpath(data_dir).encode()).hexdigest()[:12]


def prepare(path: str, mode: int, uid: int, gid: int) -> None:
    """Make the directory, or take over the one that is there. Raises FolderError."""
    try:
        os.makedirs(path, mode, exist_ok=True)
        status = os.stat(path)
        if (status.st_uid, status.st_gid) != (uid, gid):
            _hand_over(path, uid, gid)
        if stat.S_IMODE(status.st_mode) != mode:
            os.chmod(path, mode)
        _hand_over_state(os.path.join(path, STATE), uid, gid)
    except OSError as error:
        raise FolderError(
            f"cannot use the directory {path}: {error.strerror}; make it for uid {uid}, or set "
            f"another one (cluster.data_dir, cluster.run_dir)"
        ) from None


def prepare_run(path: str, uid: int, gid: int, group: str) -> None:
    """The run directory, open to the named group if there is one. Raises FolderError."""
    if not group:
        return prepare(path, RUN_MODE, uid, gid)
    try:
        shared = grp.getgrnam(group).gr_gid
    except KeyError:
        raise FolderError(
            f"no group is called {group} on this machine ([ipc] group); "
            f"make it (`groupadd --system {group}`), or name another one"
        ) from None
    return prepare(path, SHARED_MODE, uid, shared)


def _hand_over(path: str, uid: int, gid: int) -> None:
    """Give the directory and the node's files in it to another user (ours stay ours)."""
    os.chown(path, uid, gid)
    with os.scandir(path) as entries:
        for entry in entries:
            status = entry.stat(follow_symlinks=False)
            is_ours = entry.name.startswith("guardian.")
            # A hard link could be to anything of anybody's.
            if stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and not is_ours:
                os.chown(entry.path, uid, gid, follow_symlinks=False)


def _hand_over_state(path: str, uid: int, gid: int) -> None:
    """Also in a directory that is right: an earlier run kept root's privileges, for a while."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    try:
        status = os.fstat(fd)
        # A stranger's file is refused later, with what to do about it.
        was_ours = status.st_uid == os.geteuid() != uid
        if was_ours and stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
            os.fchown(fd, uid, gid)
    finally:
        os.close(fd)
