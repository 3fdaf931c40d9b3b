"""The bytes of a heartbeat: what is sealed comes back, and anything else is one declared error."""

import random

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from watchdog.wire.heartbeat import (
    COUNTER_MAX,
    HELD_MAX_US,
    SIZE_MAX,
    SIZE_MIN,
    WINDOW,
    Beat,
    Echo,
    HeartbeatError,
    Stream,
    read_header,
)

KEY = bytes(range(32))
CLUSTER = b"c" * 32
SALT = b"s" * 16
BEAT = Beat("alpha", "beta", hears=True, received=60, of=64, echoes=(Echo(b"t" * 16, 7, 1234),))

names = st.from_regex(r"[a-z0-9][a-z0-9_.-]{0,62}", fullmatch=True)
echoes = st.builds(
    Echo,
    st.binary(min_size=16, max_size=16),
    st.integers(0, COUNTER_MAX),
    st.integers(0, HELD_MAX_US),
)
beats = st.integers(0, WINDOW).flatmap(
    lambda of: st.builds(
        Beat,
        names,
        names,
        st.booleans(),
        st.integers(0, of),
        st.just(of),
        st.lists(echoes, max_size=2).map(tuple),
    )
)


def stream(salt: bytes = SALT, key: bytes = KEY, cluster: bytes = CLUSTER) -> Stream:
    """One stream."""
    return Stream(key, cluster, salt)


@given(beats, st.integers(0, COUNTER_MAX))
def test_what_was_sealed_comes_back(beat: Beat, counter: int) -> None:
    """With every bound of every field."""
    datagram = stream().seal(counter, beat)
    assert SIZE_MIN <= len(datagram) <= SIZE_MAX
    header = read_header(datagram)
    assert (header.salt, header.counter) == (SALT, counter)
    assert stream().open(datagram) == beat


def test_the_key_of_a_stream_is_plain_hkdf() -> None:
    """Another implementation needs nothing but RFC 5869 (docs/protocol.md)."""
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

    info = b"quorumdog/v1|heartbeat stream|" + CLUSTER + b"\x00"
    key = HKDF(algorithm=SHA256(), length=32, salt=SALT, info=info).derive(KEY)
    datagram = stream().seal(5, BEAT)
    nonce = bytes(4) + (5).to_bytes(8, "big")
    payload = ChaCha20Poly1305(key).decrypt(nonce, datagram[26:], datagram[:26])
    assert payload == (
        b"\x01\x3c\x40" + b"\x05alpha" + b"\x04beta" + b"\x01" + b"t" * 16
        + (7).to_bytes(8, "big") + (1234).to_bytes(4, "big")
    )  # fmt: skip


def test_nothing_in_clear_names_anybody() -> None:
    """Whoever listens learns that somebody lives, not who."""
    datagram = stream().seal(1, BEAT)
    assert b"alpha" not in datagram
    assert b"beta" not in datagram


@pytest.mark.parametrize(
    "other",
    [stream(salt=b"u" * 16), stream(key=b"k" * 32), stream(cluster=b"d" * 32)],
    ids=["salt", "key", "cluster"],
)
def test_another_key_does_not_open_it(other: Stream) -> None:
    """Each start, each authkey and each cluster has a key of its own."""
    with pytest.raises(HeartbeatError) as caught:
        other.open(stream().seal(1, BEAT))
    assert caught.value.cause == "seal"


def test_number_cannot_be_changed_without_the_key() -> None:
    """Otherwise a replay could be made to look new."""
    datagram = bytearray(stream().seal(1, BEAT))
    datagram[25] = 2
    assert read_header(bytes(datagram)).counter == 2
    with pytest.raises(HeartbeatError) as caught:
        stream().open(bytes(datagram))
    assert caught.value.cause == "seal"


@pytest.mark.parametrize(
    ("datagram", "cause"),
    [
        (b"", "shape"),
        (b"\x01" * (SIZE_MIN - 1), "shape"),
        (b"\x01" * (SIZE_MAX + 1), "shape"),
        (b"\x02\x00" + bytes(100), "version"),
        (b"\x01\x01" + bytes(100), "version"),
        (b"\x01\x00" + bytes(100), "seal"),
    ],
)
def test_datagram_that_is_none_is_refused_by_cause(datagram: bytes, cause: str) -> None:
    """The cause is counted and shown."""
    with pytest.raises(HeartbeatError) as caught:
        stream().open(datagram)
    assert caught.value.cause == cause


def sealed(payload: bytes) -> bytes:
    """A datagram of ours with any payload: another version, or a bug."""
    mine = stream()
    header = mine.seal(1, BEAT)[:26]
    return header + mine._cipher.encrypt(bytes(4) + (1).to_bytes(8, "big"), payload, header)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x01\x00",
        b"\x02\x00\x00\x01a\x01b\x00",
        b"\x00\x02\x01\x01a\x01b\x00",
        b"\x00\x00\x41\x01a\x01b\x00",
        b"\x00\x00\x00\x00\x01b\x00",
        b"\x00\x00\x00\x01a\x40" + b"b" * 64 + b"\x00",
        b"\x00\x00\x00\x01a\x3fb\x00",
        b"\x00\x00\x00\x01a\x01\xff\x00",
        b"\x00\x00\x00\x01a\x01\n\x00",
        b"\x00\x00\x00\x01a\x01b",
        b"\x00\x00\x00\x01a\x01b\x00x",
        b"\x00\x00\x00\x01a\x01b\x01",
        b"\x00\x00\x00\x01a\x01b\x03" + bytes(84),
    ],
)
def test_sealed_nonsense_is_refused(payload: bytes) -> None:
    """Whoever has the key may be a broken version all the same."""
    with pytest.raises(HeartbeatError) as caught:
        stream().open(sealed(payload))
    assert caught.value.cause == ("shape" if len(payload) < SIZE_MIN - 26 - 16 else "content")


def test_thousands_of_mutated_datagrams_raise_only_the_declared_error() -> None:
    """Bits flipped, cut, lengthened; and the same inside the seal."""
    rng = random.Random(2808)
    good = stream().seal(9, BEAT)
    payload = b"\x01\x3c\x40\x05alpha\x04beta\x02" + bytes(56)
    for _ in range(4000):
        outside = mutated(rng, good)
        if outside != good:
            with pytest.raises(HeartbeatError):
                stream().open(outside)
        try:
            beat = stream().open(sealed(mutated(rng, payload)))
        except HeartbeatError:
            continue
        assert 0 < len(beat.sender) <= 63
        assert beat.received <= beat.of <= WINDOW


def mutated(rng: random.Random, data: bytes) -> bytes:
    """`data` with a few faults."""
    found = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        place = rng.randrange(len(found) + 1)
        match rng.randrange(4):
            case 0 if place < len(found):
                found[place] ^= 1 << rng.randrange(8)
            case 1:
                del found[place:]
            case 2:
                found[place:place] = rng.randbytes(rng.randint(1, 9))
            case _:
                del found[place : place + rng.randint(1, 9)]
    return bytes(found)
