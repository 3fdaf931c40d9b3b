"""Rounds as datagrams: messages sealed for one incarnation of one peer, and by one of ours.

Both incarnations were told over TLS; they make a key for each direction, so the number of a
datagram, which only rises, is its nonce, and nothing sealed for or by a process that has ended
opens any more.  The header names nobody: a tag, which both sides derive, finds the key, and
whoever does not know it is turned away before any cryptography.
Whether a number is new is for `wire.window`.  docs/protocol.md, "Rounds by UDP".
"""

import struct
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from watchdog.core.messages import INC_SIZE
from watchdog.wire.errors import ProtocolError
from watchdog.wire.seal import KEY_SIZE, TAG_SIZE, UNKNOWN, derive

VERSION: Final = 0x81
"""The first byte; those of wills are below 0x80."""
KEY_ID: Final = 0
SESSION_TAG_SIZE: Final = 8
NUMBER_MAX: Final = 2**64 - 1

_HEAD: Final = struct.Struct(f">BB{SESSION_TAG_SIZE}sQ")
"""version, key id, tag of the session, number; all of it is authenticated."""
_ACKNOWLEDGED: Final = struct.Struct(">Q")
_NONCE: Final = struct.Struct(">4xQ")

OVERHEAD: Final = _HEAD.size + _ACKNOWLEDGED.size + TAG_SIZE
SIZE_MAX: Final = 1200
"""What passes every network in one piece (RFC 9000, 14)."""
PAYLOAD_SIZE_MAX: Final = SIZE_MAX - OVERHEAD


class Head(NamedTuple):
    """What is readable without the key, and not to be believed before the seal was opened."""

    tag: bytes
    number: int


class Opened(NamedTuple):
    """What a datagram says: the newest number that its sender has received, and a message."""

    acknowledged: int
    payload: bytes


class Session:
    """Seals what one process of ours says to one process of a peer, and opens its answers."""

    def __init__(
        self, authkey: bytes, cluster_id: bytes, ours: bytes, theirs: bytes, key_id: int = KEY_ID
    ) -> None:
        """`ours` and `theirs` are incarnations."""
        assert len(ours) == len(theirs) == INC_SIZE
        out = _material(authkey, cluster_id, ours + theirs, key_id)
        into = _material(authkey, cluster_id, theirs + ours, key_id)
        self.tag = into[KEY_SIZE:]
        """What the datagrams of the peer carry."""
        self._key_id = key_id
        self._said_tag = out[KEY_SIZE:]
        self._sealing = ChaCha20Poly1305(out[:KEY_SIZE])
        self._opening = ChaCha20Poly1305(into[:KEY_SIZE])

    def seal(self, number: int, acknowledged: int, payload: bytes) -> bytes:
        """The datagram; no number is used twice, and `payload` has PAYLOAD_SIZE_MAX at most."""
        assert 0 < number <= NUMBER_MAX
        assert len(payload) <= PAYLOAD_SIZE_MAX
        head = _HEAD.pack(VERSION, self._key_id, self._said_tag, number)
        plain = _ACKNOWLEDGED.pack(acknowledged) + payload
        return head + self._sealing.encrypt(_NONCE.pack(number), plain, head)

    def open(self, datagram: bytes, number: int) -> Opened:
        """What the datagram numbered `number` says; ProtocolError when it is not of this peer."""
        head, sealed = datagram[: _HEAD.size], datagram[_HEAD.size :]
        try:
            plain = self._opening.decrypt(_NONCE.pack(number), sealed, head)
        except InvalidTag:
            raise ProtocolError(UNKNOWN, "round sealed with another key, or damaged") from None
        (acknowledged,) = _ACKNOWLEDGED.unpack_from(plain)
        return Opened(acknowledged, plain[_ACKNOWLEDGED.size :])


def is_round(datagram: bytes) -> bool:
    """Whether it claims to be a round and no will."""
    return datagram[:1] == b"\x81"


def read_head(datagram: bytes) -> Head:
    """The session and the number that a datagram claims; ProtocolError when it is no round."""
    if not OVERHEAD < len(datagram) <= SIZE_MAX:
        raise ProtocolError(UNKNOWN, f"no round has this shape: {len(datagram)} bytes")
    version, key_id, tag, number = _HEAD.unpack_from(datagram)
    if (version, key_id) != (VERSION, KEY_ID):
        what = f"round of version {version} with key {key_id}; known is {VERSION} with {KEY_ID}"
        raise ProtocolError(UNKNOWN, what)
    return Head(tag, number)


def _material(authkey: bytes, cluster_id: bytes, context: bytes, key_id: int) -> bytes:
    """Key and tag of one direction."""
    size = KEY_SIZE + SESSION_TAG_SIZE
    return derive(authkey, "udp", cluster_id, key_id=key_id, context=context, size=size)
