"""Whatever bytes arrive, one of two things comes out: a message, or a ProtocolError.

Seeded, so that a failure here is a failure everywhere.  `make fuzz` of a later issue runs longer.
"""

import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from random import Random
from typing import Final, get_args

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.samples import AUTHKEY, BARE, CLUSTER_ID, FULL, INC, NONCE, RECORD
from watchdog import slots
from watchdog.core.messages import Message
from watchdog.wire.codec import decode, encode
from watchdog.wire.errors import ProtocolError
from watchdog.wire.frames import FRAME_SIZE_MAX, Splitter, pack
from watchdog.wire.record import RecordError, pack_record, unpack_record
from watchdog.wire.seal import open_will, seal_will

ROUNDS: Final = 3000
MEMORY_MAX: Final = 256 * 1024
"""Bytes that one input may cost while it is judged (the frame itself not counted)."""
CHUNK_MAX: Final = 65536
"""What the shell reads from a connection at once."""


def decoded(payload: bytes) -> Message | None:
    """The message, or None for a ProtocolError; anything else fails the test."""
    try:
        message = decode(payload, "beta")
    except ProtocolError as refusal:
        peer, what = refusal.peer, refusal.what
    else:
        assert type(message) in get_args(Message)
        assert decode(encode(message), "beta") == message
        return message
    assert peer == "beta"
    assert len(what) < 300
    return None


def split(chunks: Iterator[bytes]) -> tuple[list[bytes], bool]:
    """What a splitter makes of a stream, and whether it lived to the end of it."""
    splitter, payloads = Splitter("beta"), list[bytes]()
    for chunk in chunks:
        try:
            payloads += splitter.feed(chunk)
        except ProtocolError:
            assert splitter.pending == 0
            return payloads, False
        assert splitter.pending < 4 + FRAME_SIZE_MAX
    return payloads, True


def mutated(data: bytes, rng: Random) -> bytes:
    """Flip, overwrite, cut, double or insert, once or a few times."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(out) + 1)
        match rng.randrange(5):
            case 0 if at < len(out):
                out[at] ^= 1 << rng.randrange(8)
            case 1:
                out[at : at + 1] = rng.randbytes(1)
            case 2:
                del out[at : at + rng.randint(1, 8)]
            case 3:
                out[at:at] = out[at : at + rng.randint(1, 20)]
            case _:
                out[at:at] = rng.randbytes(rng.randint(1, 8))
    return bytes(out)


def test_a_stream_of_every_message_survives_byte_by_byte_and_at_once() -> None:
    """The two ends of what TCP may do with it."""
    messages = [*FULL, *BARE]
    stream = b"".join(pack(encode(message)) for message in messages)
    for cut in (1, len(stream)):
        chunks = (stream[start : start + cut] for start in range(0, len(stream), cut))
        payloads, whole = split(chunks)
        assert whole
        assert [decode(payload, "beta") for payload in payloads] == messages


@settings(max_examples=60)
@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=8))
def test_how_a_stream_is_cut_changes_nothing(noise: bytes, cuts: list[int]) -> None:
    """Also one with garbage in it, up to the garbage."""
    stream = pack(encode(FULL[4])) + noise
    places = sorted({0, *(cut for cut in cuts if cut < len(stream)), len(stream)})
    cut_up = split(stream[start:end] for start, end in pairwise(places))
    by_byte = split(stream[i : i + 1] for i in range(len(stream)))
    assert cut_up[1] == by_byte[1]
    if by_byte[1]:
        assert cut_up == by_byte


def test_garbage_is_refused_by_splitter_and_codec() -> None:
    """Random bytes of every length class."""
    rng = Random(1)
    for _ in range(ROUNDS):
        noise = rng.randbytes(rng.choice((0, 1, 5, 30, 150, 700)))
        assert decoded(noise) is None
        split(noise[i : i + 7] for i in range(0, len(noise), 7))


LEAVES: Final = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=20)
)
TREES: Final = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=30,
)


@given(TREES)
def test_well_formed_msgpack_is_not_enough(value: object) -> None:
    """As a payload, as a body and as a field: past the parser, before the checks."""
    assert decoded(msgpack.packb(value)) is None
    decoded(msgpack.packb([value, 0, 0, {}]))
    decoded(msgpack.packb([5, 0, 0, value]))
    fields = msgpack.unpackb(encode(FULL[4]))[3]
    for key in fields:
        decoded(msgpack.packb([5, 0, 0, fields | {key: value}]))


@pytest.mark.parametrize("message", [*FULL, *BARE], ids=lambda message: type(message).__name__)
def test_a_mutated_message_is_a_message_or_refused(message: Message) -> None:
    """What comes through satisfies every bound: it can be encoded again."""
    rng = Random(2)
    payload = encode(message)
    refused = sum(decoded(mutated(payload, rng)) is None for _ in range(ROUNDS // 10))
    assert refused > ROUNDS // 40


@pytest.mark.parametrize("message", [*FULL, *BARE], ids=lambda message: type(message).__name__)
def test_a_truncated_message_is_refused(message: Message) -> None:
    """At every place; and so is one with something behind it."""
    payload = encode(message)
    for size in range(len(payload)):
        assert decoded(payload[:size]) is None
    for more in (b"\0", b"\xc0", payload):
        assert decoded(payload + more) is None


def wrapped(inner: bytes) -> bytes:
    """A beacon with `inner` under a key that nobody knows, filled up to a whole frame."""
    body: bytes = msgpack.packb(msgpack.unpackb(encode(FULL[4]))[3])
    return b"\x94\x05\0\0" + bytes([body[0] + 1]) + body[1:] + b"\xa1x" + inner


TREE: Final = b"\x9f" + (b"\x9f" + (b"\x9f" + (b"\x9f" + b"\x90" * 15) * 15) * 15) * 15
"""55 KB of arrays no longer and no deeper than allowed: only the count stands in its way."""

BOMBS: Final = {
    "nested arrays": b"\x91" * FRAME_SIZE_MAX,
    "nested arrays of 15": b"\x9f" * 1024,
    "nested arrays of 16": b"\xdc\0\x10" * 341,
    "nested maps": b"\x81\xa0" * (FRAME_SIZE_MAX // 2),
    "nested maps, short": b"\x8f\xa0" * 512,
    "empty arrays": b"\xdc\xff\xf0" + b"\x90" * 65520,
    "empty maps": b"\xdc\xff\xf0" + b"\x80" * 65520,
    "empty arrays, short": b"\xdc\x03\xf8" + b"\x90" * 1016,
    "tree of empty arrays": TREE,
    "one long map": b"\xde\x7f\xff" + b"".join(
        b"\xcd" + key.to_bytes(2, "big") + b"\x90" for key in range(16000)
    ),
    "declared array of 2^32": b"\xdd\xff\xff\xff\xff" + b"\xc0" * 65000,
    "declared map of 2^32": b"\xdf\xff\xff\xff\xff" + b"\xc0" * 65000,
    "declared text of 2^32": b"\xdb\xff\xff\xff\xff" + b"x" * 65000,
    "declared bytes of 2^32": b"\xc6\xff\xff\xff\xff" + b"x" * 65000,
    "long text": b"\xda\xff\x00" + b"x" * 0xFF00,
    "long bytes": b"\xc5\xff\x00" + b"x" * 0xFF00,
    "extension": b"\xc8\xff\x00\x05" + b"x" * 0xFF00,
    "many floats": b"\xdc\x1c\x00" + (b"\xcb" + b"\x11" * 8) * 0x1C00,
}  # fmt: skip


def cost(judge: Callable[[], object]) -> int:
    """Bytes at the peak while `judge` runs."""
    tracemalloc.start()
    try:
        judge()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS.keys())
def test_a_bomb_is_refused_and_costs_little(bomb: bytes) -> None:
    """As the payload and hidden in a beacon; docs/protocol.md, "Limits"."""
    for payload in (bomb[:FRAME_SIZE_MAX], wrapped(bomb)[:FRAME_SIZE_MAX], wrapped(bomb)[:1024]):
        assert cost(partial(decoded, payload)) < MEMORY_MAX


def test_the_costliest_frames_of_garbage_stay_cheap() -> None:
    """Containers, and little else, in a random order: what a fuzzer would find after hours."""
    rng = Random(4)
    heads = bytes([*range(0x80, 0xA0), 0xC0, 0xDC, 0xDE])
    for size in (1000, 1024, 1025, 20_000, FRAME_SIZE_MAX):
        for _ in range(10):
            noise = bytes(rng.choices(heads, k=size))
            assert cost(partial(decoded, noise)) < MEMORY_MAX


def test_bad_input_leaves_no_memory_behind() -> None:
    """A peer that sends garbage for a year must not grow the daemon."""
    rng = Random(5)
    payload = encode(FULL[0])

    def run() -> None:
        for _ in range(500):
            decoded(mutated(payload, rng))
            split(iter([mutated(pack(payload), rng)]))

    run()
    tracemalloc.start()
    try:
        run()
        first = tracemalloc.get_traced_memory()[0]
        run()
        run()
        assert tracemalloc.get_traced_memory()[0] - first < 8 * 1024
    finally:
        tracemalloc.stop()


def test_a_stream_of_tiny_pieces_is_kept_once() -> None:
    """A frame that trickles in costs its own size, and the rest of the stream nothing."""
    frame = pack(b"x" * FRAME_SIZE_MAX)
    splitter = Splitter("beta")

    def trickle() -> None:
        for _ in range(3):
            for start in range(0, len(frame), 50):
                splitter.feed(frame[start : start + 50])

    assert cost(trickle) < 4 * CHUNK_MAX


def test_a_damaged_will_is_refused() -> None:
    """Wills come by UDP from anybody."""
    rng = Random(6)
    will = seal_will(AUTHKEY, CLUSTER_ID, "alpha", INC, NONCE)
    for _ in range(ROUNDS // 3):
        for datagram in (mutated(will, rng), rng.randbytes(rng.randrange(300))):
            if datagram != will:
                with pytest.raises(ProtocolError):
                    open_will(AUTHKEY, CLUSTER_ID, datagram)


def test_a_damaged_record_is_refused_or_read_whole() -> None:
    """What comes through satisfies every bound: it can be written again."""
    rng = Random(7)
    packed = pack_record(RECORD)
    refused = 0
    for _ in range(ROUNDS):
        try:
            record = unpack_record(mutated(packed, rng))
        except RecordError:
            refused += 1
        else:
            assert unpack_record(pack_record(record)) == record
    assert refused > ROUNDS // 4


def test_a_damaged_file_of_slots_is_judged_and_never_believed() -> None:
    """Nothing is raised, and no payload appears that was not written."""
    rng = Random(8)
    written = {b"old" * 30, b"new" * 30, None}
    old, new = (
        slots.encode(seq, p * 30, CLUSTER_ID, "alpha") for seq, p in ((7, b"old"), (8, b"new"))
    )
    for _ in range(ROUNDS // 3):
        raw = mutated(old[:300], rng) + old[300:] + mutated(new[:300], rng) + new[300:]
        for file in (raw, rng.randbytes(rng.randrange(9000)), mutated(raw, rng)):
            assert slots.choose(file, CLUSTER_ID, "alpha").payload in written
