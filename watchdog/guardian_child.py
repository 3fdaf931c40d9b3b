"""What a process that the guardian starts does first: ends with it, and reads what it was given.

Rule: whoever outlives the guardian serves nobody, and the node process would even hold on.  The
kernel sees to that end; a guardian that died before the kernel was asked is seen here.
"""

import ctypes
import os
import signal
from typing import Final, NoReturn

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4


def die_with_the_guardian(name: str) -> None:
    """Ask the kernel to kill this process when its parent dies; `name` is for the one refusal."""
    guardian = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != guardian:
        refuse(name, "the guardian died while this process started")


def lock_memory() -> bool:
    """Keep every page that is touched in memory: a fault may wait for a disk. Whether it may.

    A user without privileges needs CAP_IPC_LOCK, or a limit above the size of the whole process.
    """
    flags = _MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT
    return bool(ctypes.CDLL(None, use_errno=True).mlockall(flags) == 0)


def keep_secrets() -> None:
    """Let no other process of this user read the memory and the descriptors of this one.

    The health port, and the commands of checks, have the same user as the node process: whoever
    takes one of them over must not find the authkey. There are no core files either.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def read(descriptor: int, size_max: int) -> bytes:
    """What an inherited memory file holds; its offset is shared with other processes, so unused."""
    data = os.pread(descriptor, size_max, 0)
    os.close(descriptor)
    return data


def refuse(name: str, why: str) -> NoReturn:
    """Say why the process `name` cannot run, and end it."""
    raise SystemExit(f"{name}: {why}")
