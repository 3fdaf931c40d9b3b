"""Frames: a length and so many bytes. What TCP cuts anywhere comes out whole, or not at all.

Rule: the length is judged before a byte of its frame is kept, so that a peer can make this node
hold one frame and never more.  docs/protocol.md, "Frame".
"""

from typing import Final

from watchdog.wire.errors import ProtocolError

LENGTH_SIZE: Final = 4
"""Bytes of the length in front of every frame: unsigned, big-endian."""
FRAME_SIZE_MAX: Final = 65536
"""The longest payload; the longest message that the codec can make is a third of it."""


def pack(payload: bytes) -> bytes:
    """Put the length in front of `payload` (1..FRAME_SIZE_MAX bytes; anything else is a bug)."""
    assert 0 < len(payload) <= FRAME_SIZE_MAX, f"a frame of {len(payload)} bytes"
    return len(payload).to_bytes(LENGTH_SIZE, "big") + payload


class Splitter:
    """Cuts one direction of one connection into payloads."""

    __slots__ = ("_failed", "_kept", "_peer")

    def __init__(self, peer: str) -> None:
        """`peer` gets the blame."""
        self._peer = peer
        self._kept = bytearray()
        self._failed = ""

    @property
    def pending(self) -> int:
        """Bytes of an unfinished frame: a peer that leaves one for long is to be dropped."""
        return len(self._kept)

    def feed(self, data: bytes) -> list[bytes]:
        """Payloads that `data` completes, in order.

        Raises ProtocolError on an impossible length, and on every later call: after it nobody
        knows where the next frame begins.  Payloads of the same call are lost with the connection.
        """
        if self._failed:
            raise ProtocolError(self._peer, self._failed)
        kept = self._kept
        kept += data
        payloads, start = [], 0
        while (body := start + LENGTH_SIZE) <= len(kept):
            size = int.from_bytes(kept[start:body], "big")
            if not 0 < size <= FRAME_SIZE_MAX:
                self._fail(size)
            if body + size > len(kept):
                break
            payloads.append(bytes(kept[body : body + size]))
            start = body + size
        del kept[:start]
        return payloads

    def _fail(self, size: int) -> None:
        self._kept.clear()
        self._failed = f"frame of {size} bytes; allowed are 1 to {FRAME_SIZE_MAX}"
        raise ProtocolError(self._peer, self._failed)
