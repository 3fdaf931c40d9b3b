"""Starts the node process: its descriptors, its user, its scheduling class.

Rule: the child gets exactly four descriptors (socketpair, plan, key, node.lock) and an empty
environment; it is a process of its own, seen by pidfd.  The kernel ends it with us: it sets
PR_SET_PDEATHSIG itself, after its user has changed (which clears it), and compares getppid.
"""

import fcntl
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from watchdog.guardian import processes, scheduling, spawning, users
from watchdog.guardian_protocol import PACKET_SIZE_MAX

NODE_COMMAND: Final = (sys.executable, "-I", "-m", "watchdog.shell")
GUARD_FD: Final = 3
PLAN_FD: Final = 4
KEY_FD: Final = 5
LOCK_FD: Final = 6
ABOVE_ALL: Final = 20
"""Sources of the dup2 list are first moved here, out of the way of its targets."""
ENVIRONMENT: Final = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
NODE_OOM_SCORE: Final = -900
SEND_FLAGS: Final = int(socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)


class Handles(NamedTuple):
    """What every node process inherits from the guardian."""

    plan: int
    key: int
    lock: int


class NodeProcess:
    """One running node process. The constructor raises OSError when it cannot be started."""

    def __init__(
        self,
        command: Sequence[str],
        handles: Handles,
        account: users.Account | None,
        scheduling_class: str,
    ) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            is_leader = scheduling_class != "nice"
            self.pid = _spawn(command, theirs, handles, account, is_leader=is_leader)
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        self._socket = ours
        ours.setblocking(False)
        self.pidfd = os.pidfd_open(self.pid)
        self.scheduling_fault = scheduling.apply_to_node(self.pid, scheduling_class)
        processes.set_oom_score(self.pid, NODE_OOM_SCORE)

    @property
    def fd(self) -> int:
        """Readable when the node has written a packet, or has closed its end."""
        return self._socket.fileno()

    def read(self) -> bytes | None:
        """One packet; None when there is none yet, empty when the end is closed."""
        try:
            return self._socket.recv(PACKET_SIZE_MAX + 1)
        except BlockingIOError:
            return None
        except OSError:
            return b""

    def write(self, data: bytes) -> bool:
        """Write one packet; False when the node does not read them."""
        try:
            self._socket.send(data, SEND_FLAGS)
        except BlockingIOError:
            return False
        except OSError:
            return True  # it is gone, which the pidfd says as well
        return True

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; it may be gone already."""
        try:
            signal.pidfd_send_signal(self.pidfd, number)
        except ProcessLookupError:
            return

    def close(self) -> None:
        """Let go of its descriptors: it is gone and has been waited for."""
        self._socket.close()
        os.close(self.pidfd)


def _spawn(
    command: Sequence[str],
    theirs: socket.socket,
    handles: Handles,
    account: users.Account | None,
    *,
    is_leader: bool,
) -> int:
    numbers = ["--guard-fd", str(GUARD_FD), "--plan-fd", str(PLAN_FD), "--key-fd", str(KEY_FD)]
    whose = users.prefix(account, keeps_nothing=True) if account else []
    argv = [*whose, *command, *numbers]
    given = {
        GUARD_FD: theirs.fileno(),
        PLAN_FD: handles.plan,
        KEY_FD: handles.key,
        LOCK_FD: handles.lock,
    }
    for fd in (handles.plan, handles.key):
        os.lseek(fd, 0, os.SEEK_SET)  # the offset is shared with the node before, which has read
    return spawn(argv, given, ENVIRONMENT, is_leader=is_leader)


def spawn(
    argv: list[str],
    given: Mapping[int, int],
    environment: Mapping[str, str],
    *,
    is_leader: bool = True,
) -> int:
    """Pid of a process with exactly the `given` descriptors (target -> ours) above stderr.

    It leads a session of its own, unless not `is_leader` (`spawning.spawn`). Raises OSError.
    """
    moved = {to: fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, ABOVE_ALL) for to, fd in given.items()}
    try:
        moves = [(fd, to) for to, fd in moved.items()]
        return spawning.spawn(argv, environment, moves, is_leader=is_leader)
    finally:
        for fd in moved.values():
            os.close(fd)


def account_for(user: str) -> tuple[users.Account | None, str]:
    """The user to drop to, or None and why the node process keeps ours."""
    if os.geteuid() != 0 or not user:
        return None, ""
    account = users.find(user)
    if not account:
        return None, f"there is no user {user}: the node process runs as root"
    if account.uid == 0:
        return None, ""
    if not users.setpriv():
        return None, "setpriv (util-linux) is not installed: the node process runs as root"
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    place = users.unreadable(account, [sys.executable, os.path.dirname(os.__file__), package])
    if place:
        return None, f"user {user} cannot read {place}: the node process runs as root"
    return account, ""
