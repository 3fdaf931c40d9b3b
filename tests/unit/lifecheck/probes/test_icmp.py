"""Echo requests and replies as bytes."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecheck.probes.icmp import HEADER, NONCE_BYTES, answered, checksum, echo

NONCE = bytes(range(NONCE_BYTES))
IP_HEADER = bytes([0x45]) + bytes(19)


def _reply(kind: int, nonce: bytes = NONCE) -> bytes:
    return HEADER.pack(kind, 0, 0, 1, 1) + nonce


def test_the_checksum_of_a_packet_with_its_checksum_is_zero() -> None:
    """RFC 1071; receivers test exactly this."""
    assert checksum(echo(4, 7, 9, NONCE)) == 0
    assert checksum(b"") == 0xFFFF
    assert checksum(b"\x01") == 0xFEFF


def test_a_request_has_the_type_of_its_version() -> None:
    """RFC 792 and RFC 4443; the sequence wraps."""
    assert echo(4, 7, 65536 + 9, NONCE)[:2] == b"\x08\0"
    assert echo(6, 7, 9, NONCE) == struct.pack("!BBHHH", 128, 0, 0, 7, 9) + NONCE


def test_a_reply_gives_back_its_nonce() -> None:
    """Only raw sockets of version 4 show the header of IP."""
    assert answered(4, IP_HEADER + _reply(0), raw=True) == NONCE
    assert answered(4, _reply(0), raw=False) == NONCE
    assert answered(6, _reply(129), raw=True) == NONCE
    assert answered(6, _reply(129), raw=False) == NONCE


@pytest.mark.parametrize(
    "packet",
    [b"", b"\0", _reply(8), _reply(3), _reply(0, b"short"), _reply(0) + b"x", b"\0\1" + bytes(22)],
)
def test_what_is_no_reply_to_us_answers_nothing(packet: bytes) -> None:
    """On loopback a raw socket hears its own requests too."""
    assert answered(4, packet, raw=False) is None


@given(st.binary(max_size=80), st.sampled_from([4, 6]), st.booleans())
def test_garbage_is_no_answer_and_no_fault(packet: bytes, version: int, raw: bool) -> None:
    """Anybody may send anything."""
    found = answered(version, packet, raw=raw)
    assert found is None or len(found) == NONCE_BYTES
