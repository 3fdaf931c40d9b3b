"""Which interfaces are up and which addresses they have, from the kernel's own messages.

Pure: bytes in, facts out.  Only what the uplink watch needs: links (flags, name) and addresses
(rtnetlink(7), linux/if_link.h, linux/if_addr.h).  Unknown messages and attributes are skipped.
The picture is whole when both dumps have ended well; each has a number, which its answers bear, so
that the end of another one does not count.  A picture that has failed stays so: begin a new one.
"""

import socket
import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Final

DUMP: Final = 0x301
"""NLM_F_REQUEST | NLM_F_ROOT | NLM_F_MATCH."""
_DUMP_INTERRUPTED: Final = 0x10
"""NLM_F_DUMP_INTR (linux/netlink.h): something changed meanwhile, entries may be missing."""
_HEAD: Final = struct.Struct("=IHHII")
_LINK: Final = struct.Struct("=BxHiII")
_ADDRESS: Final = struct.Struct("=BBBBI")
_ATTRIBUTE: Final = struct.Struct("=HH")
_CODE: Final = struct.Struct("=i")
_IFLA_IFNAME: Final = 3
_IFA_ADDRESS: Final = 1
_IFA_LOCAL: Final = 2
_IFF_UP: Final = 0x1
_IFF_RUNNING: Final = 0x40


class Kind(IntEnum):
    """The messages that matter."""

    ERROR = 2
    DONE = 3
    NEW_LINK = 16
    DELETE_LINK = 17
    GET_LINK = 18
    NEW_ADDRESS = 20
    DELETE_ADDRESS = 21
    GET_ADDRESS = 22


def dump_request(kind: Kind, seq: int) -> bytes:
    """Ask for all links or all addresses."""
    return _HEAD.pack(_HEAD.size + _LINK.size, kind, DUMP, seq, 0) + bytes(_LINK.size)


_DUMPS: Final = (Kind.GET_LINK, Kind.GET_ADDRESS)
_SIZES: Final[dict[int, int]] = {
    Kind.NEW_LINK: _LINK.size,
    Kind.DELETE_LINK: _LINK.size,
    Kind.NEW_ADDRESS: _ADDRESS.size,
    Kind.DELETE_ADDRESS: _ADDRESS.size,
}
"""Bytes of which a body has at least so many; a shorter one is skipped."""


class Interfaces:
    """What is known of this machine's interfaces; `feed` it everything the socket gives."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._running: dict[int, bool] = {}
        self._addresses: set[tuple[int, str]] = set()
        self.done = 0
        """Finished dumps so far."""
        self.has_failed = False
        """Whether a dump was refused, or torn by a change: this picture never gets whole."""

    @property
    def is_whole(self) -> bool:
        """Whether links and addresses are all there; nothing may be judged before."""
        return self.done == len(_DUMPS)

    def question(self) -> bytes:
        """Bytes that ask for the next dump; send them once each time that one was finished."""
        return dump_request(_DUMPS[self.done], self._seq)

    @property
    def _seq(self) -> int:
        """Number of the dump that runs; 0 is that of the kernel's own messages."""
        return self.done + 1

    def feed(self, data: bytes) -> None:
        """Take one datagram of netlink messages."""
        for kind, flags, seq, body in _messages(data):
            if seq == self._seq and not self.is_whole:
                self._follow(kind, flags, body)
            if len(body) < _SIZES.get(kind, 0):
                continue
            match kind:
                case Kind.NEW_LINK:
                    self._take_link(body)
                case Kind.DELETE_LINK:
                    self._drop_link(body)
                case Kind.NEW_ADDRESS:
                    self._addresses.add(_address(body))
                case Kind.DELETE_ADDRESS:
                    self._addresses.discard(_address(body))
                case _:
                    pass

    def _follow(self, kind: int, flags: int, body: bytes) -> None:
        """Note how the dump that runs comes along; its end has an error number as well."""
        is_end = kind in {Kind.DONE, Kind.ERROR}
        has_code = is_end and len(body) >= _CODE.size and _CODE.unpack_from(body)[0] != 0
        if has_code or flags & _DUMP_INTERRUPTED:
            self.has_failed = True
        if kind == Kind.DONE and not self.has_failed:
            self.done += 1

    def judge(self, address: str) -> tuple[bool, str]:
        """Whether `address` is on an interface that is up and has a carrier, and in words."""
        holders = [index for index, held in self._addresses if held == address]
        if not holders:
            return False, f"no interface has the address {address}"
        for index in holders:
            if self._running.get(index):
                return True, f"{self._name(index)} has {address} and is up"
        return False, f"{self._name(holders[0])} is down or has no carrier"

    def _name(self, index: int) -> str:
        return self._names.get(index, f"interface {index}")

    def _take_link(self, body: bytes) -> None:
        family, _, index, flags, _ = _LINK.unpack_from(body)
        if family != socket.AF_UNSPEC:
            return  # a bridge port's own message has no name and says nothing about the carrier
        for number, value in _attributes(body[_LINK.size :]):
            if number == _IFLA_IFNAME:
                self._names[index] = value.rstrip(b"\0").decode("ascii", "replace")
        self._running[index] = flags & _IFF_UP != 0 and flags & _IFF_RUNNING != 0

    def _drop_link(self, body: bytes) -> None:
        family, _, index, _, _ = _LINK.unpack_from(body)
        if family != socket.AF_UNSPEC:
            return
        self._running.pop(index, None)
        self._names.pop(index, None)
        self._addresses = {held for held in self._addresses if held[0] != index}


def _messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Kind, flags, number and body of each."""
    start = 0
    while start + _HEAD.size <= len(data):
        size, kind, flags, seq, _ = _HEAD.unpack_from(data, start)
        if size < _HEAD.size:
            return
        yield kind, flags, seq, data[start + _HEAD.size : start + size]
        start += (size + 3) & ~3


def _attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    start = 0
    while start + _ATTRIBUTE.size <= len(data):
        size, number = _ATTRIBUTE.unpack_from(data, start)
        if size < _ATTRIBUTE.size:
            return
        yield number, data[start + _ATTRIBUTE.size : start + size]
        start += (size + 3) & ~3


def _address(body: bytes) -> tuple[int, str]:
    """(interface index, address): IFA_LOCAL where there is one (a point-to-point link has both)."""
    family, _, _, _, index = _ADDRESS.unpack_from(body)
    values = dict(_attributes(body[_ADDRESS.size :]))
    packed = values.get(_IFA_LOCAL) or values.get(_IFA_ADDRESS) or b""
    known = {socket.AF_INET: 4, socket.AF_INET6: 16}.get(family)
    return index, socket.inet_ntop(family, packed) if known == len(packed) else ""
