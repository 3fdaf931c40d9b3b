"""Every kind of field takes exactly what its bound says."""

from collections.abc import Callable
from typing import Final

import pytest

from tests.wire.samples import INC, SENT, TENURE
from watchdog.wire import fields

BAD_NAMES: Final = ("", "A", "-a", "_a", ".a", "a b", "a/b", "a\n", "ä", "a" * 64, b"a", 1, None)
BAD_INTS: Final = (-1, True, False, 1.0, "1", None, (1,))


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (fields.read_u64, 0),
        (fields.read_u64, 2**64 - 1),
        (fields.read_ms, 0),
        (fields.read_ms, 86_400_000),
        (fields.read_flag, True),
        (fields.read_flag, False),
        (fields.read_name, "a"),
        (fields.read_name, "0"),
        (fields.read_name, "n1.rack-2_b"),
        (fields.read_name, "a" * 63),
        (fields.read_text, ""),
        (fields.read_text, "€" * 256),
        (fields.read_inc, INC),
        (fields.read_digest, bytes(32)),
        (fields.read_mark, b"x"),
        (fields.read_mark, bytes(32)),
        (fields.read_tenure, TENURE),
        (fields.read_instant, SENT),
        (fields.read_instant, (0, 2**63 - 1)),
    ],
)
def test_a_value_within_its_bound_is_taken_unchanged(
    read: Callable[[object], object], value: object
) -> None:
    """The bounds are in docs/protocol.md, "Kinds"."""
    assert read(value) == value


@pytest.mark.parametrize(
    ("read", "values"),
    [
        (fields.read_u64, (*BAD_INTS, 2**64)),
        (fields.read_ms, (*BAD_INTS, 86_400_001)),
        (fields.read_flag, (0, 1, None, "true", ())),
        (fields.read_name, BAD_NAMES),
        (fields.read_text, ("x" * 257, b"x", 1, None, ())),
        (fields.read_inc, (b"", INC[1:], INC + b"x", "x" * 16, None, 1)),
        (fields.read_digest, (b"", bytes(31), bytes(33), "x" * 32, None)),
        (fields.read_mark, (b"", bytes(33), "x", None)),
        (fields.read_tenure, (None, (), TENURE[:2], (*TENURE, 1), "abc", {}, ("A", INC, 1))),
        (fields.read_tenure, (("a", INC[1:], 1), ("a", INC, -1), ("a", INC, True))),
        (fields.read_instant, (None, (), (1,), (1, 2, 3), "ab", (True, 1), (1, True))),
        (fields.read_instant, ((-1, 0), (0, -1), (2**63, 0), (0, 2**63), (1.0, 1))),
    ],
)
def test_a_value_beyond_its_bound_is_refused(
    read: Callable[[object], object], values: tuple[object, ...]
) -> None:
    """Nothing is converted: a bool is no int, bytes are no text."""
    for value in values:
        with pytest.raises(ValueError, match=r".+"):
            read(value)


def test_nil_is_taken_only_where_it_may_stand() -> None:
    """`leader` may be nobody; a tenure's node may not."""
    kind = fields.maybe(fields.NAME)
    assert (kind.read(None), kind.read("a"), kind.word) == (None, "a", "name, nil")
    with pytest.raises(ValueError, match="a name"):
        kind.read("")


def test_an_array_is_bounded_and_its_items_are_read() -> None:
    """ITEMS_MAX bounds what one HELLO makes every receiver keep."""
    kind = fields.many(fields.NAME)
    full = ("a",) * fields.ITEMS_MAX
    assert (kind.read(()), kind.read(full), kind.word) == ((), full, "array of name")
    refused: tuple[object, ...] = ((*full, "a"), ("a", "B"), ("a", 1), None, "abc", {})
    for bad in refused:
        with pytest.raises(ValueError, match=r"array of at most 16|a name"):
            kind.read(bad)


def test_a_pair_has_two_parts_of_their_kinds() -> None:
    """(section, digest) of the configuration."""
    kind = fields.pair(fields.NAME, fields.MARK)
    assert (kind.read(("a", b"x")), kind.word) == (("a", b"x"), "[name, mark]")
    refused: tuple[object, ...] = (("a",), ("a", b"x", 1), (b"x", "a"), None, "ab")
    for bad in refused:
        with pytest.raises(ValueError, match=r"a pair|a name|1 to 32 bytes"):
            kind.read(bad)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("x" * 10**6, "str of length 1000000"),
        (b"ab", "bytes of length 2"),
        ((1, 2), "tuple of length 2"),
        ({}, "dict of length 0"),
        (-5, "-5"),
        (True, "True"),
        (1.5, "1.5"),
        (None, "None"),
        (object(), "object"),
    ],
)
def test_a_refused_value_is_described_in_few_words(value: object, words: str) -> None:
    """A peer must not be able to fill the log with what it sent."""
    assert fields.describe(value) == words
