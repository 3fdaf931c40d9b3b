"""One interface as the guardian's VIPs need it: announce, probe, and hear who claims them.

Rule: one AF_PACKET socket per interface and family, opened once, because closing one waits for
the kernel (RCU); a filter in the kernel passes only claims of our addresses, and what our own
machine sends is never a claim.
"""

import ctypes
import socket
import struct
from typing import Final

from watchdog.guardian import arp

SO_ATTACH_FILTER: Final = 26
PACKET_OUTGOING: Final = 4
FRAME_MAX: Final = 2048
BURST: Final = 3
"""Copies of an announcement: a frame may be lost, and switches learn from any of them."""


class Link:
    """VIPs of one family on one interface. Raises OSError when the interface cannot be used."""

    def __init__(self, interface: str, addresses: list[bytes]) -> None:
        self.interface = interface
        self._addresses = addresses
        kind = arp.ETH_ARP if len(addresses[0]) == 4 else arp.ETH_IPV6
        # Protocol 0 hears nothing: the filter is in place before the first frame can come.
        packet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        try:
            packet.setblocking(False)
            _attach(packet, arp.claim_filter(addresses))
            packet.bind((interface, kind))
            self._mac: bytes = packet.getsockname()[4]
        except OSError:
            packet.close()
            raise
        self._socket = packet

    @property
    def fd(self) -> int:
        """Readable when somebody claims one of the addresses."""
        return self._socket.fileno()

    def announce(self) -> None:
        """Say that the addresses are here. Raises OSError."""
        for packed in self._addresses * BURST:
            for frame in arp.announcements(self._mac, packed):
                self._socket.send(frame)

    def probe(self) -> None:
        """Ask who has the addresses. Raises OSError."""
        for packed in self._addresses:
            self._socket.send(arp.probe(self._mac, packed))

    def claims(self) -> list[arp.Claim]:
        """What other machines have claimed since the last call; at most 16, the rest later."""
        found = []
        for _ in range(16):
            try:
                frame, sender = self._socket.recvfrom(FRAME_MAX)
            except BlockingIOError:
                break
            claim = arp.parse_claim(frame)
            is_own = sender[2] == PACKET_OUTGOING or not claim or claim.mac == self._mac
            if claim and not is_own:
                found.append(claim)
        return found

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def _attach(packet: socket.socket, program: bytes) -> None:
    steps = ctypes.create_string_buffer(program)
    packet.setsockopt(
        socket.SOL_SOCKET,
        SO_ATTACH_FILTER,
        struct.pack("@HP", len(program) // 8, ctypes.addressof(steps)),
    )
