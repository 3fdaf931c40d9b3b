"""Keys from the cluster's one secret, and datagrams sealed with them: so far only the will.

A will is the RELEASE of a whole incarnation.  The node seals it once while it lives; its guardian,
which has no cryptography, sends it when the process is gone and everything is off.  A replay is
harmless, as it can only name a dead incarnation; hence a random nonce and no window.
ChaCha20-Poly1305; the header is authenticated and names nobody.  docs/protocol.md, "Wills".
"""

import struct
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from watchdog.core.messages import GONE_NO, INC_SIZE, Release, Tenure
from watchdog.wire.codec import decode, encode
from watchdog.wire.errors import ProtocolError
from watchdog.wire.fields import read_inc, read_name

SALT: Final = b"quorumdog/v1"
KEY_SIZE: Final = 32
AUTHKEY_SIZE_MIN: Final = 32
CLUSTER_ID_SIZE: Final = 32
NONCE_SIZE: Final = 12
TAG_SIZE: Final = 16
WILL_SIZE_MAX: Final = 256
WILL_VERSION: Final = 1
WILL_REASON: Final = "its node process died"

_HEAD: Final = struct.Struct(f">BB{INC_SIZE}s")
"""version, key id, incarnation; the nonce follows."""
UNKNOWN: Final = "unknown sender"
"""Who is blamed for a datagram whose seal does not hold."""


def derive(
    authkey: bytes,
    label: str,
    cluster_id: bytes,
    *,
    key_id: int = 0,
    context: bytes = b"",
    size: int = KEY_SIZE,
) -> bytes:
    """Derive the key for one use: HKDF-SHA256 of `authkey`.

    `label` says for what, cluster and key id say where and which, `context` (of a length fixed
    by the label) narrows it further, e.g. to one incarnation.
    """
    assert len(authkey) >= AUTHKEY_SIZE_MIN
    assert len(cluster_id) == CLUSTER_ID_SIZE
    info = label.encode("ascii") + b"|" + cluster_id + bytes([key_id]) + context
    return HKDF(algorithm=SHA256(), length=size, salt=SALT, info=info).derive(authkey)


def seal_will(
    authkey: bytes, cluster_id: bytes, node: str, inc: bytes, nonce: bytes, key_id: int = 0
) -> bytes:
    """The datagram (at most WILL_SIZE_MAX bytes) that releases all of `node`'s incarnation `inc`.

    `nonce` is NONCE_SIZE random bytes, drawn anew for every call.
    """
    assert len(nonce) == NONCE_SIZE
    header = _HEAD.pack(WILL_VERSION, key_id, read_inc(inc))
    cipher = ChaCha20Poly1305(_will_key(authkey, cluster_id, inc, key_id))
    return header + nonce + cipher.encrypt(nonce, encode(will(read_name(node), inc)), header)


def open_will(authkey: bytes, cluster_id: bytes, datagram: bytes) -> tuple[str, bytes]:
    """Whose will `datagram` is: (node, inc). ProtocolError when it is none, or not sealed by us."""
    if not _HEAD.size + NONCE_SIZE + TAG_SIZE < len(datagram) <= WILL_SIZE_MAX:
        raise ProtocolError(UNKNOWN, f"no will has this shape: {len(datagram)} bytes")
    version, key_id, inc = _HEAD.unpack_from(datagram)
    if version != WILL_VERSION:
        raise ProtocolError(UNKNOWN, f"will of version {version}; known is {WILL_VERSION}")
    header, rest = datagram[: _HEAD.size], datagram[_HEAD.size :]
    cipher = ChaCha20Poly1305(_will_key(authkey, cluster_id, inc, key_id))
    try:
        payload = cipher.decrypt(rest[:NONCE_SIZE], rest[NONCE_SIZE:], header)
    except InvalidTag:
        raise ProtocolError(UNKNOWN, "will sealed with another key, or damaged") from None
    release = decode(payload, UNKNOWN)
    if not isinstance(release, Release) or release != will(release.tenure.node, inc):
        raise ProtocolError(UNKNOWN, "a sealed datagram that is no will of its incarnation")
    return release.tenure.node, inc


def will(node: str, inc: bytes) -> Release:
    """What a will says: the whole incarnation has ended, and all that it held is off."""
    gone = Tenure(node, inc, GONE_NO)
    return Release(gone, term=0, successor=None, gone=True, was_on=True, reason=WILL_REASON)


def _will_key(authkey: bytes, cluster_id: bytes, inc: bytes, key_id: int) -> bytes:
    return derive(authkey, "will", cluster_id, key_id=key_id, context=inc)
