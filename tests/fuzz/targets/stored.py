"""What is on disk: the node's state in its slots, and the guardian's ledger."""

import hashlib
import os
from random import Random
from typing import Final

from tests.fuzz.engine import PAST, REFUSED, VALID, Target
from tests.fuzz.mutate import Mutator, damaged, noise, pick
from tests.fuzz.packs import POOL, sample
from tests.wire.samples import CLUSTER_ID, RECORD
from watchdog import slots
from watchdog.guardian.actions import Ledger
from watchdog.guardian.ledger import LedgerError, LedgerFile
from watchdog.slots import Fault
from watchdog.wire.record import RecordError, pack_record, unpack_record

NAME: Final = "alpha"


def _slot(seq: int, payload: bytes, *, owner: bytes = CLUSTER_ID, name: str = NAME) -> bytes:
    """A slot with a right sum, whatever is in it."""
    head = slots._HEAD.pack(slots._MAGIC, 1, len(name), len(payload), seq, owner)
    body = head + name.encode() + payload
    return body + hashlib.sha256(body).digest()


def _file(rng: Random, first: bytes, second: bytes) -> bytes:
    """Two slots at their places, or nearly."""
    data = first.ljust(slots.SLOT_SIZE, b"\0") + second
    chance = rng.random()
    if chance < 0.6:
        return data
    if chance < 0.8:
        return damaged(first, rng)[: slots.SLOT_SIZE].ljust(slots.SLOT_SIZE, b"\0") + second
    if chance < 0.9:
        return data[: int(rng.random() * len(data))]
    return damaged(data, rng)


def _whole(data: bytes) -> bytes:
    """The file that stands for an input: what was left out at its end are zeros."""
    return data.ljust(slots.FILE_SIZE, b"\0")


def slots_and_record() -> Target:
    """The node's state: the sum of a slot may be right, and what it vouches for be nonsense."""
    mutate = Mutator([sample(pack_record(RECORD))], [part for part in POOL if len(part) < 600])
    genuine = [_slot(seq, pack_record(RECORD)) for seq in (1, 7, 8)]
    genuine += [b"", _slot(8, b""), _slot(7, pack_record(RECORD), owner=bytes(32))]
    genuine += [_slot(9, pack_record(RECORD), name="beta")]

    def make(rng: Random) -> bytes:
        if rng.random() < 0.02:
            return noise(rng, 600)
        made = _slot(pick((0, 1, 7, 8, 2**64 - 1), rng), mutate(rng)[:2000])
        pair = (made, pick(genuine, rng))
        return _file(rng, *(pair if rng.random() < 0.5 else pair[::-1]))

    return Target("slots", make, _judge_slots, past_min=40, valid_min=10, weigh=_weigh_slots)


def _judge_slots(data: bytes) -> int:
    loaded = slots.choose(_whole(data), CLUSTER_ID, NAME)
    assert loaded.next_slot in {0, 1}
    assert (loaded.fault is None) == (not loaded.detail), "a fault without words, or words without"
    if loaded.payload is None:
        assert loaded.fault is not None, "nothing there, and nothing said about it"
        return REFUSED
    assert loaded.fault in {None, Fault.DAMAGED}, "a record of somebody else"
    try:
        record = unpack_record(loaded.payload)
    except RecordError:
        return PAST
    assert unpack_record(pack_record(record)) == record, "what was read is not what is written"
    return VALID


def _weigh_slots(data: bytes) -> object:
    payload = slots.choose(_whole(data), CLUSTER_ID, NAME).payload
    return payload and unpack_record(payload)


def ledger() -> Target:
    """The guardian's file: it must be able to start, or say why it is not."""
    fd = os.memfd_create("ledger", os.MFD_CLOEXEC)
    records = [bytes(7) + bytes((epoch, dirty)) for epoch in (0, 1, 255) for dirty in (0, 1, 2)]
    records += [b"", b"x", bytes(8), bytes(10), b"\xff" * 9, bytes(300)]
    genuine = [_slot(seq, record) for seq in (1, 2, 7, 8) for record in records]
    genuine += [b"", _slot(7, records[0], owner=bytes(32)), _slot(7, records[0], name="beta")]

    def make(rng: Random) -> bytes:
        return _file(rng, pick(genuine, rng), pick(genuine, rng))

    def judge(data: bytes) -> int:
        os.ftruncate(fd, 0)
        os.pwrite(fd, data if data[-1:] == b"\1" else _whole(data), 0)
        file = LedgerFile("/nowhere", CLUSTER_ID, NAME)
        file._fd = fd
        try:
            found, note = file.load()
        except LedgerError:
            return REFUSED
        assert isinstance(found, Ledger)
        assert note == "" or found.dirty, "damage, and no hook is owed"
        return VALID if not note else PAST

    return Target("ledger", make, judge, past_min=40, valid_min=5)
