"""The outside truth: what the kernels of all namespaces say about addresses, in one queue.

One netlink socket hears every namespace that has an id in its own (NETLINK_LISTEN_ALL_NSID), so
the order of its messages is the order in which the kernel changed addresses: two holders can be
told from a quick hand-over exactly, however late the messages are read.  A full queue is said
(ENOBUFS) and makes the figures void, because then something was not seen.
"""

import errno
import socket
import struct
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final, NamedTuple

GROUPS: Final = 0x10 | 0x100
"""RTMGRP_IPV4_IFADDR and RTMGRP_IPV6_IFADDR."""
RECEIVE_BUFFER: Final = 8 << 20
_SOL_NETLINK: Final = 270
_LISTEN_ALL_NSID: Final = 8
_SO_RCVBUFFORCE: Final = 33
_NEWADDR: Final = 20
_DELADDR: Final = 21
_LOCAL: Final = 2
_ADDRESS: Final = 1
_HEADER: Final = struct.Struct("=IHHII")
_BODY: Final = struct.Struct("=BBBBI")
_ATTRIBUTE: Final = struct.Struct("=HH")
_TRIES: Final = 256


class Change(NamedTuple):
    """An address appeared (`is_up`) or went, in the namespace with this id."""

    nsid: int
    is_up: bool
    address: str


def listen(receive_buffer: int = RECEIVE_BUFFER) -> socket.socket:
    """Open the socket in the present namespace; it hears all that have an id there."""
    kernel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    kernel.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, receive_buffer)
    kernel.setsockopt(_SOL_NETLINK, _LISTEN_ALL_NSID, 1)
    kernel.bind((0, GROUPS))
    kernel.setblocking(False)
    return kernel


def receive(kernel: socket.socket) -> Iterator[Change | None]:
    """Yield the changes that wait, in the kernel's order; None when some were lost."""
    for _ in range(_TRIES):
        try:
            datagram, ancillary, _, _ = kernel.recvmsg(1 << 16, 64)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            yield None
            continue
        nsid = -1
        for level, kind, data in ancillary:
            if (level, kind) == (_SOL_NETLINK, _LISTEN_ALL_NSID):
                nsid = struct.unpack("=i", data[:4])[0]
        yield from parse(nsid, datagram)


def parse(nsid: int, datagram: bytes) -> Iterator[Change]:
    """Yield the changes that one datagram of rtnetlink tells of."""
    offset = 0
    while offset + _HEADER.size <= len(datagram):
        length, kind, _, _, _ = _HEADER.unpack_from(datagram, offset)
        if length < _HEADER.size:
            return
        if kind in {_NEWADDR, _DELADDR}:
            message = datagram[offset + _HEADER.size : offset + length]
            if (address := _address(message)) is not None:
                yield Change(nsid, kind == _NEWADDR, address)
        offset += (length + 3) & ~3


def _address(message: bytes) -> str | None:
    found: dict[int, bytes] = {}
    offset = _BODY.size
    while offset + _ATTRIBUTE.size <= len(message):
        length, kind = _ATTRIBUTE.unpack_from(message, offset)
        if length < _ATTRIBUTE.size:
            break
        found[kind] = message[offset + _ATTRIBUTE.size : offset + length]
        offset += (length + 3) & ~3
    raw = found.get(_LOCAL, found.get(_ADDRESS))
    return None if raw is None else str(ip_address(raw))
