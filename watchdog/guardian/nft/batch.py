"""Messages of nf_tables, and batches of them: one transaction, all of it or nothing.

Rule: in a batch every message is numbered by its place, and only the last asks for an
acknowledgement; the kernel reports every message that failed, so one clean acknowledgement means
that all of it was done.  linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h.
"""

import struct
from collections.abc import Sequence
from typing import Final, NamedTuple

from watchdog.guardian import netlink

SUBSYSTEM: Final = 10
BATCH_BEGIN: Final = 0x10
BATCH_END: Final = 0x11
NEWTABLE: Final = 0
GETTABLE: Final = 1
DELTABLE: Final = 2
NEWCHAIN: Final = 3
GETCHAIN: Final = 4
NEWRULE: Final = 6
GETRULE: Final = 7
NEWSET: Final = 9
GETSET: Final = 10
NEWSETELEM: Final = 12
GETSETELEM: Final = 13
DELSETELEM: Final = 14
NEWGEN: Final = 15
GETGEN: Final = 16
NLM_F_CREATE: Final = netlink.NLM_F_CREATE
NLM_F_EXCL: Final = netlink.NLM_F_EXCL
NLM_F_APPEND: Final = 0x800
UNSPEC: Final = 0
INET: Final = 1
ARP: Final = 3
NETDEV: Final = 5
FAMILIES: Final = {INET: "inet", ARP: "arp", NETDEV: "netdev"}
HEADER_SIZE: Final = 16

_GENERIC: Final = struct.Struct(">BBH")
_MESSAGES_MAX: Final = 4096


class Request(NamedTuple):
    """One message: what to do (`NEWTABLE`...), flags, family of the table, and its attributes."""

    kind: int
    flags: int
    family: int
    attributes: bytes

    def pack(self, seq: int, more_flags: int = 0) -> bytes:
        """Bytes of the message."""
        kind = SUBSYSTEM << 8 | self.kind
        body = _GENERIC.pack(self.family, 0, 0) + self.attributes
        return netlink.request(kind, self.flags | more_flags, seq, body)


class Answer(NamedTuple):
    """One message of the kernel's: kind, family, and its attributes."""

    kind: int
    family: int
    attributes: bytes


def batch(requests: Sequence[Request]) -> bytes:
    """Bytes of one transaction; message n of it has the number n, from 1."""
    assert 0 < len(requests) < _MESSAGES_MAX, "an empty or endless transaction"
    last = len(requests)
    edge = _GENERIC.pack(0, 0, SUBSYSTEM)
    messages = [
        request.pack(seq, netlink.NLM_F_ACK if seq == last else 0)
        for seq, request in enumerate(requests, 1)
    ]
    begin = netlink.request(BATCH_BEGIN, 0, 0, edge)
    return begin + b"".join(messages) + netlink.request(BATCH_END, 0, last + 1, edge)


def offsets(data: bytes) -> list[int]:
    """Where each message of a batch begins, its edges included."""
    found = []
    at = 0
    while at < len(data):
        found.append(at)
        (size,) = struct.unpack_from("=I", data, at)
        at += (size + 3) & ~3
    return found


def outcome(data: bytes) -> list[tuple[int, int]]:
    """(number of the message, errno) of what one recv returned after a batch; errno 0: done.

    Raises ValueError for what is no outcome.
    """
    found = []
    for message in _split(data):
        if message.kind != netlink.NLMSG_ERROR or len(message.body) < 4:
            raise ValueError(f"nf_tables: message {message.kind:#x} instead of an outcome")
        found.append((message.seq, netlink.error_of(message.body)))
    return found


def answers(data: bytes, seq: int) -> tuple[list[Answer], bool]:
    """The answers to a question in what one recv returned, and whether no more will come.

    Raises OSError with the kernel's errno, and ValueError for what is no answer.
    """
    found: list[Answer] = []
    for message in _split(data):
        if message.seq != seq:
            raise ValueError(f"nf_tables: an answer to {message.seq}, asked was {seq}")
        if message.kind == netlink.NLMSG_DONE:
            return found, True
        if message.kind == netlink.NLMSG_ERROR and len(message.body) >= 4:
            code = netlink.error_of(message.body)
            if code:
                raise OSError(code, "nf_tables: refused")
            return found, True
        found.append(_answer(message))
    return found, False


def was_torn(data: bytes) -> bool:
    """Whether somebody changed the rules while they were listed."""
    return any(message.flags & netlink.NLM_F_DUMP_INTR for message in _split(data))


def _answer(message: netlink.Message) -> Answer:
    if message.kind >> 8 != SUBSYSTEM or len(message.body) < _GENERIC.size:
        raise ValueError(f"nf_tables: message {message.kind:#x} of {len(message.body)} bytes")
    family = message.body[0]
    return Answer(message.kind & 0xFF, family, message.body[_GENERIC.size :])


def _split(data: bytes) -> list[netlink.Message]:
    try:
        found = list(netlink.messages(data))
    except OSError as error:
        raise ValueError(error.strerror) from None
    if not found:
        raise ValueError(f"nf_tables: {len(data)} bytes that are no message")
    return found
