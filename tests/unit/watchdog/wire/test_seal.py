"""Keys differ by use, and a will says one thing about one incarnation."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from tests.wire.samples import AUTHKEY, CLUSTER_ID, INC, NONCE, OTHER_INC
from watchdog.core.messages import Nack, Release, Tenure
from watchdog.wire import seal
from watchdog.wire.codec import encode
from watchdog.wire.errors import ProtocolError

OTHER_KEY = bytes(32)
LONGEST = "n" * 63


def will(node: str = "alpha", nonce: bytes = NONCE) -> bytes:
    """The will of the sample incarnation."""
    return seal.seal_will(AUTHKEY, CLUSTER_ID, node, INC, nonce)


def test_a_will_opens_to_its_node_and_incarnation() -> None:
    """That is all a will says."""
    assert seal.open_will(AUTHKEY, CLUSTER_ID, will()) == ("alpha", INC)


def test_the_longest_will_fits_the_guardians_packet() -> None:
    """The guardian keeps it in a field of fixed size."""
    assert len(will(LONGEST)) <= seal.WILL_SIZE_MAX
    assert seal.open_will(AUTHKEY, CLUSTER_ID, will(LONGEST)) == (LONGEST, INC)


def test_a_will_names_nobody_in_clear() -> None:
    """The receiver finds the key by the incarnation, which says nothing to a listener."""
    assert INC in will()
    assert b"alpha" not in will()
    assert b"tenure" not in will()
    assert will() != will(nonce=bytes(12))


def test_no_byte_of_a_will_can_be_changed() -> None:
    """Header, nonce, text and tag are all under the seal."""
    good = will()
    for place in range(len(good)):
        for change in (1, 0x80, 0xFF):
            bad = bytearray(good)
            bad[place] ^= change
            with pytest.raises(ProtocolError):
                seal.open_will(AUTHKEY, CLUSTER_ID, bytes(bad))


def test_no_will_of_another_length_is_read() -> None:
    """Cut off at every place, and with something behind it."""
    good = will()
    for size in range(len(good)):
        with pytest.raises(ProtocolError):
            seal.open_will(AUTHKEY, CLUSTER_ID, good[:size])
    for more in (1, 200, 65_000):
        with pytest.raises(ProtocolError):
            seal.open_will(AUTHKEY, CLUSTER_ID, good + bytes(more))


def test_another_cluster_or_key_does_not_open_a_will() -> None:
    """And nobody is blamed by name: the header of a foreign datagram proves nothing."""
    for authkey, cluster_id in ((OTHER_KEY, CLUSTER_ID), (AUTHKEY, bytes(32))):
        with pytest.raises(ProtocolError, match="another key") as caught:
            seal.open_will(authkey, cluster_id, will())
        assert caught.value.peer == seal.UNKNOWN


def forge(header_inc: bytes, payload: bytes) -> bytes:
    """A datagram sealed with the right key that says something else than a will."""
    key = seal._will_key(AUTHKEY, CLUSTER_ID, header_inc, 0)
    header = bytes([seal.WILL_VERSION, 0]) + header_inc
    return header + NONCE + ChaCha20Poly1305(key).encrypt(NONCE, payload, header)


LIVING = Release(Tenure("alpha", INC, 7), 0, None, gone=True, was_on=True)


@pytest.mark.parametrize(
    ("datagram", "words"),
    [
        (forge(INC, encode(seal.will("alpha", OTHER_INC))), "no will of its incarnation"),
        (forge(INC, encode(LIVING)), "no will of its incarnation"),
        (forge(INC, encode(Nack(1, leading=True, reason=""))), "no will of its incarnation"),
        (forge(INC, b"garbage"), "not a message"),
    ],
)
def test_a_member_cannot_seal_anything_but_its_own_release(datagram: bytes, words: str) -> None:
    """The key alone does not make a datagram a will."""
    with pytest.raises(ProtocolError, match=words):
        seal.open_will(AUTHKEY, CLUSTER_ID, datagram)


def test_version_and_key_id_are_read_from_the_header() -> None:
    """Both leave room for a rotation of keys without a flag day."""
    rotated = seal.seal_will(AUTHKEY, CLUSTER_ID, "alpha", INC, NONCE, key_id=3)
    assert rotated[:2] == bytes([seal.WILL_VERSION, 3])
    assert seal.open_will(AUTHKEY, CLUSTER_ID, rotated) == ("alpha", INC)
    with pytest.raises(ProtocolError, match="will of version 9; known is 1"):
        seal.open_will(AUTHKEY, CLUSTER_ID, b"\x09" + rotated[1:])


def test_every_part_makes_another_key() -> None:
    """A key that serves two purposes serves an attacker as well."""
    keys = {
        seal.derive(AUTHKEY, "will", CLUSTER_ID),
        seal.derive(AUTHKEY, "ca", CLUSTER_ID),
        seal.derive(AUTHKEY, "will", bytes(32)),
        seal.derive(OTHER_KEY, "will", CLUSTER_ID),
        seal.derive(AUTHKEY, "will", CLUSTER_ID, key_id=1),
        seal.derive(AUTHKEY, "will", CLUSTER_ID, context=INC),
        seal.derive(AUTHKEY, "will", CLUSTER_ID, context=OTHER_INC),
    }
    assert len(keys) == 7
    assert {len(key) for key in keys} == {seal.KEY_SIZE}


def test_keys_are_the_same_in_every_version_of_this_program() -> None:
    """Nodes of two versions derive the same certificate authority; see also RFC 5869."""
    assert seal.derive(AUTHKEY, "ca", CLUSTER_ID).hex() == (
        "f528c1f1cf5f41861508922593eb95693c9e13c92eacf09ded638d4ad927ba98"
    )
    assert len(seal.derive(AUTHKEY, "ca", CLUSTER_ID, size=48)) == 48


@pytest.mark.parametrize(("authkey", "cluster_id"), [(b"short", CLUSTER_ID), (AUTHKEY, b"id")])
def test_a_short_key_or_foreign_id_is_our_bug(authkey: bytes, cluster_id: bytes) -> None:
    """Both were checked where they were read."""
    with pytest.raises(AssertionError):
        seal.derive(authkey, "will", cluster_id)


def test_a_will_needs_a_whole_nonce() -> None:
    """Drawn by the shell: nothing here is random."""
    with pytest.raises(AssertionError):
        will(nonce=b"short")
