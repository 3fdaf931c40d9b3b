"""The two-slot file: yields the old record, the new one, or an admission; never anything else."""

from collections.abc import Iterator
from random import Random
from typing import Final

import pytest

from watchdog import slots
from watchdog.slots import FILE_SIZE, SECTOR_SIZE, SLOT_SIZE, Fault, Loaded

CLUSTER: Final = bytes(range(32))
OTHER: Final = bytes(32)
BLANK_SLOT: Final = bytes(SLOT_SIZE)
SECTORS: Final = SLOT_SIZE // SECTOR_SIZE


def encode(seq: int, payload: bytes) -> bytes:
    """One slot of ours."""
    return slots.encode(seq, payload, CLUSTER, "alpha")


def choose(raw: bytes) -> Loaded:
    """What our node reads from the file."""
    return slots.choose(raw, CLUSTER, "alpha")


OLD: Final = encode(7, b"old")
NEW: Final = encode(8, b"new")


def put(raw: bytes, slot: int, data: bytes) -> bytes:
    """Overwrite one slot of the file."""
    start = slots.offset(slot)
    return raw[:start] + data + raw[start + len(data) :]


def torn(before: bytes, after: bytes) -> Iterator[tuple[int, bytes]]:
    """Every outcome of a slot write that power loss may leave: (sectors persisted, slot)."""
    for persisted in range(2**SECTORS):
        cuts = range(0, SLOT_SIZE, SECTOR_SIZE)
        yield (
            persisted,
            b"".join(
                (after if persisted >> i & 1 else before)[cut : cut + SECTOR_SIZE]
                for i, cut in enumerate(cuts)
            ),
        )


def test_a_slot_has_its_fixed_size_and_place() -> None:
    """Preallocated once: no write can ever need more room."""
    assert (slots.SLOT_SIZE % SECTOR_SIZE, slots.FILE_SIZE) == (0, 2 * SLOT_SIZE)
    assert (slots.offset(0), slots.offset(1)) == (0, SLOT_SIZE)
    assert len(OLD) == SLOT_SIZE


@pytest.mark.parametrize("payload", [b"", b"x", b"\0" * 100, b"y" * 3900])
def test_what_was_written_is_read(payload: bytes) -> None:
    """Also an empty payload, and one that looks blank."""
    for raw, next_slot in ((encode(1, payload) + OTHER, 1), (BLANK_SLOT + encode(1, payload), 0)):
        whole = raw.ljust(FILE_SIZE, b"\0")
        assert choose(whole) == Loaded(payload, 1, next_slot, None)


def test_the_higher_number_wins_in_either_slot() -> None:
    """And the next write goes to the other slot."""
    assert choose(OLD + NEW) == Loaded(b"new", 8, 0, None)
    assert choose(NEW + OLD) == Loaded(b"new", 8, 1, None)
    top = encode(2**64 - 1, b"top")
    assert choose(top + OLD) == Loaded(b"top", 2**64 - 1, 1, None)


@pytest.mark.parametrize("size", [0, 1, SECTOR_SIZE, SLOT_SIZE, FILE_SIZE, FILE_SIZE + 7])
def test_zeros_are_blank(size: int) -> None:
    """A file that was created, and perhaps preallocated, and never written."""
    loaded = choose(bytes(size))
    assert (loaded.payload, loaded.seq, loaded.next_slot) == (None, 0, 0)
    assert loaded.fault is Fault.BLANK
    assert loaded.detail == "nothing was ever written"


def test_one_valid_beside_a_damaged_slot_is_only_a_floor() -> None:
    """It cannot be told whether the damaged one was the newest (election.md 4)."""
    wreck = b"?" + bytes(SLOT_SIZE - 1)
    for raw, damaged in ((OLD + wreck, 1), (wreck + OLD, 0)):
        loaded = choose(raw)
        assert loaded.fault is Fault.DAMAGED
        assert (loaded.payload, loaded.seq, loaded.next_slot) == (b"old", 7, damaged)
        assert loaded.detail == f"slot {damaged}: not a slot of format 1"


def test_two_damaged_slots_leave_nothing() -> None:
    """Both are named."""
    loaded = choose(OLD[:80].ljust(SLOT_SIZE, b"!") + b"garbage" * 1000)
    assert (loaded.payload, loaded.seq, loaded.next_slot) == (None, 0, 0)
    assert loaded.fault is Fault.DAMAGED
    assert "slot 0: the checksum does not match; slot 1: not a slot" in loaded.detail


def test_a_damaged_slot_beside_a_blank_one_is_damage() -> None:
    """The very first write was torn, or the only record has rotted."""
    loaded = choose(BLANK_SLOT + b"x".ljust(SLOT_SIZE, b"\0"))
    assert (loaded.payload, loaded.next_slot, loaded.fault) == (None, 0, Fault.DAMAGED)


def test_two_records_with_one_number_are_damage() -> None:
    """No run of this program writes them; the same record in both slots it does (after a fault)."""
    first, second = encode(7, b"first"), encode(7, b"second")
    for raw in (first + second, second + first):
        loaded = choose(raw)
        assert (loaded.payload, loaded.fault) == (b"second", Fault.DAMAGED)
        assert loaded.detail == "two different records have the same number"
    assert choose(OLD + OLD).fault is None


@pytest.mark.parametrize(("cluster_id", "node"), [(OTHER, "alpha"), (CLUSTER, "beta")])
def test_a_file_of_another_owner_is_foreign(cluster_id: bytes, node: str) -> None:
    """A copied disk or a wrong data directory: named, and nothing of it is used."""
    theirs = slots.encode(9, b"theirs", cluster_id, node)
    for raw in (theirs + BLANK_SLOT, BLANK_SLOT + theirs, OLD + theirs, b"?" * SLOT_SIZE + theirs):
        loaded = choose(raw)
        assert (loaded.payload, loaded.seq, loaded.fault) == (None, 0, Fault.FOREIGN)
        assert loaded.detail == f"written by node {node} of cluster {cluster_id.hex()[:16]}"


@pytest.mark.parametrize("size", [1, 40, 51, 200, SECTOR_SIZE, SLOT_SIZE, SLOT_SIZE + 60, 8191])
def test_a_truncated_file_is_damaged(size: int) -> None:
    """What is whole in it is a floor, and no more."""
    loaded = choose((OLD + NEW)[:size])
    assert loaded.fault is Fault.DAMAGED
    assert f"the file has {size} bytes instead of 8192" in loaded.detail
    expected = None if size < SECTOR_SIZE // 4 else b"new" if size > SLOT_SIZE + 200 else b"old"
    assert loaded.payload == expected


def test_a_file_that_has_grown_is_damaged() -> None:
    """Somebody else wrote into it."""
    loaded = choose(OLD + NEW + b"\n")
    assert (loaded.payload, loaded.fault) == (b"new", Fault.DAMAGED)


@pytest.mark.parametrize("size", [3, 500, 3800])
@pytest.mark.parametrize("place", [0, 1])
def test_every_torn_write_leaves_the_old_record_or_the_new(size: int, place: int) -> None:
    """All 256 subsets of sectors, over a record of two writes ago, over nothing, over rot."""
    older, old, new = (encode(seq, bytes([seq]) * size) for seq in (6, 7, 8))
    for before in (older, BLANK_SLOT):
        base = put(put(bytes(FILE_SIZE), 1 - place, old), place, before)
        for persisted, slot in torn(before, new):
            loaded = choose(put(base, place, slot))
            if slot == new:
                assert (loaded.payload, loaded.fault) == (bytes([8]) * size, None)
            else:
                assert loaded.payload == bytes([7]) * size, f"sectors {persisted:08b}"
                assert loaded.fault in {None, Fault.DAMAGED}
            assert loaded.next_slot == (1 - place if slot == new else place)


@pytest.mark.parametrize("size", [3, 300])
def test_a_record_of_one_sector_is_never_torn(size: int) -> None:
    """No power loss makes an ordinary cluster's node forget anything."""
    before, new = encode(6, b"6" * size), encode(8, b"8" * size)
    for persisted, slot in torn(before, new):
        loaded = choose(OLD + slot)
        assert loaded.fault is None
        assert loaded.payload == (b"8" * size if persisted & 1 else b"old")


def test_a_history_of_writes_survives_power_loss_at_every_one() -> None:
    """200 records of growing and shrinking size; each write torn in each way."""
    raw = bytes(FILE_SIZE)
    rng = Random(3)
    last: tuple[int, bytes] | None = None
    for seq in range(1, 201):
        payload = rng.randbytes(rng.choice((20, 300, 600, 2000, 3900)))
        loaded = choose(raw)
        assert ((loaded.seq, loaded.payload) if last else None) == last
        start = slots.offset(loaded.next_slot)
        new = encode(seq, payload)
        for _, slot in torn(raw[start : start + SLOT_SIZE], new):
            after = choose(put(raw, loaded.next_slot, slot))
            found = None if after.payload is None else (after.seq, after.payload)
            assert found in {last, (seq, payload)}
            assert after.fault is None or found == last
        raw, last = put(raw, loaded.next_slot, new), (seq, payload)


@pytest.mark.parametrize("payload_size", [0, 60])
def test_no_flipped_bit_passes_for_a_record(payload_size: int) -> None:
    """Every bit of both slots: damage within a record shows, damage behind it does not matter."""
    first, second = (encode(seq, bytes([seq]) * payload_size) for seq in (7, 8))
    good = first + second
    used = len(first.rstrip(b"\0"))
    for slot in (0, 1):
        base = slots.offset(slot)
        for place in range(base, base + used):
            for bit in range(8):
                bad = bytearray(good)
                bad[place] ^= 1 << bit
                loaded = choose(bytes(bad))
                assert (loaded.fault, loaded.next_slot) == (Fault.DAMAGED, slot)
                assert loaded.payload == bytes([7 if slot else 8]) * payload_size


def test_no_overwritten_byte_passes_for_a_record() -> None:
    """Every byte of the whole file, set to zero and to ones."""
    good = encode(7, b"\x55" * 3900) + encode(8, b"\x55" * 3900)
    used = len(OLD.rstrip(b"\0")) - len(b"old") + 3900
    for place in range(FILE_SIZE):
        for value in (0, 0xFF):
            bad = bytearray(good)
            bad[place] = value
            loaded = choose(bytes(bad))
            touched = place % SLOT_SIZE < used and good[place] != value
            assert loaded.fault is (Fault.DAMAGED if touched else None)
            assert loaded.payload == b"\x55" * 3900


def test_only_the_first_record_stands_beside_a_slot_of_zeros() -> None:
    """Any later one had a neighbour: it was lost, as when a file is cut and extended again."""
    first = encode(1, b"first")
    for raw in (first + BLANK_SLOT, BLANK_SLOT + first):
        assert (choose(raw).fault, choose(raw).payload) == (None, b"first")
    for raw, blank in ((OLD + BLANK_SLOT, 1), (BLANK_SLOT + OLD, 0)):
        loaded = choose(raw)
        assert (loaded.payload, loaded.next_slot, loaded.fault) == (b"old", blank, Fault.DAMAGED)
        assert loaded.detail == f"slot {blank} is blank, and had a record once"


def test_both_slots_written_after_damage_are_clean_again() -> None:
    """The way out of DAMAGED and FOREIGN: `next_slot` first, then the other."""
    raw = b"garbage " * (FILE_SIZE // 8)
    loaded = choose(raw)
    raw = put(raw, loaded.next_slot, NEW)
    assert (choose(raw).fault, choose(raw).payload) == (Fault.DAMAGED, b"new")
    raw = put(raw, 1 - loaded.next_slot, NEW)
    assert (choose(raw).fault, choose(raw).payload) == (None, b"new")


@pytest.mark.parametrize(
    ("payload", "cluster_id", "node"),
    [
        (bytes(SLOT_SIZE), CLUSTER, "alpha"),
        (b"x", b"short", "alpha"),
        (b"x", CLUSTER, ""),
        (b"x", CLUSTER, "a" * 64),
    ],
)
def test_what_does_not_fit_a_slot_is_our_bug(payload: bytes, cluster_id: bytes, node: str) -> None:
    """Membership and names are bounded long before."""
    with pytest.raises(AssertionError):
        slots.encode(1, payload, cluster_id, node)
