"""What authenticated peers send: frames, and the messages in them."""

from collections import Counter
from random import Random
from typing import Final

from tests.fuzz.engine import PAST, REFUSED, VALID, Target, brief
from tests.fuzz.mutate import Mutator, damaged, noise, pick
from tests.fuzz.packs import POOL, sample
from tests.wire.samples import BARE, FULL
from watchdog.wire.codec import _decode, decode, decode_numbered, encode
from watchdog.wire.errors import ProtocolError
from watchdog.wire.frames import FRAME_SIZE_MAX, LENGTH_SIZE, Splitter, pack
from watchdog.wire.layouts import LAYOUTS

PIECES: Final = (1, 2, 3, 4, 5, 7, 64, 1024, 65536, 1 << 20)
"""How many bytes come at a time; the first byte of an input says which."""
READ_SIZE: Final = 16384
"""What a connection hands on at a time: a TLS record."""
PIECES_MAX: Final = 40
SIZES: Final = (0, FRAME_SIZE_MAX, FRAME_SIZE_MAX + 1, 2**31 - 1, 2**31, 2**32 - 1, 2**24)
HELLO_HEAD: Final = encode(FULL[0])[:3]
BLAME_MAX: Final = 300


def frames() -> Target:
    """The stream of one connection, cut anywhere."""
    payloads = [encode(message) for message in (*FULL, *BARE)] + [b"x", bytes(300), bytes(5000)]
    framed = [pack(payload) for payload in payloads]
    longest = pack(bytes(FRAME_SIZE_MAX))

    def make(rng: Random) -> bytes:
        parts = [pick(framed, rng) for _ in range(int(rng.random() * 4))]
        chance = rng.random()
        piece = int(rng.random() * len(PIECES))
        if chance < 0.3:
            parts.append(pick(SIZES, rng).to_bytes(LENGTH_SIZE, "big") + noise(rng, 100))
        elif chance < 0.6:
            parts.append(damaged(pick(framed, rng), rng))
        elif chance < 0.602:
            piece, parts = len(PIECES) - 2 + int(rng.random() * 2), [*parts, longest, *parts]
        elif chance < 0.7:
            parts.append(noise(rng, 40))
        return bytes((piece,)) + b"".join(parts)

    def weigh(data: bytes) -> None:
        splitter = Splitter("beta")
        for start in range(1, len(data), READ_SIZE):
            splitter.feed(data[start : start + READ_SIZE])

    return Target("frames", make, _judge_stream, past_min=80, valid_min=25, weigh=weigh)


def _judge_stream(data: bytes) -> int:
    piece, stream = PIECES[data[0] % len(PIECES)] if data else 1, data[1:]
    piece = max(piece, len(stream) // PIECES_MAX)
    expected, is_sound = _reference(stream)
    splitter, found = Splitter("beta"), list[bytes]()
    try:
        for start in range(0, len(stream), piece):
            found += splitter.feed(stream[start : start + piece])
            assert splitter.pending < LENGTH_SIZE + FRAME_SIZE_MAX, "more kept than one frame"
    except ProtocolError as error:
        brief(error.what, BLAME_MAX)
        assert not is_sound, "a sound stream was refused"
        assert splitter.pending == 0, "bytes kept of a stream that failed"
        assert found == expected[: len(found)], "other payloads than were sent"
        return PAST if expected else REFUSED
    assert is_sound, "an impossible length was taken"
    assert found == expected, "other payloads than were sent"
    return VALID


def _reference(stream: bytes) -> tuple[list[bytes], bool]:
    """The payloads of a stream up to its first impossible length, and whether there is none."""
    payloads: list[bytes] = []
    while len(stream) >= LENGTH_SIZE:
        size = int.from_bytes(stream[:LENGTH_SIZE], "big")
        if size == 0 or size > FRAME_SIZE_MAX:
            return payloads, False
        if len(stream) < LENGTH_SIZE + size:
            break
        payloads.append(stream[LENGTH_SIZE : LENGTH_SIZE + size])
        stream = stream[LENGTH_SIZE + size :]
    return payloads, True


def _same_from_memory(data: bytes) -> None:
    """A HELLO that was read before is read by its bytes: it must say the same."""
    found: list[object] = []
    for read in (decode_numbered, decode_numbered, _decode):
        try:
            found.append(read(data, "beta"))
        except ProtocolError as error:
            found.append(error.what)
    assert found[0] == found[1] == found[2], "the memory of HELLOs says something else"


def codec() -> Target:
    """The payload of a frame: every field of every message."""
    mutate = Mutator([sample(encode(message)) for message in (*FULL, *BARE)], POOL, damage=0.15)
    names = {layout.number: layout.name for layout in LAYOUTS}
    kinds: Counter[str] = Counter()

    def judge(data: bytes) -> int:
        kinds[names.get(data[1], "other") if len(data) > 1 else "other"] += 1
        if data[:3] == HELLO_HEAD:
            _same_from_memory(data)
        try:
            message = decode(data, "beta")
        except ProtocolError as error:
            what = brief(f"{error}", BLAME_MAX)
            assert what.startswith("beta: "), "another peer is blamed"
            return REFUSED if what.startswith("beta: not a message") else PAST
        again = encode(message)
        assert decode(again, "beta") == message, "what was decoded is not what is encoded"
        return VALID

    def weigh(data: bytes) -> object:
        return decode(data, "beta")

    return Target(
        "codec",
        mutate,
        judge,
        past_min=35,
        valid_min=5,
        kinds=kinds,
        weigh=weigh,
        share=len(LAYOUTS) / 2,
    )
