"""Makes the control socket at its path, where an earlier daemon may have left one.

Rule: only a socket that nobody serves and that is ours is removed; everything else is the
operator's to look at.
"""

import errno
import os
import socket
import stat
from pathlib import Path
from typing import Final

PATH_SIZE_MAX: Final = 107
"""Most bytes in the path of a Unix socket (Linux sun_path, without its NUL)."""
SOCKET_UMASK: Final = 0o117
BACKLOG: Final = 64


class SocketPathError(Exception):
    """The socket cannot be made at its path; the text says why and what to do."""


def bind(path: Path, gid: int | None = None) -> socket.socket:
    """A listening socket at `path`, mode 0660, in group `gid` if given.

    Removes a stale socket that is ours. Raises SocketPathError.
    """
    if len(os.fsencode(path)) > PATH_SIZE_MAX:
        what = f"the path of the control socket is longer than {PATH_SIZE_MAX} bytes: {path}"
        raise SocketPathError(f"{what}; set a shorter [cluster] run_dir")
    try:
        _remove_stale(path)
        return _bind(path, gid)
    except OSError as error:
        what = f"cannot make the control socket {path}: {error.strerror}"
        raise SocketPathError(f"{what}; is its directory there, and writable for us?") from error


def _bind(path: Path, gid: int | None) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    before = os.umask(SOCKET_UMASK)
    try:
        listener.bind(str(path))
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(before)
    if gid is not None:
        os.chown(path, -1, gid)
    listener.listen(BACKLOG)
    return listener


def _remove_stale(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    owners = (os.geteuid(), 0, path.parent.stat().st_uid)
    if not stat.S_ISSOCK(found.st_mode) or found.st_uid not in owners:
        what = f"{path} exists and is not a socket of ours"
        raise SocketPathError(f"{what}; look at it and remove it by hand")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        # EAGAIN: somebody listens, with a full backlog.
        if probe.connect_ex(str(path)) in (0, errno.EAGAIN):
            what = f"another daemon serves {path}"
            raise SocketPathError(f"{what}; stop it first, or give this one its own run_dir")
    path.unlink()
