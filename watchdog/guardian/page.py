"""The page of memory that guardian and sentinel share: what is on, until when, and the will.

Rule: the writer may be killed or stopped in the middle of any write, so a record has two slots,
written in turn, and a slot counts only whole (its number, size and CRC).  Whoever reads gets the
newest whole one: at worst the one before, whose end comes earlier.  Writing is no system call.
"""

import mmap
import struct
from binascii import crc32
from typing import Final, NamedTuple

from watchdog.guardian_protocol import PACKET_SIZE_MAX
from watchdog.instant import Instant

READS_MAX: Final = 16
"""Looks at a record that is being written all the time: each write leaves a slot alone."""
SLOTS: Final = 2
_HEAD: Final = struct.Struct("=QII")
"""Number of the write (0: none), size of the payload, CRC of both and the payload."""
_WATCHED: Final = struct.Struct("=?QQQ")
_NODE: Final = struct.Struct("=QQ")

WATCHED_SIZE: Final = _WATCHED.size
NODE_SIZE: Final = _NODE.size + PACKET_SIZE_MAX


class Watched(NamedTuple):
    """What may be on: counted from `s`. Off, `s` and `hard_ns` are those of the last time."""

    is_on: bool
    s: Instant
    hard_ns: int
    """0: nothing was ever on since the guardian's start."""


class NodeRecord(NamedTuple):
    """The node process, and the packet with its will, or with that of the last one."""

    pid: int
    """0: it is gone."""
    start: int
    will: bytes
    """Empty: there is none."""


NEVER: Final = Watched(is_on=False, s=Instant(0, 0), hard_ns=0)
NOBODY: Final = NodeRecord(0, 0, b"")


class Record:
    """Two slots in a piece of memory; one writer, one reader, in processes of their own."""

    def __init__(self, memory: memoryview, size_max: int) -> None:
        assert len(memory) == record_size(size_max), "memory of another size"
        half = len(memory) // SLOTS
        self._slots = (memory[:half], memory[half:])
        self._size_max = size_max
        self._number = 0

    def write(self, payload: bytes) -> None:
        """Put a payload into the slot that does not hold the newest one."""
        assert len(payload) <= self._size_max, "a payload that has no place"
        self._number += 1
        slot = self._slots[self._number % SLOTS]
        # Not whole from the first byte on; the head, which makes it whole, comes last.
        slot[: _HEAD.size] = bytes(_HEAD.size)
        slot[_HEAD.size : _HEAD.size + len(payload)] = payload
        slot[: _HEAD.size] = _HEAD.pack(self._number, len(payload), _sum(self._number, payload))

    def read(self) -> bytes | None:
        """The newest whole payload; None when there is none."""
        for _ in range(READS_MAX):
            found = [whole for slot in self._slots if (whole := self._whole(slot))]
            if found:
                return max(found)[1]
        return None

    def _whole(self, slot: memoryview) -> tuple[int, bytes] | None:
        number, size, check = _HEAD.unpack_from(slot)
        if not number or size > self._size_max:
            return None
        payload = bytes(slot[_HEAD.size : _HEAD.size + size])
        return (number, payload) if check == _sum(number, payload) else None


def record_size(size_max: int) -> int:
    """Bytes of memory that a record takes, its slots on lines of their own."""
    return SLOTS * -(-(_HEAD.size + size_max) // 64) * 64


def _sum(number: int, payload: bytes) -> int:
    return crc32(payload, crc32(number.to_bytes(8, "little") + len(payload).to_bytes(4, "little")))


class Page:
    """Make it before the fork: the memory is nobody's but this process's and its child's."""

    def __init__(self) -> None:
        watched_size = record_size(WATCHED_SIZE)
        memory = memoryview(mmap.mmap(-1, watched_size + record_size(NODE_SIZE)))
        self._watched = Record(memory[:watched_size], WATCHED_SIZE)
        self._node = Record(memory[watched_size:], NODE_SIZE)
        self.write_watched(NEVER)
        self.write_node(NOBODY)

    def write_watched(self, watched: Watched) -> None:
        """Say what is on from now on."""
        self._watched.write(_WATCHED.pack(watched.is_on, *watched.s, watched.hard_ns))

    def read_watched(self) -> Watched | None:
        """What is on; None when that cannot be read at this moment."""
        payload = self._watched.read()
        if payload is None:
            return None
        is_on, boot_ns, raw_ns, hard_ns = _WATCHED.unpack(payload)
        return Watched(is_on, Instant(boot_ns, raw_ns), hard_ns)

    def write_node(self, node: NodeRecord) -> None:
        """Say which node process lives, and what its will is."""
        self._node.write(_NODE.pack(node.pid, node.start) + node.will)

    def read_node(self) -> NodeRecord | None:
        """The node process; None when that cannot be read at this moment."""
        payload = self._node.read()
        if payload is None:
            return None
        pid, start = _NODE.unpack_from(payload)
        return NodeRecord(pid, start, payload[_NODE.size :])
