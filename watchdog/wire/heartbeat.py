"""Heartbeats between lifechecks, as bytes: one sealed datagram says who lives and whom it hears.

A *stream* is what one start of one node says to one peer: 16 random bytes (the salt) and a counter
that only rises.  The salt makes a key of its own, so the counter alone is the nonce and never
repeats under one key.  Names are inside the seal; the header names nobody.  What may be believed
of a stream is decided in lifecheck/edge.py.  docs/protocol.md, "Heartbeats".
This file imports neither codec nor core: lifecheck must stay small.
"""

import hmac
import struct
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

VERSION: Final = 1
KEY_ID: Final = 0
KEY_SIZE: Final = 32
SALT_SIZE: Final = 16
TAG_SIZE: Final = 16
NAME_SIZE_MAX: Final = 63
COUNTER_MAX: Final = 2**64 - 1
HELD_MAX_US: Final = 2**32 - 1
WINDOW: Final = 64
"""The loss is told of so many of the last datagrams."""
ECHOES_MAX: Final = 2

_HEAD: Final = struct.Struct(f">BB{SALT_SIZE}sQ")
"""version, key id, salt, counter; all of it is authenticated."""
_BODY: Final = struct.Struct(">BBB")
"""hears (0 or 1), received, of; the names and the echoes follow."""
_ECHO: Final = struct.Struct(f">{SALT_SIZE}sQI")
_NONCE: Final = struct.Struct(">4xQ")
_LABEL: Final = b"quorumdog/v1|heartbeat stream|"

SIZE_MIN: Final = _HEAD.size + _BODY.size + 2 * (1 + 1) + 1 + TAG_SIZE
SIZE_MAX: Final = (
    _HEAD.size + _BODY.size + 2 * (1 + NAME_SIZE_MAX) + 1 + ECHOES_MAX * _ECHO.size + TAG_SIZE
)


class HeartbeatError(Exception):
    """A datagram that is no heartbeat of this cluster; `cause` is one of a few words."""

    def __init__(self, cause: str, what: str) -> None:
        """`what` is for a log line."""
        super().__init__(what)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Header:
    """What is readable without the key, and not to be believed before the seal was opened."""

    salt: bytes
    counter: int


@dataclass(frozen=True, slots=True)
class Echo:
    """The newest number that was received of a stream, and for how long it was held."""

    salt: bytes
    counter: int
    held_us: int


@dataclass(frozen=True, slots=True)
class Beat:
    """What a heartbeat says, `sender` to `receiver`."""

    sender: str
    receiver: str
    hears: bool
    """The sender hears the receiver."""
    received: int
    """So many of the receiver's last `of` numbers have arrived."""
    of: int
    echoes: tuple[Echo, ...] = ()


class Stream:
    """Seals and opens the datagrams of one stream."""

    def __init__(self, key: bytes, cluster_id: bytes, salt: bytes) -> None:
        """`key` is the cluster's heartbeat key."""
        assert len(key) == KEY_SIZE
        assert len(salt) == SALT_SIZE
        # HKDF-SHA256 (RFC 5869): extract, then the only block of expand.
        extracted = hmac.digest(salt, key, "sha256")
        info = _LABEL + cluster_id + bytes([KEY_ID])
        self.salt = salt
        self._cipher = ChaCha20Poly1305(hmac.digest(extracted, info + b"\x01", "sha256"))

    def seal(self, counter: int, beat: Beat) -> bytes:
        """The datagram; no counter is used twice."""
        header = _HEAD.pack(VERSION, KEY_ID, self.salt, counter)
        return header + self._cipher.encrypt(_NONCE.pack(counter), _pack(beat), header)

    def open(self, datagram: bytes) -> Beat:
        """What a datagram of this stream says. Raises HeartbeatError."""
        counter = read_header(datagram).counter
        head, sealed = datagram[: _HEAD.size], datagram[_HEAD.size :]
        try:
            return _unpack(self._cipher.decrypt(_NONCE.pack(counter), sealed, head))
        except InvalidTag:
            raise HeartbeatError("seal", "sealed with another key, or damaged") from None


def read_header(datagram: bytes) -> Header:
    """The stream and the number that a datagram claims. Raises HeartbeatError."""
    if not SIZE_MIN <= len(datagram) <= SIZE_MAX:
        raise HeartbeatError("shape", f"no heartbeat has {len(datagram)} bytes")
    version, key_id, salt, counter = _HEAD.unpack_from(datagram)
    if (version, key_id) != (VERSION, KEY_ID):
        what = f"version {version} with key {key_id}; known is {VERSION} with {KEY_ID}"
        raise HeartbeatError("version", what)
    return Header(salt, counter)


def _pack(beat: Beat) -> bytes:
    names = b"".join(
        bytes([len(name)]) + name
        for name in (beat.sender.encode("ascii"), beat.receiver.encode("ascii"))
    )
    echoes = b"".join(_ECHO.pack(echo.salt, echo.counter, echo.held_us) for echo in beat.echoes)
    figures = _BODY.pack(beat.hears, beat.received, beat.of)
    return figures + names + bytes([len(beat.echoes)]) + echoes


def _unpack(payload: bytes) -> Beat:
    """Whoever has the key may still be a broken version: nothing is taken for granted."""
    try:
        hears, received, of = _BODY.unpack_from(payload)
        sender, place = _name(payload, _BODY.size)
        receiver, place = _name(payload, place)
        count = payload[place]
        echoes = tuple(
            Echo(*_ECHO.unpack_from(payload, place + 1 + index * _ECHO.size))
            for index in range(min(count, ECHOES_MAX))
        )
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise HeartbeatError("content", "a sealed datagram that is cut short") from error
    end = place + 1 + count * _ECHO.size
    if hears > 1 or not received <= of <= WINDOW or count > ECHOES_MAX or end != len(payload):
        raise HeartbeatError("content", "a sealed datagram that is no heartbeat")
    return Beat(sender, receiver, bool(hears), received, of, echoes)


def _name(payload: bytes, place: int) -> tuple[str, int]:
    end = place + 1 + payload[place]
    name = payload[place + 1 : end].decode("ascii")
    if not 0 < len(name) <= NAME_SIZE_MAX or len(name) != payload[place] or not name.isprintable():
        raise HeartbeatError("content", "a sealed datagram with a name that is none")
    return name, end
