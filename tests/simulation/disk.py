"""The disk of one machine: the bytes of two files of slots, and how slowly and badly it syncs.

Rule: a record is durable when its fdatasync returned, and not an instant earlier; a power loss in
between leaves any subset of the 512-byte sectors of the write.  What the bytes mean is decided by
`watchdog.slots` alone.  `history` keeps older copies for the operator who puts one back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from tests.simulation.heap import Heap
from watchdog import slots
from watchdog.instant import MS

SECTOR: Final = 512
HISTORY_MAX: Final = 40


@dataclass(frozen=True, slots=True, eq=False)
class Write:
    """A write that was not synced yet."""

    offset: int
    block: bytes


class File:
    """A preallocated file: `data`, and the writes that have not been synced yet."""

    def __init__(self) -> None:
        self.data = bytes(slots.FILE_SIZE)
        self.history: list[bytes] = []
        self.pending: list[Write] = []

    def put(self, offset: int, block: bytes) -> None:
        """Write through: `block` is in the file from now on."""
        self.data = self.data[:offset] + block + self.data[offset + len(block) :]

    def sync(self, write: Write) -> None:
        """Make a write durable that is still pending."""
        if write in self.pending:
            self.pending.remove(write)
            self.put(write.offset, write.block)
            self.history.append(self.data)
            del self.history[:-HISTORY_MAX]

    def settle(self, rng: Random) -> None:
        """The writer died: what it had written may be in the page cache, or not written at all."""
        for write in list(self.pending):
            if rng.random() < 0.5:
                self.sync(write)
        self.pending.clear()

    def tear(self, rng: Random) -> None:
        """The power went: of the pending writes any subset of sectors arrived."""
        for write in self.pending:
            for at in range(0, len(write.block), SECTOR):
                if rng.random() < 0.5:
                    self.put(write.offset + at, write.block[at : at + SECTOR])
        self.pending.clear()

    def wipe(self) -> None:
        """A replaced disk: nothing was ever written here."""
        self.data = bytes(slots.FILE_SIZE)
        self.pending.clear()
        self.history.clear()

    def flip(self, rng: Random, at: int, length: int) -> None:
        """Rot: damage some bytes within `length` bytes from `at`."""
        data = bytearray(self.data)
        for _ in range(rng.randint(1, 8)):
            data[at + rng.randrange(length)] ^= rng.randint(1, 255)
        self.data = bytes(data)


class Disk:
    """Two files and one speed. `write` calls back with whether the sync succeeded."""

    def __init__(self, heap: Heap, rng: Random) -> None:
        self._heap = heap
        self._rng = rng
        self.node_file = File()
        self.guardian_file = File()
        self.is_slow = False
        self.fails = False
        self.mounts = 0
        """Counts power losses: a write that was under way in an earlier life never returns."""

    def fsync_ns(self) -> int:
        """How long the next fdatasync takes: 1-12 ms, or 50 ms to 2 s on a bad day."""
        if self.is_slow:
            return self._rng.randrange(50 * MS, 2000 * MS)
        return min(12 * MS, MS + int(self._rng.expovariate(1 / (3 * MS))))

    def write(self, file: File, offset: int, block: bytes, done: Callable[[bool], None]) -> None:
        """Write `block` and sync it; `done` is called later, unless the power goes before."""
        write = Write(offset, block)
        file.pending.append(write)
        self._heap.after(self.fsync_ns(), self._synced, file, write, self.mounts, done)

    def _synced(self, file: File, write: Write, mount: int, done: Callable[[bool], None]) -> None:
        if mount != self.mounts:
            return
        failed = self.fails
        if failed and self._rng.random() < 0.5 and write in file.pending:
            file.pending.remove(write)
        else:
            file.sync(write)
        done(not failed)

    def lose_power(self) -> None:
        """Tear what was not synced."""
        self.mounts += 1
        self.node_file.tear(self._rng)
        self.guardian_file.tear(self._rng)
