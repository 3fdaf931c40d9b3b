"""ICMP echoes as bytes, versions 4 and 6; pure (RFC 792, RFC 4443).

Rule: an answer is known by its payload, 16 random bytes: on a shared raw socket the numbers of
others may be ours, and an unprivileged socket has its identifier replaced by the kernel.
"""

import struct
from typing import Final

HEADER: Final = struct.Struct("!BBHHH")
NONCE_BYTES: Final = 16
ECHO: Final = {4: 8, 6: 128}
REPLY: Final = {4: 0, 6: 129}


def echo(version: int, identifier: int, sequence: int, nonce: bytes) -> bytes:
    """Return an echo request; the kernel sums up version 6 itself."""
    kind = ECHO[version]
    head = HEADER.pack(kind, 0, 0, identifier, sequence & 0xFFFF)
    total = checksum(head + nonce) if version == 4 else 0
    return HEADER.pack(kind, 0, total, identifier, sequence & 0xFFFF) + nonce


def answered(version: int, packet: bytes, *, raw: bool) -> bytes | None:
    """Return the nonce that a packet answers, or None when it answers nothing."""
    if raw and version == 4:  # only then the kernel shows the header of IP as well
        packet = packet[(packet[0] & 0x0F) * 4 :] if packet else b""
    if len(packet) != HEADER.size + NONCE_BYTES or packet[0] != REPLY[version] or packet[1]:
        return None
    return packet[HEADER.size :]


def checksum(data: bytes) -> int:
    """Return the sum of RFC 1071."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF
