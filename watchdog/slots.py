"""Two slots in one preallocated file: a record that survives power loss, and knows when it did not.

Each write goes to the slot that does not hold the newest record, so a torn write can only hurt what
nobody relies on.  Rule: a slot counts only whole (SHA-256) and only for its own cluster and node;
a valid slot beside a damaged one may be older than what was promised, so it is only a floor.
Slots are 4096 bytes at fixed places; all but large clusters fill a single 512-byte sector, which
disks do not tear.  Pure, stdlib only: the node and the guardian each have such a file.
"""

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final

SECTOR_SIZE: Final = 512
SLOT_SIZE: Final = 4096
SLOTS: Final = 2
FILE_SIZE: Final = SLOTS * SLOT_SIZE

_MAGIC: Final = b"QDSLOT"
_VERSION: Final = 1
_HEAD: Final = struct.Struct(">6sBBHQ32s")
"""magic, version, length of node, length of payload, seq, cluster id; node, payload, sum follow."""
_SUM_SIZE: Final = hashlib.sha256().digest_size
_NODE_SIZE_MAX: Final = 63


class Fault(Enum):
    """Why a file cannot be believed."""

    BLANK = "blank"
    """Nothing was ever written here."""
    DAMAGED = "damaged"
    """Something was written that cannot be read: the newest record may be lost."""
    FOREIGN = "foreign"
    """Whole, and written by another node or for another cluster."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a file of two slots says.

    Without a fault, `payload` is the newest record.  DAMAGED with a payload: an older record, good
    as a lower bound only.  After any fault write the first record to both slots, `next_slot` first:
    else the remains of the damage are found again at the next start.
    """

    payload: bytes | None
    seq: int
    next_slot: int
    fault: Fault | None
    detail: str = ""
    """The fault in words for an operator."""


@dataclass(frozen=True, slots=True)
class _Slot:
    """One slot as read: `fault` None means that seq and payload are whole and ours."""

    index: int
    fault: Fault | None
    seq: int = 0
    payload: bytes = b""
    detail: str = ""


def offset(slot: int) -> int:
    """Where slot 0 or 1 begins in the file."""
    return slot * SLOT_SIZE


def encode(seq: int, payload: bytes, cluster_id: bytes, node: str) -> bytes:
    """The SLOT_SIZE bytes to be written at `offset(slot)`; what does not fit is a bug.

    `seq` is 1 for the first record of a file and rises with every other.
    """
    name = node.encode("ascii")
    assert len(cluster_id) == 32
    assert 0 < len(name) <= _NODE_SIZE_MAX
    head = _HEAD.pack(_MAGIC, _VERSION, len(name), len(payload), seq, cluster_id)
    body = head + name + payload
    whole = body + hashlib.sha256(body).digest()
    assert len(whole) <= SLOT_SIZE, f"a record of {len(payload)} bytes does not fit a slot"
    return whole.ljust(SLOT_SIZE, b"\0")


def choose(raw: bytes, cluster_id: bytes, node: str) -> Loaded:
    """What the bytes of the whole file say to `node` of the cluster. Never raises."""
    if not any(raw):
        return Loaded(None, 0, 0, Fault.BLANK, "nothing was ever written")
    read = [_read(index, raw, cluster_id, node) for index in range(SLOTS)]
    for slot in read:
        if slot.fault is Fault.FOREIGN:
            return Loaded(None, 0, 0, Fault.FOREIGN, slot.detail)
    detail = "; ".join(_damage(raw, read))
    fault = Fault.DAMAGED if detail else None
    valid = [slot for slot in read if slot.fault is None]
    if not valid:
        return Loaded(None, 0, 0, fault, detail)
    newest = max(valid, key=lambda slot: (slot.seq, slot.payload))
    return Loaded(newest.payload, newest.seq, 1 - newest.index, fault, detail)


def _damage(raw: bytes, read: list[_Slot]) -> Iterator[str]:
    """Everything that makes it doubtful that the newest record is still here."""
    yield from (slot.detail for slot in read if slot.fault is Fault.DAMAGED)
    if len(raw) != FILE_SIZE:
        yield f"the file has {len(raw)} bytes instead of {FILE_SIZE}"
    first, second = read
    if first.seq == second.seq and first.payload != second.payload:
        yield "two different records have the same number"
    for slot, other in ((first, second), (second, first)):
        if slot.fault is Fault.BLANK and other.seq > 1:
            yield f"slot {slot.index} is blank, and had a record once"


def _read(index: int, raw: bytes, cluster_id: bytes, node: str) -> _Slot:
    """Judge one slot. The sum is looked at before anything but the lengths is believed."""
    slot = raw[offset(index) : offset(index + 1)]
    if not any(slot):
        return _Slot(index, Fault.BLANK)
    if len(slot) < _HEAD.size:
        return _damaged(index, "cut off")
    magic, version, name_size, size, seq, owner = _HEAD.unpack_from(slot)
    if magic != _MAGIC or version != _VERSION:
        return _damaged(index, f"not a slot of format {_VERSION}")
    end = _HEAD.size + name_size + size
    if hashlib.sha256(slot[:end]).digest() != slot[end : end + _SUM_SIZE]:
        return _damaged(index, "the checksum does not match")
    name = slot[_HEAD.size : _HEAD.size + name_size].decode("ascii", "replace")
    if owner != cluster_id or name != node:
        detail = f"written by node {name} of cluster {owner.hex()[:16]}"
        return _Slot(index, Fault.FOREIGN, detail=detail)
    return _Slot(index, None, seq, slot[_HEAD.size + name_size : end])


def _damaged(index: int, why: str) -> _Slot:
    return _Slot(index, Fault.DAMAGED, detail=f"slot {index}: {why}")
