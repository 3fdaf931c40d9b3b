"""The scheduling class: the deadline holds only if the guardian runs when it is due.

SCHED_RR with reset-on-fork, because hooks that inherit it can starve the machine.  The class is
configured, never found out: a node with another `slack` than its file says could not be led by
the others' promises.  Not permitted is refused at the start, with the ways out.
"""

import contextlib
import os
import select
from collections.abc import Iterator
from typing import Final

from watchdog.guardian import libc

GUARDIAN_PRIORITY: Final = 10
NODE_PRIORITY: Final = 9
LAST_PRIORITY: Final = 1
NICE: Final = -20
LIFTS_MAX: Final = 10
LIFT_AGAIN_MS: Final = 20
WAYS_OUT: Final = (
    "run it as root, or grant CAP_SYS_NICE (systemd: AmbientCapabilities=CAP_SYS_NICE) or "
    "LimitRTPRIO=20 (for rt) or LimitNICE=-20 (for nice); or set cluster.scheduling to another "
    "class, the same on all nodes (see `quorumdog check` for what it costs)"
)


class NotPermittedError(Exception):
    """The configured class cannot be had here; the text has the ways out."""


def apply_to_self(scheduling: str) -> None:
    """Give the calling thread its class. Raises NotPermittedError."""
    try:
        if scheduling == "rt":
            policy = os.SCHED_RR | os.SCHED_RESET_ON_FORK
            os.sched_setscheduler(0, policy, os.sched_param(GUARDIAN_PRIORITY))
        elif scheduling == "nice":
            os.setpriority(os.PRIO_PROCESS, 0, NICE)
    except PermissionError:
        raise NotPermittedError(
            f"scheduling = {scheduling!r} is not permitted: {WAYS_OUT}"
        ) from None


def apply_at_start(scheduling: str) -> None:
    """Give this process its class, also beside other sessions. Raises NotPermittedError."""
    apply_to_self(scheduling)
    lift_session(scheduling)


def lift_session(scheduling: str) -> None:
    """Let our niceness count beside other sessions, too; to be called once at the start.

    Where the kernel groups by session (sched(7), "The autogroup feature"), all processes of one
    share what a single process would get, and a niceness counts only among them.  A session that
    we do not lead, such as that of a terminal, is its user's and stays as it is.
    """
    if scheduling != "nice" or os.getsid(0) != os.getpid():
        return
    for _ in range(LIFTS_MAX):
        try:
            with open("/proc/self/autogroup", "w", encoding="ascii") as file:
                file.write(str(NICE))
        except BlockingIOError:  # somebody did the same less than a tenth of a second ago
            select.poll().poll(LIFT_AGAIN_MS)
        except OSError:  # a kernel without such groups, or nothing that we may change
            return
        else:
            return


def apply_to_node(pid: int, scheduling: str) -> str:
    """Give the node process its class, below our own; say what failed."""
    try:
        if scheduling == "rt":
            os.sched_setscheduler(pid, os.SCHED_RR, os.sched_param(NODE_PRIORITY))
        elif scheduling == "nice":
            os.setpriority(os.PRIO_PROCESS, pid, NICE)
    except OSError as error:
        return f"scheduling {scheduling!r} of the node process: {error.strerror}"
    return ""


def apply_to_hook(pid: int, scheduling: str) -> None:
    """Take our niceness off a hook (SCHED_RR resets itself)."""
    if scheduling == "nice":
        try:
            os.setpriority(os.PRIO_PROCESS, pid, 0)
        except OSError:
            return  # it has ended already


@contextlib.contextmanager
def behind_all() -> Iterator[None]:
    """Be the last of the real-time processes, for calls in which the kernel waits by spinning.

    To reap a child, or to look at a dying process in /proc, the kernel spins until nobody else
    holds an entry of it.  If he who holds one is below us, such as an ending thread of the node
    process, he never runs while we spin: on one processor that is for ever.
    """
    policy = os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK
    if policy not in (os.SCHED_RR, os.SCHED_FIFO):
        yield
        return
    own = os.sched_getparam(0)
    os.sched_setparam(0, os.sched_param(LAST_PRIORITY))
    try:
        yield
    finally:
        os.sched_setparam(0, own)


def lock_memory() -> str:
    """Keep our pages in memory; say why that is not permitted."""
    try:
        libc.mlockall()
    except OSError as error:
        return f"{error.strerror}; grant CAP_IPC_LOCK or LimitMEMLOCK=64M"
    return ""
