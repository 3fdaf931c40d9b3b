"""The questions of the judge as frames, and who answered: ARP, neighbour discovery, UDP.  Pure.

Rule: each question can be put to one machine by its MAC address, whatever anybody's cache says, so
that two machines that answer for one address are both heard.
"""

import struct
from ipaddress import IPv6Address, ip_address
from typing import Final

BROADCAST: Final = b"\xff" * 6
ARP: Final = 0x0806
IP4: Final = 0x0800
IP6: Final = 0x86DD
_ARP_BODY: Final = struct.Struct("!HHBBH6s4s6s4s")
_IP4_HEADER: Final = struct.Struct("!BBHHHBBH4s4s")
_IP6_HEADER: Final = struct.Struct("!IHBB16s16s")
_UDP: Final = 17
_ICMP6: Final = 58
_SOLICIT: Final = 135
_ADVERTISE: Final = 136


def who_has4(mac: bytes, own: str, vip: str) -> bytes:
    """The ARP question to everybody."""
    sender, target = ip_address(own).packed, ip_address(vip).packed
    body = _ARP_BODY.pack(1, IP4, 6, 4, 1, mac, sender, bytes(6), target)
    return BROADCAST + mac + ARP.to_bytes(2, "big") + body


def who_has6(mac: bytes, own: str, vip: str) -> bytes:
    """The neighbour solicitation to everybody who could have it."""
    source, target = IPv6Address(own).packed, IPv6Address(vip).packed
    group = IPv6Address("ff02::1:ff00:0").packed[:13] + target[13:]
    body = struct.pack("!BBHI", _SOLICIT, 0, 0, 0) + target + b"\x01\x01" + mac
    pseudo = source + group + struct.pack("!II", len(body), _ICMP6)
    body = body[:2] + checksum(pseudo + body).to_bytes(2, "big") + body[4:]
    header = _IP6_HEADER.pack(6 << 28, len(body), _ICMP6, 255, source, group)
    return b"\x33\x33" + group[12:] + mac + IP6.to_bytes(2, "big") + header + body


def datagram(
    to: bytes, mac: bytes, source: tuple[str, int], target: tuple[str, int], data: bytes
) -> bytes:
    """A UDP datagram to the machine with that MAC address (IPv4, without a UDP checksum)."""
    length = 28 + len(data)
    addresses = ip_address(source[0]).packed, ip_address(target[0]).packed
    header = _IP4_HEADER.pack(0x45, 0, length, 0, 0x4000, 64, _UDP, 0, *addresses)
    header = header[:10] + checksum(header).to_bytes(2, "big") + header[12:]
    udp = struct.pack("!HHHH", source[1], target[1], 8 + len(data), 0)
    return to + mac + IP4.to_bytes(2, "big") + header + udp + data


def answered(frame: bytes) -> tuple[bytes, str] | None:
    """(MAC, address) of who says that it has an address; None when the frame says no such thing."""
    kind = int.from_bytes(frame[12:14], "big")
    if kind == ARP and len(frame) >= 14 + _ARP_BODY.size:
        *_, operation, mac, address, _, _ = _ARP_BODY.unpack_from(frame, 14)
        return (mac, str(ip_address(address))) if operation == 2 else None
    is_icmp = kind == IP6 and len(frame) >= 78 and frame[20] == _ICMP6
    if is_icmp and frame[54] == _ADVERTISE:
        return frame[6:12], str(IPv6Address(frame[62:78]))
    return None


def checksum(data: bytes) -> int:
    """The internet checksum."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return int(~total & 0xFFFF)
