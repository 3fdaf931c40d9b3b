"""A client of the VIP, and the little service behind it that answers with its node's name.

The client sends one datagram every few milliseconds and notes each answer: who gave it and when.
The service listens on the VIP in every node's namespace, before the address is there
(IP_FREEBIND), like a server that is kept warm; only where the VIP is do datagrams arrive.
"""

import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

PORT: Final = 7777
_IP_FREEBIND: Final = 15
_SEQ: Final = struct.Struct("!Q")
_BURST_MAX: Final = 256


class Service:
    """Answers on the VIP with the name of its node; made in that node's namespace."""

    def __init__(self, vip: str, node: str) -> None:
        self.node = node
        self._socket = _udp(vip)
        self._socket.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
        self._socket.bind((vip, PORT))

    def fileno(self) -> int:
        """For select."""
        return self._socket.fileno()

    def answer(self) -> None:
        """Answer everything that waits."""
        for data, sender in _receive(self._socket):
            try:
                self._socket.sendto(data[: _SEQ.size] + self.node.encode(), sender)
            except OSError:  # the VIP left between the question and the answer
                continue


class Client:
    """Asks the VIP; made in the namespace of the network."""

    def __init__(self, vip: str) -> None:
        self._vip = vip
        self._socket = _udp(vip)
        self.asked = 0

    def fileno(self) -> int:
        """For select."""
        return self._socket.fileno()

    def ask(self) -> int:
        """Send the next question and return its number; a network that says no is no answer."""
        self.asked += 1
        with suppress(OSError):  # nobody has the address: the neighbour entry has failed
            self._socket.sendto(_SEQ.pack(self.asked), (self._vip, PORT))
        return self.asked

    def answers(self) -> Iterator[tuple[int, str]]:
        """Yield (number of the question, name of the node) of each answer that waits."""
        for data, _ in _receive(self._socket):
            if len(data) > _SEQ.size:
                yield _SEQ.unpack_from(data)[0], data[_SEQ.size :].decode(errors="replace")


def _udp(address: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.setblocking(False)
    return made


def _receive(source: socket.socket) -> Iterator[tuple[bytes, tuple[str, int]]]:
    for _ in range(_BURST_MAX):
        try:
            yield source.recvfrom(512)
        except OSError:  # nothing waits, or an ICMP error of an earlier question
            return
