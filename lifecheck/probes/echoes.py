"""One ICMP socket and everybody who waits for an answer on it.

Rule: several probes may share a raw socket, so one reader hands each answer to whoever sent its
nonce, and what answers nobody is dropped.  It reads only while somebody waits.
"""

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Callable
from typing import Any, Final

from lifecheck.probes import icmp

PACKETS_AT_ONCE: Final = 64
BACKLOG_MAX: Final = 4096
PACKET_MAX: Final = 2048
SOL_RAW: Final = 255
FILTER: Final = 1
"""ICMP_FILTER and ICMP6_FILTER: a bit for each kind of packet that the kernel keeps from us."""


class Echoes:
    """Sends echoes over a socket, and calls whoever waits when the answer comes."""

    def __init__(self, version: int, line: socket.socket, *, raw: bool) -> None:
        self._version, self._line, self._raw = version, line, raw
        self._waiting: dict[bytes, Callable[[], None]] = {}
        line.setblocking(False)
        if raw:
            with contextlib.suppress(OSError):  # only spares us work
                _keep_replies_only(version, line)

    def expect(self, nonce: bytes, answered: Callable[[], None]) -> None:
        """Call `answered` at each answer with this nonce."""
        if not self._waiting:
            self._drain(BACKLOG_MAX)  # what came for others while nobody here listened
            asyncio.get_running_loop().add_reader(self._line, self._drain, PACKETS_AT_ONCE)
        self._waiting[nonce] = answered

    def forget(self, nonce: bytes) -> None:
        """Expect it no more."""
        if self._waiting.pop(nonce, None) and not self._waiting:
            asyncio.get_running_loop().remove_reader(self._line)

    def send(self, sequence: int, nonce: bytes, address: str) -> None:
        """Send one echo; OSError when it cannot leave."""
        packet = icmp.echo(self._version, os.getpid() & 0xFFFF, sequence, nonce)
        self._line.sendto(packet, _socket_address(address))

    def close(self) -> None:
        """Close the socket."""
        self._line.close()

    def _drain(self, packets_max: int) -> None:
        for _ in range(packets_max):
            try:
                packet = self._line.recv(PACKET_MAX)
            except BlockingIOError:
                return
            except OSError:  # what became of an earlier echo
                continue
            nonce = icmp.answered(self._version, packet, raw=self._raw)
            if nonce is not None and nonce in self._waiting:
                self._waiting[nonce]()


def _socket_address(address: str) -> tuple[Any, ...]:
    """Return a literal as sendto wants it; an interface that is not there is an OSError."""
    host, _, interface = address.partition("%")
    if ":" not in host:
        return host, 0
    scope = interface if interface.isdigit() else socket.if_nametoindex(interface or "lo")
    return host, 0, 0, int(scope) if interface else 0


def _keep_replies_only(version: int, line: socket.socket) -> None:
    if version == 4:
        mask = struct.pack("=I", 0xFFFFFFFF ^ 1 << icmp.REPLY[4])
        line.setsockopt(SOL_RAW, FILTER, mask)
        return
    words = [0xFFFFFFFF] * 8
    words[icmp.REPLY[6] >> 5] ^= 1 << (icmp.REPLY[6] & 31)
    line.setsockopt(socket.IPPROTO_ICMPV6, FILTER, struct.pack("=8I", *words))
