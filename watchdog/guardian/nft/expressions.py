"""Expressions of rules: load something of a packet, compare it, look a value up, give a verdict.

Pure bytes, and no more kinds than the gate's rules have.  linux/netfilter/nf_tables.h.
"""

import struct
from typing import Final

from watchdog.guardian.nft.attributes import nest, raw, text, u32

ELEMENT: Final = 1
"""NFTA_LIST_ELEM: one of a list."""
DROP: Final = 0
REGISTER: Final = 1
VERDICT: Final = 0
LINK: Final = 0
NETWORK: Final = 1
TRANSPORT: Final = 2
META_PROTOCOL: Final = 1
META_NFPROTO: Final = 15
META_L4PROTO: Final = 16
LOCAL: Final = 2
"""RTN_LOCAL: an address of this machine."""
ZERO: Final = b"\0" * 4
"""The key that `unless_in` looks for."""

_META_MARK: Final = 3
_FIB_DESTINATION: Final = 2
_FIB_TYPE: Final = 3
_INVERTED: Final = 1


def value(data: bytes) -> bytes:
    """Data as an element of something (NFTA_DATA_VALUE)."""
    return raw(1, data)


def meta(key: int, expected: bytes) -> bytes:
    """Go on only if this of the packet's surroundings is so."""
    return _expression("meta", u32(2, key), u32(1, REGISTER)) + _equal(expected)


def payload(base: int, offset: int, expected: bytes) -> bytes:
    """Go on only if these bytes of the packet are so."""
    load = (u32(1, REGISTER), u32(2, base), u32(3, offset), u32(4, len(expected)))
    return _expression("payload", *load) + _equal(expected)


def is_to_this_machine() -> bytes:
    """Go on only if the destination is an address of this machine, whatever its interface."""
    load = (u32(3, _FIB_DESTINATION), u32(2, _FIB_TYPE), u32(1, REGISTER))
    return _expression("fib", *load) + _equal(struct.pack("=I", LOCAL))


def unless_in(name: str) -> bytes:
    """Go on only if the set does not have ZERO now.

    The packet's mark and no bit of it: a constant that `nft` can list, and load what it listed.
    """
    mark = _expression("meta", u32(2, _META_MARK), u32(1, REGISTER))
    no_bit = (u32(1, REGISTER), u32(2, REGISTER), u32(6, 0), u32(3, len(ZERO)))
    bits = _expression("bitwise", *no_bit, nest(4, value(ZERO)), nest(5, value(ZERO)))
    look = (u32(2, REGISTER), text(1, name), u32(5, _INVERTED))
    return mark + bits + _expression("lookup", *look)


def drop() -> bytes:
    """Drop the packet."""
    verdict = nest(2, nest(2, u32(1, DROP)))
    return _expression("immediate", u32(1, VERDICT), verdict)


def _equal(expected: bytes) -> bytes:
    return _expression("cmp", u32(1, REGISTER), u32(2, 0), nest(3, value(expected)))


def _expression(name: str, *attributes: bytes) -> bytes:
    return nest(ELEMENT, text(1, name), nest(2, *attributes))
