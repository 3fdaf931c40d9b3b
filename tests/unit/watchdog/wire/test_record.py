"""The hard state survives its bytes, or is refused by name."""

from dataclasses import fields, replace
from typing import Any

import msgpack
import pytest

from tests.wire.samples import DIGEST, RECORD
from watchdog import slots
from watchdog.core.effects import BLOCKED, HardState
from watchdog.wire.record import RecordError, pack_record, unpack_record


def wide(members: int, name_size: int) -> HardState:
    """A record with the longest numbers."""
    names = tuple(f"{i:0{name_size}d}" for i in range(members))
    return HardState(
        seq=2**64 - 1,
        term=2**64 - 1,
        voted_for=names[-1],
        max_promise_ms=86_400_000,
        digest=DIGEST,
        members=tuple((name, 100) for name in names),
    )


@pytest.mark.parametrize("voted_for", [None, BLOCKED, "beta"])
def test_record_survives_writing_and_reading(voted_for: str | None) -> None:
    """BLOCKED is no member's name and must come back as itself."""
    record = replace(RECORD, voted_for=voted_for)
    assert unpack_record(pack_record(record)) == record


def test_record_of_nobody_survives() -> None:
    """The empty membership of a node that never formed."""
    record = HardState(0, 0, None, 0, bytes(32), ())
    assert unpack_record(pack_record(record)) == record


def test_every_field_of_the_state_is_in_the_record() -> None:
    """A field that is forgotten here is forgotten at every restart."""
    array: list[Any] = msgpack.unpackb(pack_record(RECORD))
    names = [field.name for field in fields(HardState)]
    assert len(array) == 1 + len(names)
    defaults = HardState(0, 0, None, 0, b"", ())
    assert all(getattr(RECORD, name) != getattr(defaults, name) for name in names)


def test_nine_members_fit_one_sector() -> None:
    """A record within one sector is never torn (docs/protocol.md, "State file")."""
    slot = slots.encode(2**64 - 1, pack_record(wide(9, 31)), bytes(32), "x" * 31)
    assert not any(slot[slots.SECTOR_SIZE :])


def test_sixteen_members_with_the_longest_names_fit_a_slot() -> None:
    """The largest cluster that the wire allows."""
    record = replace(wide(16, 63), old_members=wide(16, 63).members)
    slot = slots.encode(1, pack_record(record), bytes(32), "x" * 63)
    assert len(slot) == slots.SLOT_SIZE
    loaded = slots.choose(slot + bytes(slots.SLOT_SIZE), bytes(32), "x" * 63)
    assert loaded.payload is not None
    assert unpack_record(loaded.payload) == record


@pytest.mark.parametrize(
    "record",
    [
        replace(RECORD, term=-1),
        replace(RECORD, max_promise_ms=86_400_001),
        replace(RECORD, voted_for=""),
        replace(RECORD, voted_for="Beta"),
        replace(RECORD, digest=b""),
        replace(RECORD, members=(("alpha", -1),)),
        replace(RECORD, members=tuple((f"n{i}", 1) for i in range(129))),
        replace(RECORD, term=True),
        replace(RECORD, old_members=(("", 1),)),
    ],
)
def test_a_record_beyond_its_bounds_is_not_written(record: HardState) -> None:
    """What could not be read back must not become durable."""
    with pytest.raises(RecordError):
        pack_record(record)


@pytest.mark.parametrize(
    ("place", "bad", "words"),
    [
        (0, 2, "version 2; this quorumdog reads version 1"),
        (0, True, "version True"),
        (1, -1, "expected an integer"),
        (2, None, "expected an integer"),
        (3, {}, "expected a name"),
        (3, "?", "expected a name"),
        (4, 2**40, "expected milliseconds"),
        (5, b"short", "expected 32 bytes"),
        (6, None, "expected names and weights in turn, not None"),
        (6, ["alpha"], "expected names and weights in turn, not tuple of length 1"),
        (6, ["alpha", "beta"], "expected an integer"),
        (6, [1, 1], "expected a name"),
        (7, None, "expected names and weights in turn, not None"),
        (7, ["Alpha", 1], "expected a name"),
    ],
)
def test_every_place_of_a_record_is_checked(place: int, bad: object, words: str) -> None:
    """A checksum says that bytes are as written, not that this program wrote them."""
    array: list[Any] = msgpack.unpackb(pack_record(RECORD))
    array[place] = bad
    with pytest.raises(RecordError, match=f"^state record: .*{words}"):
        unpack_record(msgpack.packb(array))


@pytest.mark.parametrize("packed", [b"", b"\xc1", b"\xc0", b"\x90", b"\x81\x00\x00", bytes(40)])
def test_what_is_no_record_is_refused(packed: bytes) -> None:
    """Nothing but RecordError comes out."""
    with pytest.raises(RecordError, match=r"^state record: "):
        unpack_record(packed)
