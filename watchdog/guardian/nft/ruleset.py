"""The gate's tables: which chains at which hooks, and which packets they drop without a lease.

Rule: dropped is what would reach a VIP *here* and what would leave as from a VIP; never what
goes to a VIP elsewhere, nor what comes from there, so a standby stays a client like any other
(docs/gate.md).  A table is always made anew and closed, in one transaction with its removal.
"""

import socket
import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

from watchdog.guardian.nft import expressions as on
from watchdog.guardian.nft.attributes import nest, raw, s32, text, u32
from watchdog.guardian.nft.batch import (
    ARP,
    DELTABLE,
    INET,
    NETDEV,
    NEWCHAIN,
    NEWRULE,
    NEWSET,
    NEWTABLE,
    NLM_F_APPEND,
    NLM_F_CREATE,
    Request,
)
from watchdog.guardian.plan import Vip

LEASE: Final = "lease"
TICKETS: Final = "tickets"
TICKET: Final = struct.Struct("=II")
PRIORITY: Final = -300
"""Before connection tracking, so before any translation of addresses."""

_COMMENT: Final = "quorumdog: a VIP's traffic passes only while there is a lease; see docs/gate.md"
_TYPE_MARK: Final = 19
_TWO_MARKS: Final = _TYPE_MARK << 6 | _TYPE_MARK
_HAS_TIMEOUT: Final = 0x10
_POLICY_ACCEPT: Final = 1
_PREROUTING: Final = 0
_LOCAL_OUT: Final = 3
_ARP_OUT: Final = 1
_INGRESS: Final = 0
_EGRESS: Final = 1
_ETH_ARP: Final = struct.pack(">H", 0x0806)
_ETH: Final = {4: struct.pack(">H", 0x0800), 6: struct.pack(">H", 0x86DD)}
_NFPROTO: Final = {4: b"\x02", 6: b"\x0a"}
_SOURCE: Final = {4: 12, 6: 8}
_DESTINATION: Final = {4: 16, 6: 24}
_ARP_SENDER: Final = 14
_ICMPV6: Final = b"\x3a"
_ADVERTISEMENT: Final = b"\x88"
_ND_TARGET: Final = 8


_CHAINS: Final = {
    INET: {"prerouting": _PREROUTING, "output": _LOCAL_OUT},
    ARP: {"output": _ARP_OUT},
    NETDEV: {"ingress": _INGRESS, "egress": _EGRESS},
}


class Setup(NamedTuple):
    """What the tables are made from; interfaces that do not exist have no chain yet."""

    table: str
    vips: tuple[Vip, ...]
    interfaces: tuple[str, ...]

    @property
    def families(self) -> tuple[int, ...]:
        """The families that a table is needed in; the first has the tickets."""
        has_v4 = any(vip.family == 4 for vip in self.vips)
        return (INET, ARP, NETDEV) if has_v4 else (INET, NETDEV)


def chains(family: int) -> tuple[str, ...]:
    """Names of the chains in a family's table."""
    return tuple(_CHAINS[family])


def table_name(tag: str) -> str:
    """Name of the tables of one data directory."""
    return f"quorumdog_{tag}"


def removal(table: str, families: Iterable[int]) -> list[Request]:
    """Remove tables that exist."""
    return [Request(DELTABLE, 0, family, text(1, table)) for family in families]


def creation(setup: Setup) -> list[Request]:
    """Make all tables anew, closed; what there was of that name goes in the same transaction."""
    requests = []
    for family in setup.families:
        table = _table(setup.table, family)
        requests += [table, *removal(setup.table, [family]), table, _set(setup, family, LEASE)]
    requests.append(_set(setup, INET, TICKETS))
    return requests + _inet(setup) + _arp(setup) + _netdev(setup)


def _table(table: str, family: int) -> Request:
    words = _COMMENT.encode("ascii") + b"\0"
    comment = raw(6, bytes((0, len(words))) + words)
    return Request(NEWTABLE, NLM_F_CREATE, family, text(1, table) + u32(2, 0) + comment)


def _set(setup: Setup, family: int, name: str) -> Request:
    key_type, key_size = (_TYPE_MARK, 4) if name == LEASE else (_TWO_MARKS, TICKET.size)
    number = 1 if name == LEASE else 2
    attributes = (
        text(1, setup.table),
        text(2, name),
        u32(3, _HAS_TIMEOUT),
        u32(4, key_type),
        u32(5, key_size),
        u32(10, number),
    )
    return Request(NEWSET, NLM_F_CREATE, family, b"".join(attributes))


def _inet(setup: Setup) -> list[Request]:
    requests = _chains(setup, INET)
    for vip in setup.vips:
        is_family = on.meta(on.META_NFPROTO, _NFPROTO[vip.family])
        to_vip = is_family + _address(vip, _DESTINATION) + on.is_to_this_machine()
        requests.append(_rule(setup, INET, "prerouting", to_vip))
        requests.append(_rule(setup, INET, "output", is_family + _address(vip, _SOURCE)))
        if vip.family == 6:
            requests.append(_rule(setup, INET, "output", is_family + _advertises(vip)))
    return requests


def _arp(setup: Setup) -> list[Request]:
    if ARP not in setup.families:
        return []
    claims = [
        _rule(setup, ARP, "output", on.payload(on.NETWORK, _ARP_SENDER, _packed(vip)))
        for vip in setup.vips
        if vip.family == 4
    ]
    return _chains(setup, ARP) + claims


def _netdev(setup: Setup) -> list[Request]:
    if not setup.interfaces:
        return []
    requests = _chains(setup, NETDEV)
    for vip in setup.vips:
        is_family = on.meta(on.META_PROTOCOL, _ETH[vip.family])
        to_vip = is_family + _address(vip, _DESTINATION)
        requests.append(_rule(setup, NETDEV, "ingress", to_vip))
        requests.append(_rule(setup, NETDEV, "egress", is_family + _address(vip, _SOURCE)))
        if vip.family == 6:
            claim = is_family + _advertises(vip)
        else:
            claim = on.meta(on.META_PROTOCOL, _ETH_ARP)
            claim += on.payload(on.NETWORK, _ARP_SENDER, _packed(vip))
        requests.append(_rule(setup, NETDEV, "egress", claim))
    return requests


def _chains(setup: Setup, family: int) -> list[Request]:
    return [_chain(setup, family, name, hook) for name, hook in _CHAINS[family].items()]


def _chain(setup: Setup, family: int, name: str, hook: int) -> Request:
    where = u32(1, hook) + s32(2, PRIORITY)
    if family == NETDEV:
        where += nest(4, *(text(1, interface) for interface in setup.interfaces))
    attributes = (
        text(1, setup.table),
        text(3, name),
        text(7, "filter"),
        u32(5, _POLICY_ACCEPT),
        nest(4, where),
    )
    return Request(NEWCHAIN, NLM_F_CREATE, family, b"".join(attributes))


def _rule(setup: Setup, family: int, chain: str, match: bytes) -> Request:
    steps = match + on.unless_in(LEASE) + on.drop()
    attributes = text(1, setup.table) + text(2, chain) + nest(4, steps)
    return Request(NEWRULE, NLM_F_CREATE | NLM_F_APPEND, family, attributes)


def _address(vip: Vip, offset: dict[int, int]) -> bytes:
    return on.payload(on.NETWORK, offset[vip.family], _packed(vip))


def _advertises(vip: Vip) -> bytes:
    return (
        on.meta(on.META_L4PROTO, _ICMPV6)
        + on.payload(on.TRANSPORT, 0, _ADVERTISEMENT)
        + on.payload(on.TRANSPORT, _ND_TARGET, _packed(vip))
    )


def _packed(vip: Vip) -> bytes:
    family = socket.AF_INET if vip.family == 4 else socket.AF_INET6
    return socket.inet_pton(family, vip.address)
