"""Frames about addresses: announced, asked for, claimed; and the filter for claims."""

import socket
import struct

import pytest

from watchdog.guardian import arp

MAC = bytes.fromhex("020000000001")
V4 = socket.inet_pton(socket.AF_INET, "10.0.0.100")
OTHER_V4 = socket.inet_pton(socket.AF_INET, "10.0.0.101")
V6 = socket.inet_pton(socket.AF_INET6, "fd00::1:100")
OTHER_V6 = socket.inet_pton(socket.AF_INET6, "fd00::2:100")


def passes(program: bytes, frame: bytes) -> bool:
    """Run the classic BPF program on a frame, as the kernel does."""
    steps = list(struct.iter_unpack("=HBBI", program))
    at, value = 0, 0
    for _ in range(len(steps)):
        code, if_true, if_false, operand = steps[at]
        at += 1
        if code == 0x06:
            return bool(operand)
        if code == 0x15:
            at += if_true if value == operand else if_false
            continue
        size = {0x20: 4, 0x28: 2, 0x30: 1}[code]
        if operand + size > len(frame):
            return False
        value = int.from_bytes(frame[operand : operand + size], "big")
    raise AssertionError("the program does not end")


def test_ipv4_is_announced_as_request_and_reply() -> None:
    """Receivers differ in which they believe (RFC 5227, 3)."""
    request, reply = arp.announcements(MAC, V4)
    for frame in (request, reply):
        assert frame[:6] == arp.BROADCAST
        assert arp.parse_claim(frame) == arp.Claim(MAC, V4)
        assert frame[38:42] == V4
    assert request[20:22] == b"\0\x01"
    assert reply[20:22] == b"\0\x02"


def test_ipv6_is_announced_to_all_nodes_with_override() -> None:
    """RFC 4861, 7.2.6: caches that hold the old holder's address change at once."""
    (frame,) = arp.announcements(MAC, V6)
    assert frame[:6] == bytes.fromhex("333300000001")
    assert frame[54] == 136
    assert frame[58] & 0x20
    assert frame[-6:] == MAC
    assert arp.parse_claim(frame) == arp.Claim(MAC, V6)


@pytest.mark.parametrize("packed", [V4, V6])
def test_a_probe_claims_nothing(packed: bytes) -> None:
    """Asking must not change anybody's cache."""
    frame = arp.probe(MAC, packed)
    claim = arp.parse_claim(frame)
    assert not passes(arp.claim_filter([packed]), frame)
    if packed == V4:
        assert claim
        assert claim.packed == b"\0" * 4
    else:
        assert frame[22:38] == b"\0" * 16
        assert frame[:6] == bytes.fromhex("3333ff") + V6[-3:]


def test_the_checksum_of_neighbour_messages_is_right() -> None:
    """Over the pseudo header and the message the sum of all words is all ones."""
    for frame in (*arp.announcements(MAC, V6), arp.probe(MAC, V6)):
        source, target, message = frame[22:38], frame[38:54], frame[54:]
        data = source + target + struct.pack(">II", len(message), 58) + message
        total = sum(struct.unpack(f">{len(data) // 2}H", data))
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        assert total == 0xFFFF


@pytest.mark.parametrize(("ours", "other"), [(V4, OTHER_V4), (V6, OTHER_V6)])
def test_the_filter_passes_claims_of_our_addresses_only(ours: bytes, other: bytes) -> None:
    """The guardian must not wake for every frame of the network."""
    second = bytes([*ours[:-1], 200])
    program = arp.claim_filter([ours, second])
    for frame in arp.announcements(MAC, ours) + arp.announcements(MAC, second):
        assert passes(program, frame)
    for frame in arp.announcements(MAC, other):
        assert not passes(program, frame)
    assert not passes(program, b"\0" * 60)
    assert not passes(program, b"")
    assert not passes(arp.claim_filter([]), arp.announcements(MAC, ours)[0])


def test_what_is_no_claim_is_nobodys() -> None:
    """Truncated frames and other protocols."""
    assert arp.parse_claim(b"") is None
    assert arp.parse_claim(arp.announcements(MAC, V4)[0][:30]) is None
    assert arp.parse_claim(b"\0" * 100) is None
