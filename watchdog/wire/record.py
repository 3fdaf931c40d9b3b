"""The node's hard state as bytes: the payload of a slot (`watchdog.slots`).

Rule: what the checksum of a slot vouches for is either read whole or refused by name; nothing is
guessed or filled in.  msgpack array [version, seq, term, voted_for, max_promise_ms, digest,
members, old_members], members being [name, weight, name, weight, ...]: short enough that nine
ordinary members fit one sector.
"""

from typing import Final, NoReturn

import msgpack

from watchdog.core.effects import BLOCKED, HardState
from watchdog.wire.fields import describe, read_digest, read_ms, read_name, read_u64

VERSION: Final = 1
"""Of the array's layout; another one is refused, never half understood."""

MEMBERS_MAX: Final = 128
"""Members of one list that are read; how many a slot has room for, their names decide."""

_ARRAY_SIZE: Final = 8


class RecordError(Exception):
    """A record that is not one, although its slot's checksum holds: another version, or our bug."""


def pack_record(record: HardState) -> bytes:
    """Give `record` its bytes; a value out of bounds is our bug and raises RecordError."""
    packed: bytes = msgpack.packb(
        (
            VERSION,
            record.seq,
            record.term,
            record.voted_for,
            record.max_promise_ms,
            record.digest,
            _flat(record.members),
            _flat(record.old_members),
        )
    )
    assert unpack_record(packed) == record
    return packed


def unpack_record(packed: bytes) -> HardState:
    """Read what `pack_record` wrote; RecordError for everything else."""
    try:
        array = msgpack.unpackb(
            packed, use_list=False, max_array_len=2 * MEMBERS_MAX, max_map_len=0
        )
    except (ValueError, msgpack.UnpackException) as error:
        raise RecordError(f"state record: {error}") from None
    if not isinstance(array, tuple) or len(array) != _ARRAY_SIZE:
        _refuse(f"not an array of {_ARRAY_SIZE}, but {describe(array)}")
    version, seq, term, voted_for, max_promise_ms, digest, members, old = array
    if type(version) is not int or version != VERSION:
        _refuse(f"version {describe(version)}; this quorumdog reads version {VERSION}")
    try:
        return HardState(
            seq=read_u64(seq),
            term=read_u64(term),
            voted_for=_voted_for(voted_for),
            max_promise_ms=read_ms(max_promise_ms),
            digest=read_digest(digest),
            members=_members(members),
            old_members=_members(old),
        )
    except ValueError as error:
        raise RecordError(f"state record: expected {error}") from None


def _voted_for(value: object) -> str | None:
    if value is None:
        return None
    return BLOCKED if value == BLOCKED else read_name(value)


def _flat(members: tuple[tuple[str, int], ...]) -> list[str | int]:
    return [part for member in members for part in member]


def _members(flat: object) -> tuple[tuple[str, int], ...]:
    if not isinstance(flat, tuple) or len(flat) % 2:
        raise ValueError(f"names and weights in turn, not {describe(flat)}")
    names, weights = flat[::2], flat[1::2]
    return tuple(
        (read_name(name), read_u64(weight)) for name, weight in zip(names, weights, strict=True)
    )


def _refuse(what: str) -> NoReturn:
    raise RecordError(f"state record: {what}")
