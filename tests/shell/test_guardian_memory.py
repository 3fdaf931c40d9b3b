"""Memory for less trusted processes: they can read it, and nobody can change it."""

import os

import pytest

from watchdog.guardian import memory


def test_sealed_memory_can_be_read_and_not_changed() -> None:
    """The next process of the node is started with the same plan."""
    fd = memory.sealed("plan", b"x" * 100_000)
    assert os.read(fd, 1 << 20) == b"x" * 100_000
    again = os.open(f"/proc/self/fd/{fd}", os.O_RDWR)
    for change in (
        lambda: os.pwrite(again, b"y", 0),
        lambda: os.ftruncate(again, 0),
        lambda: os.pwrite(again, b"y", 100_000),
    ):
        with pytest.raises(PermissionError):
            change()
    assert not os.get_inheritable(fd)
    os.close(again)
    os.close(fd)
