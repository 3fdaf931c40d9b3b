"""The ring of the exit tracepoint: real events, and one that is cut in two by the ring's end."""

import mmap
import os
import struct
from pathlib import Path

import pytest

from lifecheck.processes.accelerators.tracepoint import PAGES, Ring
from tests.shell.process_lab import sleeper, title
from tests.support import readable
from watchdog.guardian.privileged import open_exit_tracepoint

SIZE = PAGES * mmap.PAGESIZE
SAMPLE = struct.pack("=IHHII", 9, 0, 16, 77, 77)
LOST = struct.pack("=IHHQQ", 2, 0, 24, 1, 1)


def ring(path: Path, records: bytes, at: int) -> Ring:
    """A ring whose records begin at `at`, in a file instead of the kernel."""
    data = bytearray(SIZE)
    for offset, byte in enumerate(records):
        data[(at + offset) % SIZE] = byte
    head = bytearray(mmap.PAGESIZE)
    struct.pack_into("=QQ", head, 1024, at + len(records), at)
    path.write_bytes(head + data)
    fd = os.open(path, os.O_RDWR)
    try:
        return Ring(fd)
    finally:
        os.close(fd)


@pytest.mark.parametrize("at", [0, SIZE - 8, SIZE - 16, 5 * SIZE - 4])
def test_a_record_may_go_over_the_end_of_the_ring(at: int, tmp_path: Path) -> None:
    """Then its rest is at the beginning; other kinds of records are passed over."""
    made = ring(tmp_path / "ring", SAMPLE + LOST + SAMPLE, at)
    assert made.drain() == [77, 77]
    assert made.drain() == []
    made.close()


@pytest.mark.root
def test_an_exit_is_told_by_one_of_the_rings() -> None:
    """And the exit of a thread, while others live, is not."""
    fds = open_exit_tracepoint()
    rings = [Ring(fd) for fd in fds]
    told: list[int] = []
    try:
        with sleeper(title()) as child:
            child.kill()
            while child.pid not in told:
                assert readable(10, *fds)
                told += [pid for one in rings for pid in one.drain()]
        assert told.count(child.pid) == 1
    finally:
        for one in rings:
            one.close()
        for fd in fds:
            os.close(fd)
