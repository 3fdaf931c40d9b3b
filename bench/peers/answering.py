"""The service behind the VIP: `python bench/peers/answering.py NODE PIDFILE`, one on each node.

It listens on every address, so it answers wherever the VIP is, whoever moves that, and says which
node it runs on.  A file of its own without imports of ours: every peer starts it as a program.
"""

import os
import socket
import sys
from contextlib import suppress
from pathlib import Path

PORT = 7777
SEQUENCE_BYTES = 8


def main() -> None:
    """Answer until killed."""
    node, pidfile = sys.argv[1:]
    listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    # The answer leaves from the address that was asked: told with each datagram.
    listening.setsockopt(socket.IPPROTO_IP, 8, 1)  # IP_PKTINFO
    listening.bind(("0.0.0.0", PORT))
    fresh = Path(f"{pidfile}.new")
    fresh.write_text(f"{os.getpid()}\n", encoding="ascii")
    fresh.replace(pidfile)
    name = node.encode()
    while True:
        data, ancillary, _, sender = listening.recvmsg(512, 64)
        with suppress(OSError):  # the VIP left between the question and the answer
            listening.sendmsg([data[:SEQUENCE_BYTES] + name], _from(ancillary), 0, sender)


def _from(ancillary: list[tuple[int, int, bytes]]) -> list[tuple[int, int, bytes]]:
    """in_pktinfo: interface, address that was asked, address in the header."""
    for level, kind, data in ancillary:
        if (level, kind) == (socket.IPPROTO_IP, 8):
            return [(level, kind, bytes(4) + data[8:12] + bytes(4))]
    return []


if __name__ == "__main__":
    main()
