"""The transactions of a lease, as bytes that were assembled once and get their numbers only.

Rule: the ticket is deleted *after* the lease was put: kernels that look at the clock message by
message then judge the ticket later than they date the lease, never earlier.  A lease is added,
deleted, added: an `add` of a living element may keep its old timeout, and only `delete` may fail.
"""

import struct
from collections.abc import Sequence
from typing import Final

from watchdog.guardian.nft.attributes import nest, text, u64
from watchdog.guardian.nft.batch import (
    DELSETELEM,
    GETSETELEM,
    INET,
    NEWSETELEM,
    NLM_F_CREATE,
    NLM_F_EXCL,
    Request,
    batch,
)
from watchdog.guardian.nft.expressions import ELEMENT, ZERO, value
from watchdog.guardian.nft.ruleset import LEASE, TICKET, TICKETS

TIMEOUT_MIN_MS: Final = 10
"""Less may be no tick at all, and a timeout of nothing is an element that stays for ever."""
TIMEOUT_MAX_MS: Final = 600_000
NO_MAX: Final = 1 << 64

_MARK: Final = bytes.fromhex("a5c3d2e1f0968778")
"""Stands for a number while a template is assembled; found again to learn the place."""
_MARK_TIME: Final = int.from_bytes(bytes.fromhex("5ac33c2d1e0f6987"), "big")
_WORDS: Final = 0xFFFFFFFF


class Template:
    """Bytes of a batch in which a ticket and a timeout are put at their places."""

    def __init__(self, requests: Sequence[Request]) -> None:
        self.size = len(requests)
        self.data = bytearray(batch(requests))
        self._tickets = _places(self.data, _MARK)
        self._timeouts = _places(self.data, _MARK_TIME.to_bytes(8, "big"))

    def fill(self, no: int, round_no: int, timeout_ms: int) -> bytearray:
        """The batch of this round; valid until the next call."""
        assert TIMEOUT_MIN_MS <= timeout_ms <= TIMEOUT_MAX_MS, f"a timeout of {timeout_ms} ms"
        key = ticket_key(no, round_no)
        for at in self._tickets:
            self.data[at : at + len(key)] = key
        for at in self._timeouts:
            struct.pack_into(">Q", self.data, at, timeout_ms)
        return self.data


def ticket_key(no: int, round_no: int) -> bytes:
    """Key of the ticket of a round: the low halves of both numbers, which only ever grow."""
    return TICKET.pack(no & _WORDS, round_no & _WORDS)


def opening(table: str) -> list[Request]:
    """Put the ticket of a round that has none."""
    ticket = element(_MARK, _MARK_TIME)
    flags = NLM_F_CREATE | NLM_F_EXCL
    return [Request(NEWSETELEM, flags, INET, elements(table, TICKETS, ticket))]


def reopening(table: str) -> list[Request]:
    """Put the ticket of a round, in place of one that a predecessor of that number left."""
    old = Request(DELSETELEM, 0, INET, elements(table, TICKETS, element(_MARK)))
    return [old, *opening(table)]


def arming(table: str, families: Sequence[int]) -> list[Request]:
    """Put the lease into all tables by spending a ticket, the last message."""
    requests = []
    for family in families:
        lease = elements(table, LEASE, element(ZERO, _MARK_TIME))
        put = Request(NEWSETELEM, NLM_F_CREATE, family, lease)
        old = Request(DELSETELEM, 0, family, elements(table, LEASE, element(ZERO)))
        requests += [put, old, put]
    return [*requests, Request(DELSETELEM, 0, INET, elements(table, TICKETS, element(_MARK)))]


def closing(table: str, families: Sequence[int]) -> list[Request]:
    """Take the lease and all tickets away; none of them need be there."""
    requests = [Request(DELSETELEM, 0, family, elements(table, LEASE)) for family in families]
    return [*requests, Request(DELSETELEM, 0, INET, elements(table, TICKETS))]


def question(table: str, family: int) -> Request:
    """Ask for the lease as the kernel has it."""
    return Request(GETSETELEM, 0, family, elements(table, LEASE, element(ZERO)))


def elements(table: str, name: str, *found: bytes) -> bytes:
    """Attributes of elements of a set; without any, all of them are meant."""
    return text(1, table) + text(2, name) + (nest(3, *found) if found else b"")


def element(key: bytes, timeout_ms: int = 0) -> bytes:
    """One element of a set."""
    timeout = u64(4, timeout_ms) if timeout_ms else b""
    return nest(ELEMENT, timeout, nest(1, value(key)))


def _places(data: bytearray, mark: bytes) -> list[int]:
    found = []
    at = data.find(mark)
    while at >= 0:
        found.append(at)
        at = data.find(mark, at + len(mark))
    return found
