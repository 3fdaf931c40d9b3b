"""Sends wills: datagrams that a node process sealed, verbatim, to the addresses it named.

Rule: sent and forgotten; whether anybody hears it is for copies and timeouts elsewhere.
"""

import contextlib
import socket

from watchdog.guardian_protocol import ArmWill


class WillSender:
    """One UDP socket for each family."""

    def __init__(self) -> None:
        self._sockets: dict[socket.AddressFamily, socket.socket] = {}
        for family in (socket.AF_INET, socket.AF_INET6):
            with contextlib.suppress(OSError):  # a kernel without IPv6
                channel = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
                channel.setblocking(False)
                self._sockets[family] = channel

    def send(self, will: ArmWill) -> None:
        """Send one copy to every peer."""
        for address, port in will.addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            channel = self._sockets.get(family)
            if channel:
                with contextlib.suppress(OSError):
                    channel.sendto(will.datagram, (address, port))
