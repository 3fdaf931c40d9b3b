"""Wills go out verbatim to every address, and errors stop nothing."""

import socket

from watchdog.guardian.will import WillSender
from watchdog.guardian_protocol import ArmWill


def test_each_peer_gets_the_datagram() -> None:
    """Also behind an address that cannot be reached."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(5)
        port = peer.getsockname()[1]
        sender = WillSender()
        sender.send(ArmWill(b"sealed", (("not an address", 1), ("127.0.0.1", port))))
        assert peer.recv(100) == b"sealed"
        for channel in sender._sockets.values():
            channel.close()
