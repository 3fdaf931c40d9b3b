"""Addresses of interfaces by raw rtnetlink: add, remove, list. No library, no process.

Rule: every request asks for an acknowledgement, and an error is an OSError with the kernel's
errno.  IPv6 addresses come without duplicate address detection (it would cost a second; we probe
before) and as deprecated ones, so that nothing *leaves* from an address that may go any moment.
rtnetlink(7), linux/rtnetlink.h, linux/if_addr.h.
"""

import errno
import os
import socket
import struct
from collections.abc import Collection, Iterator
from typing import Final, NamedTuple

RTM_NEWADDR: Final = 20
RTM_DELADDR: Final = 21
RTM_GETADDR: Final = 22
NLM_F_REQUEST: Final = 0x1
NLM_F_ACK: Final = 0x4
NLM_F_REPLACE: Final = 0x100
NLM_F_EXCL: Final = 0x200
NLM_F_DUMP: Final = 0x300
NLM_F_CREATE: Final = 0x400
NLM_F_DUMP_INTR: Final = 0x10
NLMSG_ERROR: Final = 2
NLMSG_DONE: Final = 3
IFA_ADDRESS: Final = 1
IFA_LOCAL: Final = 2
IFA_CACHEINFO: Final = 6
IFA_F_NODAD: Final = 0x02
RECEIVE_SIZE: Final = 65536
MESSAGES_MAX: Final = 100_000
DUMPS_MAX: Final = 5
TIMEOUT_S: Final = 2
ERRNO_MAX: Final = 4095
"""The kernel's own bound (linux/err.h)."""

_ERROR: Final = struct.Struct("=i")
_HEADER: Final = struct.Struct("=IHHII")
_ADDRESS: Final = struct.Struct("=BBBBI")
_ATTRIBUTE: Final = struct.Struct("=HH")
_FAMILIES: Final = {socket.AF_INET: 4, socket.AF_INET6: 16}


class Address(NamedTuple):
    """One address on one interface; `packed` has 4 or 16 bytes."""

    interface: int
    family: int
    packed: bytes
    prefix: int


class Listing(NamedTuple):
    """What one dump showed; `is_torn`: maybe not all. `fault`: why it ended before its end."""

    addresses: list[Address]
    is_torn: bool
    fault: str


class Message(NamedTuple):
    """One netlink message: its type, flags, number, and what follows the header."""

    kind: int
    flags: int
    seq: int
    body: bytes


def request(kind: int, flags: int, seq: int, body: bytes) -> bytes:
    """Bytes of one request."""
    return _HEADER.pack(_HEADER.size + len(body), kind, flags | NLM_F_REQUEST, seq, 0) + body


def address_body(address: Address, lifetime_s: int = 0) -> bytes:
    """Body of RTM_NEWADDR or RTM_DELADDR; with a lifetime, the kernel removes it by itself."""
    is_v6 = address.family == socket.AF_INET6
    flags = IFA_F_NODAD if is_v6 else 0
    body = _ADDRESS.pack(address.family, address.prefix, flags, 0, address.interface)
    body += attribute(IFA_LOCAL, address.packed) + attribute(IFA_ADDRESS, address.packed)
    if lifetime_s:
        preferred_s = 0 if is_v6 else lifetime_s
        body += attribute(IFA_CACHEINFO, struct.pack("=IIII", preferred_s, lifetime_s, 0, 0))
    return body


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded to four bytes."""
    padding = b"\0" * (-len(value) % 4)
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + padding


def messages(data: bytes) -> Iterator[Message]:
    """Split what one recv returned."""
    at = 0
    while at + _HEADER.size <= len(data):
        size, kind, flags, seq, _ = _HEADER.unpack_from(data, at)
        if size < _HEADER.size or at + size > len(data):
            raise OSError(errno.EBADMSG, "netlink: a message of impossible size")
        yield Message(kind, flags, seq, data[at + _HEADER.size : at + size])
        at += (size + 3) & ~3


def parse_address(body: bytes) -> Address | None:
    """Address of one RTM_NEWADDR message; None for one that we do not know or that is cut."""
    if len(body) < _ADDRESS.size:
        return None
    family, prefix, _, _, index = _ADDRESS.unpack_from(body)
    if family not in _FAMILIES:
        return None
    found = dict(_attributes(body[_ADDRESS.size :]))
    packed = found.get(IFA_LOCAL, found.get(IFA_ADDRESS, b""))
    is_whole = len(packed) == _FAMILIES[family]
    return Address(index, family, packed, prefix) if is_whole else None


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        size, kind = _ATTRIBUTE.unpack_from(data, at)
        if size < _ATTRIBUTE.size:
            return
        yield kind, data[at + _ATTRIBUTE.size : at + size]
        at += (size + 3) & ~3


def error_of(body: bytes) -> int:
    """Errno of an NLMSG_ERROR message; 0 is an acknowledgement. OSError: it holds none."""
    if len(body) < _ERROR.size:
        raise OSError(errno.EBADMSG, "netlink: an error without its number")
    code = -int(_ERROR.unpack_from(body)[0])
    return code if 0 <= code <= ERRNO_MAX else errno.EPROTO


def _raise_if_failed(end: Message) -> None:
    # A dump that fails half-way (ENOMEM) says so in its DONE, and is no list.
    code = error_of(end.body) if end.body or end.kind == NLMSG_ERROR else 0
    if code or end.kind == NLMSG_ERROR:
        raise OSError(code, os.strerror(code))


def _address_of(message: Message, wanted: Collection[bytes]) -> Address | None:
    if message.kind != RTM_NEWADDR:
        return None
    # Taking a message apart is what costs: not for the thousands that hold none of ours.
    if wanted and not any(packed in message.body for packed in wanted):
        return None
    address = parse_address(message.body)
    return address if address and (not wanted or address.packed in wanted) else None


class Netlink:
    """One socket; every call waits for the kernel's answer, which comes within the call."""

    def __init__(self) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_CLOEXEC
        self._socket = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
        self._socket.bind((0, 0))
        timeout = struct.pack("@ll", TIMEOUT_S, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeout)
        self._seq = 0

    def add(self, address: Address, lifetime_s: int) -> None:
        """Add an address that must not be there yet. Raises OSError."""
        body = address_body(address, lifetime_s)
        self._change(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, body)

    def refresh(self, address: Address, lifetime_s: int) -> None:
        """Renew the lifetime; adds the address again when it has gone. Raises OSError."""
        body = address_body(address, lifetime_s)
        self._change(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, body)

    def remove(self, address: Address) -> None:
        """Remove an address. Raises OSError."""
        self._change(RTM_DELADDR, 0, address_body(address))

    def addresses(self, wanted: Collection[bytes] = ()) -> list[Address]:
        """Where these are, on any interface; every address without `wanted`. Raises OSError."""
        for _ in range(DUMPS_MAX):
            found: list[Address] = []
            if not self._dump(found, wanted):
                return found
        raise OSError(errno.EAGAIN, "netlink: the list of addresses changes all the time")

    def look(self, wanted: Collection[bytes]) -> Listing:
        """Where these are by one dump: also by one that is torn or fails. Never raises OSError."""
        found: list[Address] = []
        try:
            is_torn = self._dump(found, wanted)
        except OSError as error:
            return Listing(found, is_torn=True, fault=error.strerror or str(error))
        return Listing(found, is_torn, fault="")

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def _change(self, kind: int, flags: int, body: bytes) -> None:
        self._send(kind, flags | NLM_F_ACK, body)
        for message in self._answers():
            if message.kind == NLMSG_ERROR:
                code = error_of(message.body)
                if code:
                    raise OSError(code, os.strerror(code))
                return

    def _dump(self, found: list[Address], wanted: Collection[bytes] = ()) -> bool:
        """Add to `found` what comes until the dump is over; whether it was torn."""
        self._send(RTM_GETADDR, NLM_F_DUMP, _ADDRESS.pack(socket.AF_UNSPEC, 0, 0, 0, 0))
        is_torn = False
        for message in self._answers():
            is_torn = is_torn or bool(message.flags & NLM_F_DUMP_INTR)
            if message.kind in (NLMSG_DONE, NLMSG_ERROR):
                _raise_if_failed(message)
                return is_torn
            address = _address_of(message, wanted)
            if address:
                found.append(address)
        raise AssertionError("a dump ends with DONE or ERROR")

    def _send(self, kind: int, flags: int, body: bytes) -> None:
        self._seq += 1
        self._socket.send(request(kind, flags, self._seq, body))

    def _answers(self) -> Iterator[Message]:
        # An answer to an earlier request, left by a call that timed out, is skipped.
        for _ in range(MESSAGES_MAX):
            for message in messages(self._socket.recv(RECEIVE_SIZE)):
                if message.seq == self._seq:
                    yield message
        raise OSError(errno.EOVERFLOW, "netlink: no end of answers")
