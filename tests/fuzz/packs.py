"""The parts of a msgpack value, and a pool of values on the edges of what is allowed."""

from typing import Final

import msgpack

from tests.fuzz.mutate import Sample, Span
from watchdog.wire.limits import _read_token

INC: Final = bytes(range(16))
_INTEGERS: Final = sorted(
    {
        edge + step
        for edge in (0, 16, 128, 256, 1000, 65536, 2**31, 2**32, 2**63, 86_400_000)
        for step in (-1, 0, 1)
    }
    | {2**64 - 1, 2**64 - 2, 7, 9, -128, -129, -(2**31), -(2**63), 1_770_000_000_124}
)
_TEXTS: Final = (
    *("a" * size for size in (0, 1, 31, 32, 62, 63, 64, 255, 256, 257, 1023, 1024, 1025)),
    *(
        "alpha",
        "beta",
        "gamma",
        "-x",
        "a b",
        "A",
        "a\n",
        "\0",
        "\u0430",
        "ä" * 256,
        "\U0001f600" * 256,
    ),
)
_BLOBS: Final = tuple(
    bytes(size) for size in (0, 1, 8, 15, 16, 17, 31, 32, 33, 255, 256, 1024, 1025)
)
_TENURES: Final = (
    ("alpha", INC, 7),
    ("beta", INC, 2**64 - 1),
    ("alpha", INC, -1),
    ("alpha", INC[:15], 7),
    ("", INC, 7),
    ("alpha", INC),
    ("alpha", INC, 7, 8),
    ("alpha", INC, 7.0),
    ("alpha", INC, True),
)
_PAIRS: Final = (
    (0, 0),
    (2**63 - 1, 2**63 - 1),
    (2**63, 0),
    (0, 2**63),
    (-1, 0),
    (0.0, 0),
    (False, 0),
    (1, 2, 3),
    ("cluster", bytes(8)),
    ("cluster", bytes(33)),
)


def _nested(depth: int) -> bytes:
    return b"\x91" * depth + b"\xc0"


def _raw() -> tuple[bytes, ...]:
    return (
        b"\xc1",
        b"\xa3\xff\xfe\xfd",
        b"\xa3\xed\xa0\x80",
        b"\xd4\x01x",
        b"\xd6\xff\0\0\0\0",
        b"\xd7\xff" + bytes(8),
        b"\xc7\x00\x05",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xc9\xff\xff\xff\xff\x01",
        b"\xdc\x00\x01\xc0",
        b"\xd9\x01a",
        b"\xcf" + bytes(7) + b"\x05",
        b"\x80",
        b"\x81\x80\xc0",
        b"\x81\x91\xc0\xc0",
        b"\x82\xa1a\x01\xa1a\x02",
        *(_nested(depth) for depth in (1, 3, 6, 7, 8, 9, 60, 500, 513, 1000)),
        b"\x9f" * 200,
        b"\xdc\x03\xf8" + b"\x90" * 1016,
        b"\x9f" + (b"\x9f" + b"\x90" * 15) * 15,
    )


def _pool() -> tuple[bytes, ...]:
    values: list[object] = [None, True, False, 0.0, 1.5, float("nan"), float("inf")]
    values += [*_INTEGERS, *_TEXTS, *_BLOBS, *_TENURES, *_PAIRS]
    for size in (0, 1, 15, 16, 17, 64):
        values += [("beta",) * size, ("",) * size, (("cluster", bytes(8)),) * size]
    for size in (0, 1, 63, 64, 65):
        values.append({str(key): key for key in range(size)})
    values += [{0: 1}, {None: 1}, {b"inc": INC}, {1.5: 2}]
    packed = [msgpack.packb(value) for value in values]
    return (*packed, *_raw())


POOL: Final = _pool()


def parts_of(packed: bytes) -> tuple[Span, ...]:
    """Where every value inside `packed` stands, containers with all they hold."""
    spans: list[Span] = []

    def walk(at: int) -> int:
        token = _read_token(packed, at)
        assert token is not None
        end, items = token
        for _ in range(items):
            end = walk(end)
        spans.append((at, end))
        return end

    assert walk(0) == len(packed)
    return tuple(spans)


def sample(packed: bytes) -> Sample:
    """A packed value and its parts."""
    return Sample(packed, parts_of(packed))
