"""A private network namespace for a test, in its own thread's place."""

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

CLONE_NEWNET: Final = 0x40000000
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


@contextmanager
def private_network() -> Iterator[None]:
    """Be in a network of one's own, with a loopback interface that is up; needs root."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _checked(_LIBC.unshare(CLONE_NEWNET))
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        yield
    finally:
        _checked(_LIBC.setns(home, CLONE_NEWNET))
        os.close(home)


def _checked(result: int) -> None:
    assert result == 0, os.strerror(ctypes.get_errno())
