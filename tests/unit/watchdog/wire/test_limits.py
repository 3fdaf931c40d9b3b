"""A long payload is measured before anything is built from it."""

import msgpack
import pytest

from watchdog.wire.limits import DEPTH_MAX, ELEMENTS_MAX, check_limits


def nested(depth: int) -> bytes:
    """So many arrays of one item inside each other, around a nil."""
    return b"\x91" * depth + b"\xc0"


def test_depth_counts_open_containers() -> None:
    """The deepest message of ours has four."""
    check_limits(nested(DEPTH_MAX))
    with pytest.raises(ValueError, match="deeper than 8"):
        check_limits(nested(DEPTH_MAX + 1))


def test_containers_side_by_side_are_not_deep() -> None:
    """A closed container no longer counts."""
    check_limits(msgpack.packb([[[i]] for i in range(100)]))


def test_elements_count_containers_keys_and_values() -> None:
    """One map of n pairs is 2n + 1 elements."""
    pairs = dict.fromkeys(range((ELEMENTS_MAX - 1) // 2))
    check_limits(msgpack.packb([pairs]))
    with pytest.raises(ValueError, match="more than 1024 elements"):
        check_limits(msgpack.packb([pairs, 1, 2]))


@pytest.mark.parametrize(
    "value",
    [
        *(0, 127, 128, 2**16, 2**32, 2**63, -1, -32, -33, -(2**15), -(2**31), -(2**63)),
        *(None, True, False, 1.5),
        *("", "x" * 31, "x" * 32, "x" * 256, "x" * 70_000),
        *(b"", b"x" * 255, b"x" * 256, b"x" * 70_000),
        *([], [1] * 15, [1] * 16, {}, {1: 2}, dict.fromkeys(range(16))),
        *(msgpack.ExtType(5, bytes(size)) for size in (0, 1, 2, 3, 4, 8, 16, 300, 70_000)),
    ],
    ids=lambda value: f"{type(value).__name__}-{str(value)[:12]}",
)
def test_every_token_is_measured_to_its_end(value: object) -> None:
    """A wrong size would count data as elements: here 1023 elements fit, and no more."""
    packed = msgpack.packb(value)
    inside = 0
    if isinstance(value, list | dict):
        inside = len(value) * (2 if isinstance(value, dict) else 1)
    fill = ELEMENTS_MAX - 2 - inside
    head = b"\xdc" + (1 + fill).to_bytes(2, "big")
    check_limits(head + packed + b"\xc0" * fill)
    longer = b"\xdc" + (2 + fill).to_bytes(2, "big")
    with pytest.raises(ValueError, match="elements"):
        check_limits(longer + packed + b"\xc0" * (fill + 1))


def test_float32_is_measured() -> None:
    """Msgpack for Python writes it only when asked to."""
    single = msgpack.packb(1.5, use_single_float=True)
    check_limits(b"\xdc\x03\xff" + single + b"\xc0" * (ELEMENTS_MAX - 2))


def test_a_declared_count_beyond_the_bytes_costs_nothing() -> None:
    """Four billion items in five bytes end at once, where the bytes do."""
    for head in (b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff"):
        check_limits(head)


@pytest.mark.parametrize("payload", [b"", b"\xc1", b"\x93\xc0\xc1", b"\xdc", b"\xc7\x05"])
def test_what_is_no_msgpack_is_left_to_the_parser(payload: bytes) -> None:
    """Its words for it are better, and nothing large came before."""
    check_limits(payload)
