"""The few system calls that Python 3.11 does not offer: timerfd, mlockall, prctl.

Rule: a failure is an OSError with its errno, as everywhere else in Python.
"""

import ctypes
import os
from typing import Final

CLOCK_BOOTTIME: Final = 7
TFD_FLAGS: Final = 0o2000000 | 0o4000
TFD_TIMER_ABSTIME: Final = 1
MCL_CURRENT: Final = 1
MCL_FUTURE: Final = 2
MCL_ONFAULT: Final = 4
PR_SET_CHILD_SUBREAPER: Final = 36

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_TimerSpec: Final = ctypes.c_long * 4
"""struct itimerspec: interval (s, ns), value (s, ns); glibc's time_t and long are one size here."""


def _checked(result: int, call: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{call}: {os.strerror(code)}")
    return result


def timerfd_create() -> int:
    """Return a descriptor that becomes readable by CLOCK_BOOTTIME, so that suspend counts."""
    return _checked(_LIBC.timerfd_create(CLOCK_BOOTTIME, TFD_FLAGS), "timerfd_create")


def timerfd_settime(fd: int, at_ns: int) -> None:
    """Arm for the absolute instant `at_ns`; 0 disarms."""
    spec = _TimerSpec(0, 0, at_ns // 1_000_000_000, at_ns % 1_000_000_000)
    result = _LIBC.timerfd_settime(fd, TFD_TIMER_ABSTIME, ctypes.byref(spec), None)
    _checked(result, "timerfd_settime")


def mlockall() -> None:
    """Keep every page that is touched in memory: a page fault may wait for a disk."""
    _checked(_LIBC.mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT), "mlockall")


def become_subreaper() -> None:
    """Have orphans of our descendants become our children instead of init's."""
    _checked(_LIBC.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "prctl")


def syscall(number: int, *arguments: int | bytes | ctypes.Array[ctypes.c_char] | None) -> int:
    """Make a system call that the C library may not know."""
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in arguments]
    return _checked(_LIBC.syscall(number, *words), f"system call {number}")


def ioctl(fd: int, request: int, argument: ctypes.c_char_p) -> int:
    """Control a device with a text, which Python's own copies into a buffer of the wrong kind."""
    return _checked(_LIBC.ioctl(fd, ctypes.c_ulong(request), argument), "ioctl")
