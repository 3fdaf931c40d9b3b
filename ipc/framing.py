"""Frames of the control socket: type byte, signed 32-bit length, JSON object. Pure.

The format is pgpool's, so that its own clients can talk to us.  Nothing a client sends may cost
more than its size limit: the length is refused before a byte of the body is kept.
Replies with a body end in one NUL, which the length counts; requests may have one or not.
"""

import json
import math
import struct
from typing import Final, NamedTuple

HEADER: Final = struct.Struct("!ci")
REQUEST_SIZE_MAX: Final = 64 * 1024
"""Most bytes in the body of a request."""
REPLY_SIZE_MAX: Final = 1024 * 1024
"""Most bytes in the body of a reply: a client's guard against a broken server."""
KEYS_MAX: Final = 64
DEPTH_MAX: Final = 32
"""Most objects and lists inside each other: what was read must also be written again."""


class FramingError(ValueError):
    """The other side sent what cannot be a frame, or a body that is no JSON object."""


class Frame(NamedTuple):
    """One request or reply: its type (one character) and the bytes of its body."""

    kind: str
    data: bytes


class FrameReader:
    """Cuts a stream that arrives in any pieces into frames; no body is longer than `size_max`."""

    def __init__(self, size_max: int = REQUEST_SIZE_MAX) -> None:
        """Start with nothing read."""
        self._size_max = size_max
        self._buffer = bytearray()

    @property
    def has_begun(self) -> bool:
        """Whether bytes of a frame are here that is not complete."""
        return bool(self._buffer)

    def feed(self, data: bytes = b"") -> Frame | None:
        """Take `data`; the first frame that is complete. Call again without data for the next.

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
        body = bytes(self._buffer[HEADER.size : end])
        del self._buffer[:end]
        return Frame(kind.decode("latin-1"), body)


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
        body = json.loads(
            data.removesuffix(b"\0").decode("utf-8"),
            strict=False,  # old clients do not escape control characters inside strings
            object_pairs_hook=_first_wins,
            parse_constant=_finite,
            parse_float=_finite,
        )
        if b"\\ud" in data.lower():
            # Half a surrogate pair is a text that cannot be written anywhere.
            json.dumps(body, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        what = "the body is not JSON"
        raise FramingError(what) from error
    if not isinstance(body, dict) or len(body) > KEYS_MAX:
        what = f"the body is not a JSON object of at most {KEYS_MAX} keys"
        raise FramingError(what)
    if _is_deep(body):
        what = f"the body has more than {DEPTH_MAX} objects and lists inside each other"
        raise FramingError(what)
    return body


def _is_deep(body: object) -> bool:
    """Looks at one layer after the other, so it needs no stack itself."""
    layer: list[object] = [body]
    for _ in range(DEPTH_MAX):
        layer = [
            inner
            for outer in layer
            for inner in (outer.values() if isinstance(outer, dict) else _elements(outer))
            if isinstance(inner, dict | list)
        ]
        if not layer:
            return False
    return True


def _elements(outer: object) -> list[object]:
    return outer if isinstance(outer, list) else []


def _first_wins(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """As pgpool's lookup does with a key that is given twice."""
    found: dict[str, object] = {}
    for key, value in pairs:
        found.setdefault(key, value)
    return found


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        what = f"{text} is not JSON"
        raise ValueError(what)
    return value


def _json(body: dict[str, object]) -> bytes:
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    # A file name with bytes that are no text becomes an escape, which is JSON as well.
    return text.encode(errors="backslashreplace")


def _pack(kind: str, data: bytes, size_max: int) -> bytes:
    if len(data) > size_max:
        what = f"a body of {len(data)} bytes is longer than the {size_max} that are allowed"
        raise FramingError(what)
    return HEADER.pack(kind.encode("latin-1"), len(data)) + data
