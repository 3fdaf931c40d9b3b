"""Which addresses this machine has, and which configured node it therefore is.

Rule: asked of the kernel by rtnetlink (RTM_GETADDR, see rtnetlink(7)), not by binding: where
`ip_nonlocal_bind` is set, as services behind a VIP often want it, a bind succeeds everywhere.
"""

import ipaddress
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from watchdog.config.errors import Problem
from watchdog.config.options import did_you_mean
from watchdog.config.schema import Node

_RTM_NEWADDR: Final = 20
_RTM_GETADDR: Final = 22
_NLM_F_REQUEST_DUMP: Final = 0x301
_NLMSG_DONE: Final = 3
_NLMSG_ERROR: Final = 2
_IFA_ADDRESS: Final = 1
_IFA_LOCAL: Final = 2
_HEADER: Final = struct.Struct("=IHHII")
_IFADDRMSG: Final = struct.Struct("=BBBBi")
_ATTRIBUTE: Final = struct.Struct("=HH")
_READS_MAX: Final = 1024
_TIMEOUT_S: Final = 2.0


def machine_addresses() -> frozenset[str]:
    """Every address of every interface of this network namespace; OSError when not told."""
    found: set[str] = set()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.settimeout(_TIMEOUT_S)
        body = _IFADDRMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0)
        size = _HEADER.size + len(body)
        kernel.send(_HEADER.pack(size, _RTM_GETADDR, _NLM_F_REQUEST_DUMP, 1, 0) + body)
        for _ in range(_READS_MAX):
            if _read_dump(kernel.recv(1 << 16), found):
                return frozenset(found)
    raise OSError("the kernel's list of addresses does not end")


def _read_dump(datagram: bytes, found: set[str]) -> bool:
    """Add what one datagram of the dump names; True at the end of the dump."""
    at = 0
    while at + _HEADER.size <= len(datagram):
        size, kind, *_ = _HEADER.unpack_from(datagram, at)
        if kind == _NLMSG_DONE:
            return True
        if kind == _NLMSG_ERROR or size < _HEADER.size:
            raise OSError("the kernel refused to list its addresses")
        if kind == _RTM_NEWADDR:
            found.update(_addresses(datagram[at + _HEADER.size : at + size]))
        at += -(-size // 4) * 4
    return False


def _addresses(message: bytes) -> Iterator[str]:
    at = _IFADDRMSG.size
    while at + _ATTRIBUTE.size <= len(message):
        size, kind = _ATTRIBUTE.unpack_from(message, at)
        if size < _ATTRIBUTE.size:
            return
        value = message[at + _ATTRIBUTE.size : at + size]
        if kind in {_IFA_ADDRESS, _IFA_LOCAL} and len(value) in {4, 16}:
            yield ipaddress.ip_address(value).compressed
        at += -(-size // 4) * 4


def is_local(address: str, machine: Iterable[str]) -> bool:
    """Whether a packet to `address` would stay on this machine; all of 127/8 does."""
    if ipaddress.ip_address(address).is_loopback:
        return any(ipaddress.ip_address(own).is_loopback for own in machine)
    return address in machine


def find_node(
    nodes: Mapping[str, Node], wanted: str | None, machine: frozenset[str]
) -> tuple[str | None, Problem | None]:
    """The local node's name, or what is wrong; a name and a warning when both are given."""
    if wanted is not None:
        return _named(nodes, wanted, machine)
    here = [name for name, node in nodes.items() if is_local(node.address, machine)]
    if len(here) == 1:
        return here[0], None
    listed = ", ".join(f"{name} {node.address}" for name, node in nodes.items())
    if here:
        return None, Problem(
            ("nodes",),
            f"several nodes have addresses of this machine: {', '.join(here)}",
            "the local node is found by its address",
            f"say which one this is: --node {here[0]}",
        )
    have = ", ".join(sorted(a for a in machine if not ipaddress.ip_address(a).is_link_local))
    return None, Problem(
        ("nodes",),
        f"no node has an address of this machine ({listed}; this machine has {have})",
        "the local node is found by its address",
        "correct the address, bring the interface up, or say which node this is: --node NAME",
    )


def _named(
    nodes: Mapping[str, Node], wanted: str, machine: frozenset[str]
) -> tuple[str | None, Problem | None]:
    if wanted not in nodes:
        hint = did_you_mean(wanted, nodes) or f"there are: {', '.join(nodes)}"
        return None, Problem(("nodes",), f"there is no node `{wanted}` (--node)", "", hint)
    address = nodes[wanted].address
    if is_local(address, machine):
        return wanted, None
    return wanted, Problem(
        ("nodes", wanted, "address"),
        f"`{wanted}` has the address {address}, which this machine does not have now",
        "the node stays in IN_NW_TROUBLE until the address is there",
    )
