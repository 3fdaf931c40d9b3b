"""Attributes of nfnetlink: numbers in network order, texts that end with NUL, nests.

Rule: what the kernel answers is read strictly; a length that does not fit is a ValueError and
never a shorter list.  linux/netlink.h, linux/netfilter/nfnetlink.h.
"""

import struct
from collections.abc import Iterable
from typing import Final

from watchdog.guardian import netlink

NLA_F_NESTED: Final = 0x8000
NLA_TYPE_MASK: Final = 0x3FFF

_HEADER: Final = struct.Struct("=HH")


def raw(kind: int, value: bytes) -> bytes:
    """One attribute, padded to four bytes."""
    return netlink.attribute(kind, value)


def u32(kind: int, value: int) -> bytes:
    """A number of 32 bits."""
    return raw(kind, struct.pack(">I", value))


def s32(kind: int, value: int) -> bytes:
    """A number of 32 bits that may be negative."""
    return raw(kind, struct.pack(">i", value))


def u64(kind: int, value: int) -> bytes:
    """A number of 64 bits."""
    return raw(kind, struct.pack(">Q", value))


def text(kind: int, value: str) -> bytes:
    """A name."""
    return raw(kind, value.encode("ascii") + b"\0")


def nest(kind: int, *inner: bytes) -> bytes:
    """Attributes inside an attribute."""
    return raw(kind | NLA_F_NESTED, b"".join(inner))


def parse(data: bytes) -> list[tuple[int, bytes]]:
    """Kind and value of each attribute. Raises ValueError."""
    found = []
    at = 0
    while at < len(data):
        if at + _HEADER.size > len(data):
            raise ValueError(f"{len(data) - at} bytes where an attribute should begin")
        size, kind = _HEADER.unpack_from(data, at)
        if size < _HEADER.size or at + size > len(data):
            raise ValueError(f"an attribute of {size} bytes where {len(data) - at} are left")
        found.append((kind & NLA_TYPE_MASK, data[at + _HEADER.size : at + size]))
        at += (size + 3) & ~3
    return found


def only(found: Iterable[tuple[int, bytes]], kind: int) -> bytes:
    """The value of the one attribute of this kind. Raises ValueError."""
    values = [value for at, value in found if at == kind]
    if len(values) != 1:
        raise ValueError(f"{len(values)} attributes of kind {kind}, not one")
    return values[0]


def number(value: bytes) -> int:
    """A number of 32 or 64 bits. Raises ValueError."""
    if len(value) not in {4, 8}:
        raise ValueError(f"a number of {len(value)} bytes")
    return int.from_bytes(value, "big")


def name(value: bytes) -> str:
    """A text that ends with NUL. Raises ValueError."""
    if value[-1:] != b"\0":
        raise ValueError("a text without an end")
    return value[:-1].decode("ascii")
