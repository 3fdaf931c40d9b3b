"""The little of PostgreSQL's protocol (version 3) that one question on a fresh connection takes.

Pure.  With trust authentication nothing has to be waited for: the start-up packet and the question
are sent together, and the answer is the first DataRow.  Frontend/Backend Protocol, chapter 55.7.
"""

import struct
from collections.abc import Iterator
from typing import Final

_HEAD: Final = struct.Struct("!ci")
_LENGTH: Final = struct.Struct("!i")
_COLUMNS: Final = struct.Struct("!h")
_VERSION: Final = 3 << 16
ROW: Final = b"D"
GOODBYE: Final = _HEAD.pack(b"X", _LENGTH.size)
"""Terminate."""


def start_up(user: str, database: str) -> bytes:
    """The packet that opens a session; the only one without a type."""
    words = b"\0".join(w.encode() for w in ("user", user, "database", database)) + b"\0\0"
    return struct.pack("!ii", 2 * _LENGTH.size + len(words), _VERSION) + words


def question(sql: str) -> bytes:
    """A simple query."""
    text = sql.encode() + b"\0"
    return _HEAD.pack(b"Q", _LENGTH.size + len(text)) + text


def packets(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and body of each whole packet; ValueError when it is not this protocol."""
    at = 0
    while at + _HEAD.size <= len(data):
        kind, length = _HEAD.unpack_from(data, at)
        if length < _LENGTH.size:
            raise ValueError(f"a packet of {length} bytes")
        end = at + 1 + length
        if end > len(data):
            return
        yield kind, data[at + _HEAD.size : end]
        at = end


def last_column(data: bytes) -> str | None:
    """The last column of the first row, or None while there is no row."""
    row = next((body for kind, body in packets(data) if kind == ROW), None)
    if row is None:
        return None
    (columns,) = _COLUMNS.unpack_from(row)
    at, value = _COLUMNS.size, b""
    for _ in range(columns):
        (length,) = _LENGTH.unpack_from(row, at)
        at += _LENGTH.size
        value = row[at : at + max(length, 0)]
        at += max(length, 0)
    return value.decode(errors="replace")
