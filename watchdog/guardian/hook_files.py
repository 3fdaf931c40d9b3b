"""Whether a hook's file may be run: only what nobody but root (or we) could have changed.

Rule: the file and every directory on the way to it, links resolved, belong to root, to us or to
the hooks' user, and nobody else may write there; a sticky directory protects its entries.
"""

import os
import stat


def fault(argv: tuple[str, ...], owners: set[int]) -> str:
    """Why the hook cannot be run, with what to do; empty when it can. `owners`: trusted uids."""
    path = argv[0]
    if not os.path.isabs(path):
        return f"hook {path}: must be an absolute path"
    try:
        real = os.path.realpath(path, strict=True)
        status = os.stat(real)
    except OSError as error:
        return f"hook {path}: {error.strerror}; put the file there or correct [hooks]"
    if not stat.S_ISREG(status.st_mode):
        return f"hook {path}: is not a regular file"
    if status.st_mode & (stat.S_ISUID | stat.S_ISGID):
        return f"hook {path}: is setuid or setgid; remove that (`chmod ug-s {path}`)"
    if not os.access(real, os.X_OK):
        return f"hook {path}: is not executable (`chmod +x {path}`)"
    places = [real, *_parents(real), *_parents(path)]
    return next((text for text in (_writable(p, path, owners) for p in places) if text), "")


def _parents(path: str) -> list[str]:
    found = []
    while path != "/":
        path = os.path.dirname(path)
        found.append(path)
    return found


def _writable(place: str, path: str, owners: set[int]) -> str:
    status = os.stat(place)
    where = f"hook {path}" if place == path else f"hook {path}: {place}"
    if status.st_uid not in owners:
        return f"{where} belongs to uid {status.st_uid}, who could change it; chown it to root"
    is_protected = stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not is_protected:
        return f"{where} is writable by others than its owner (`chmod go-w {place}`)"
    return ""
