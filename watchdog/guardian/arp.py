"""Frames that say who has an address, and the filter that lets only such frames through.

Pure bytes.  IPv4: ARP (RFC 826), announced as request *and* reply, because receivers differ in
which they believe (RFC 5227, 3); asked by a probe from 0.0.0.0.  IPv6: neighbour advertisement
with the override flag and solicitation from `::` (RFC 4861, 4.3, 4.4, 7.2.6).
"""

import struct
from typing import Final, NamedTuple

ETH_ARP: Final = 0x0806
ETH_IPV6: Final = 0x86DD
ICMPV6: Final = 58
BROADCAST: Final = b"\xff" * 6
NOBODY: Final = b"\0" * 6
ARP_REQUEST: Final = 1
ARP_REPLY: Final = 2
ND_SOLICITATION: Final = 135
ND_ADVERTISEMENT: Final = 136
ND_OVERRIDE: Final = 0x2000_0000
ALL_NODES: Final = bytes.fromhex("ff020000000000000000000000000001")

_ETHERNET: Final = struct.Struct(">6s6sH")
_ARP: Final = struct.Struct(">HHBBH6s4s6s4s")
_IPV6: Final = struct.Struct(">IHBB16s16s")
_ND_TARGET: Final = 62
"""Where the target address of a neighbour message begins in its frame."""
_ARP_SENDER: Final = 28
"""Where the sender's IPv4 address begins in an ARP frame."""


class Claim(NamedTuple):
    """Somebody with this hardware address says that it has this address."""

    mac: bytes
    packed: bytes


def announcements(mac: bytes, packed: bytes) -> list[bytes]:
    """Frames that tell everybody on the link that `packed` is at `mac`."""
    if len(packed) == 4:
        return [
            _arp(ARP_REQUEST, mac, packed, NOBODY, packed),
            _arp(ARP_REPLY, mac, packed, BROADCAST, packed),
        ]
    option = struct.pack(">BB6s", 2, 1, mac)
    body = struct.pack(">I16s", ND_OVERRIDE, packed) + option
    return [_neighbour(mac, packed, ALL_NODES, ND_ADVERTISEMENT, body)]


def probe(mac: bytes, packed: bytes) -> bytes:
    """The frame that asks who has `packed`, without claiming any address."""
    if len(packed) == 4:
        return _arp(ARP_REQUEST, mac, b"\0" * 4, NOBODY, packed)
    group = bytes.fromhex("ff0200000000000000000001ff") + packed[-3:]
    return _neighbour(mac, b"\0" * 16, group, ND_SOLICITATION, struct.pack(">I16s", 0, packed))


def parse_claim(frame: bytes) -> Claim | None:
    """Who claims which address in a frame that came through the filter; None: nobody."""
    if len(frame) < _ETHERNET.size:
        return None
    kind = _ETHERNET.unpack_from(frame)[2]
    if kind == ETH_ARP and len(frame) >= _ETHERNET.size + _ARP.size:
        fields = _ARP.unpack_from(frame, _ETHERNET.size)
        return Claim(fields[5], fields[6])
    if kind == ETH_IPV6 and len(frame) >= _ND_TARGET + 16:
        return Claim(frame[6:12], frame[_ND_TARGET : _ND_TARGET + 16])
    return None


def _arp(kind: int, mac: bytes, sender: bytes, target_mac: bytes, target: bytes) -> bytes:
    header = _ETHERNET.pack(BROADCAST, mac, ETH_ARP)
    return header + _ARP.pack(1, 0x0800, 6, 4, kind, mac, sender, target_mac, target)


def _neighbour(mac: bytes, source: bytes, target: bytes, kind: int, body: bytes) -> bytes:
    multicast_mac = b"\x33\x33" + target[-4:]
    message = struct.pack(">BBH", kind, 0, 0) + body
    pseudo = source + target + struct.pack(">II", len(message), ICMPV6)
    checksum = _checksum(pseudo + message)
    message = struct.pack(">BBH", kind, 0, checksum) + body
    header = _IPV6.pack(6 << 28, len(message), ICMPV6, 255, source, target)
    return _ETHERNET.pack(multicast_mac, mac, ETH_IPV6) + header + message


def _checksum(data: bytes) -> int:
    words: tuple[int, ...] = struct.unpack(f">{len(data) // 2}H", data)
    total = sum(words)
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


# --- the filter: classic BPF, so that the guardian wakes for frames about its VIPs only

_LOAD_WORD: Final = 0x20
_LOAD_HALF: Final = 0x28
_LOAD_BYTE: Final = 0x30
_JUMP_EQUAL: Final = 0x15
_RETURN: Final = 0x06
_WHOLE: Final = 0xFFFF
_Instruction = tuple[int, int, int, int]


def claim_filter(addresses: list[bytes]) -> bytes:
    """Program for SO_ATTACH_FILTER: only frames in which one of `addresses` is claimed pass.

    All addresses are of one family.  Each test jumps only forward to the next instruction or to
    the end of its own block, so that any number of addresses works.
    """
    program: list[_Instruction] = []
    if addresses and len(addresses[0]) == 4:
        program += _unless_drop(_LOAD_HALF, 12, ETH_ARP)
        program += [step for packed in addresses for step in _match(packed, _ARP_SENDER)]
    elif addresses:
        program += _unless_drop(_LOAD_HALF, 12, ETH_IPV6)
        program += _unless_drop(_LOAD_BYTE, 20, ICMPV6)
        program += _unless_drop(_LOAD_BYTE, 54, ND_ADVERTISEMENT)
        program += [step for packed in addresses for step in _match(packed, _ND_TARGET)]
    program.append((_RETURN, 0, 0, 0))
    return b"".join(struct.pack("=HBBI", *step) for step in program)


def _unless_drop(load: int, offset: int, value: int) -> list[_Instruction]:
    return [(load, 0, 0, offset), (_JUMP_EQUAL, 1, 0, value), (_RETURN, 0, 0, 0)]


def _match(packed: bytes, offset: int) -> list[_Instruction]:
    words = struct.unpack(f">{len(packed) // 4}I", packed)
    steps: list[_Instruction] = []
    for index, word in enumerate(words):
        to_next_block = 2 * (len(words) - index) - 1
        steps.append((_LOAD_WORD, 0, 0, offset + 4 * index))
        steps.append((_JUMP_EQUAL, 0, to_next_block, word))
    return [*steps, (_RETURN, 0, 0, _WHOLE)]
