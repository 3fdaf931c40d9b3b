"""Frames of the control socket: type byte, signed 32-bit length, JSON object. Pure.

The format is pgpool's, so that its own clients can talk to us.  Nothing a client sends may cost
more than its size limit: the length is refused before a byte of the body is kept.
Replies with a body end in one NUL, which the length counts; requests may have one or not.
"""

import json
import struct
from typing import Final, NamedTuple

HEADER: Final = struct.Struct("!ci")
REQUEST_SIZE_MAX: Final = 64 * 1024
"""Most bytes in the body of a request."""
REPLY_SIZE_MAX: Final = 1024 * 1024
"""Most bytes in the body of a reply: a client's guard against a broken server."""
KEYS_MAX: Final = 64


class FramingError(ValueError):
    """The other side sent what cannot be a frame, or a body that is no JSON object."""


class Frame(NamedTuple):
    """One request or reply: its type (one character) and the bytes of its body."""

    kind: str
    data: bytes


class FrameReader:
    """Collects one frame from a stream cut anywhere; refuses a body longer than `size_max`."""

    def __init__(self, size_max: int = REQUEST_SIZE_MAX) -> None:
        """Start with nothing read."""
        self._size_max = size_max
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Frame | None:
        """Take `data`; the frame once it is complete (what follows it is ignored).

        Raises FramingError as soon as the declared length cannot be.
        """
        self._buffer += data
        if len(self._buffer) < HEADER.size:
            return None
        kind, length = HEADER.unpack_from(self._buffer)
        if not 0 <= length <= self._size_max:
            what = f"a body of {length} bytes was declared, 0 to {self._size_max} are allowed"
            raise FramingError(what)
        end = HEADER.size + length
        if len(self._buffer) < end:
            return None
        return Frame(kind.decode("latin-1"), bytes(self._buffer[HEADER.size : end]))


def pack_request(kind: str, body: dict[str, object]) -> bytes:
    """The bytes of a request of type `kind`. Raises FramingError when it is too long."""
    return _pack(kind, _json(body), REQUEST_SIZE_MAX)


def pack_reply(kind: str, body: dict[str, object] | None) -> bytes:
    """The bytes of a reply of type `kind`; None is an empty body. Raises FramingError."""
    data = b"" if body is None else _json(body) + b"\0"
    return _pack(kind, data, REPLY_SIZE_MAX)


def parse_body(data: bytes) -> dict[str, object]:
    """The JSON object in `data`. Raises FramingError for anything else."""
    try:
        # strict=False: old clients do not escape control characters inside strings.
        body = json.loads(data.removesuffix(b"\0").decode("utf-8"), strict=False)
    except (ValueError, RecursionError) as error:
        what = "the body is not JSON"
        raise FramingError(what) from error
    if not isinstance(body, dict) or len(body) > KEYS_MAX:
        what = f"the body is not a JSON object of at most {KEYS_MAX} keys"
        raise FramingError(what)
    return body


def _json(body: dict[str, object]) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def _pack(kind: str, data: bytes, size_max: int) -> bytes:
    if len(data) > size_max:
        what = f"a body of {len(data)} bytes is longer than the {size_max} that are allowed"
        raise FramingError(what)
    return HEADER.pack(kind.encode("latin-1"), len(data)) + data
