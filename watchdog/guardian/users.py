"""Other users: who the node process and the hooks run as, and whether that would work.

Rule: privileges are dropped only when the user exists and can read interpreter and code; when
not, the process keeps ours and the log says so, because a node that does not start is worse.
"""

import grp
import os
import pwd
import stat
from typing import Final, NamedTuple

SETPRIV: Final = ("/usr/bin/setpriv", "/bin/setpriv")


class Account(NamedTuple):
    """A user of this machine."""

    name: str
    uid: int
    gid: int
    groups: tuple[int, ...]


def find(name: str) -> Account | None:
    """The user of that name, if there is one."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    groups = [group.gr_gid for group in grp.getgrall() if name in group.gr_mem]
    return Account(name, entry.pw_uid, entry.pw_gid, (entry.pw_gid, *groups))


def unreadable(account: Account, paths: list[str]) -> str:
    """The first of `paths` that the user cannot read; empty when it can read all."""
    for path in paths:
        real = os.path.realpath(path)
        place = real
        while True:
            status = os.stat(place)
            if not _has(account, status, _wanted(status, is_on_the_way=place != real)):
                return place
            if place == "/":
                break
            place = os.path.dirname(place)
    return ""


def _wanted(status: os.stat_result, *, is_on_the_way: bool) -> int:
    """Directories on the way need search only, the thing itself is read."""
    if is_on_the_way:
        return 0o1
    return 0o5 if stat.S_ISDIR(status.st_mode) else 0o4


def _has(account: Account, status: os.stat_result, wanted: int) -> bool:
    if account.uid == 0:
        return True
    if status.st_uid == account.uid:
        granted = status.st_mode >> 6
    elif status.st_gid in account.groups:
        granted = status.st_mode >> 3
    else:
        granted = status.st_mode
    return granted & wanted == wanted


def setpriv() -> str:
    """Path of the program that drops privileges and executes; empty when it is not installed."""
    return next((path for path in SETPRIV if os.access(path, os.X_OK)), "")


def prefix(account: Account, *, keeps_nothing: bool, dies_with_us: bool = False) -> list[str]:
    """Words before an argv that make it run as that user."""
    words = [setpriv(), f"--reuid={account.uid}", f"--regid={account.gid}", "--init-groups"]
    if keeps_nothing:
        words += ["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"]
    if dies_with_us:
        words.append("--pdeathsig=KILL")
    return [*words, "--"]
