"""Attributes are written as the kernel reads them, and read strictly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchdog.guardian.nft import attributes as attribute


def test_numbers_are_in_network_order_and_values_padded() -> None:
    """linux/netlink.h: length without padding, kind, value, padding to four."""
    assert attribute.u32(3, 1).hex() == "0800030000000001"
    assert attribute.s32(2, -300).hex() == "08000200fffffed4"
    assert attribute.u64(4, 900).hex() == "0c0004000000000000000384"
    assert attribute.text(1, "x").hex() == "0600010078000000"
    assert attribute.nest(3, attribute.u32(1, 7)).hex() == "0c0003800800010000000007"


@given(st.lists(st.tuples(st.integers(1, 100), st.binary(max_size=40)), max_size=8))
def test_what_is_written_reads_back(found: list[tuple[int, bytes]]) -> None:
    """In order, without the flag of a nest."""
    data = b"".join(attribute.raw(kind, value) for kind, value in found)
    assert attribute.parse(data) == found
    assert attribute.parse(attribute.nest(5, data)) == [(5, data)]


@pytest.mark.parametrize("data", ["0300010000", "ffff010000000000", "08", "080001000000"])
def test_a_length_that_does_not_fit_is_an_error(data: str) -> None:
    """A shorter list would be taken for the truth."""
    with pytest.raises(ValueError, match="attribute"):
        attribute.parse(bytes.fromhex(data))


@given(st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """No other error, no endless loop."""
    try:
        found = attribute.parse(data)
    except ValueError:
        return
    assert sum(4 + len(value) for _, value in found) <= len(data)


def test_values_are_checked() -> None:
    """One of a kind, a number of four or eight bytes, a text with an end."""
    assert attribute.only([(1, b"a"), (2, b"b")], 2) == b"b"
    for found in ([(1, b"a")], [(2, b"a"), (2, b"b")]):
        with pytest.raises(ValueError, match="not one"):
            attribute.only(found, 2)
    assert attribute.number(b"\0\0\1\0") == 256
    assert attribute.number(b"\0" * 7 + b"\1") == 1
    with pytest.raises(ValueError, match="3 bytes"):
        attribute.number(b"abc")
    assert attribute.name(b"lease\0") == "lease"
    for value in (b"", b"lease"):
        with pytest.raises(ValueError, match="without an end"):
            attribute.name(value)
