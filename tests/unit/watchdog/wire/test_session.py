"""A round opens for the one process that it was sealed for, and for nobody else."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from tests.wire.samples import AUTHKEY, CLUSTER_ID, FULL, INC, OTHER_INC
from watchdog.core.messages import Message
from watchdog.wire import seal
from watchdog.wire.codec import encode
from watchdog.wire.errors import ProtocolError
from watchdog.wire.session import (
    OVERHEAD,
    PAYLOAD_SIZE_MAX,
    SIZE_MAX,
    Opened,
    Session,
    is_round,
    read_head,
)
from watchdog.wire.ways import TWO_WAYS

PAYLOAD = b"grant"
ALPHA = Session(AUTHKEY, CLUSTER_ID, INC, OTHER_INC)
BETA = Session(AUTHKEY, CLUSTER_ID, OTHER_INC, INC)
THIRD_INC = bytes(range(32, 48))
FROZEN = (
    "8100bbbce8d1f639caa50000000000000007cb0067f4795a7704f91ad0e3aba1ab9ec8171004ae51af95a51f2cdd7c"
)


def sealed(number: int = 7, acknowledged: int = 3, payload: bytes = PAYLOAD) -> bytes:
    """What alpha says to beta."""
    return ALPHA.seal(number, acknowledged, payload)


def test_a_round_opens_to_what_was_said() -> None:
    """The number and the session are readable before, the rest only with the key."""
    datagram = sealed()
    head = read_head(datagram)
    assert head == (BETA.tag, 7)
    assert BETA.open(datagram, head.number) == Opened(3, PAYLOAD)


def test_both_directions_have_keys_and_tags_of_their_own() -> None:
    """A datagram that is sent back to its sender is nothing."""
    assert ALPHA.tag != BETA.tag
    assert read_head(sealed()).tag != ALPHA.tag
    with pytest.raises(ProtocolError, match="sealed with another key"):
        ALPHA.open(sealed(), 7)


@pytest.mark.parametrize(
    "other",
    [
        Session(AUTHKEY, CLUSTER_ID, THIRD_INC, INC),
        Session(AUTHKEY, CLUSTER_ID, OTHER_INC, THIRD_INC),
        Session(AUTHKEY, bytes(32), OTHER_INC, INC),
        Session(bytes(32), CLUSTER_ID, OTHER_INC, INC),
        Session(AUTHKEY, CLUSTER_ID, OTHER_INC, INC, key_id=1),
    ],
    ids=["our incarnation", "theirs", "cluster", "secret", "key id"],
)
def test_another_process_cluster_or_key_opens_nothing(other: Session) -> None:
    """Not even the tag is known there."""
    assert other.tag != BETA.tag
    with pytest.raises(ProtocolError, match="sealed with another key"):
        other.open(sealed(), 7)


def test_no_byte_of_a_round_can_be_changed() -> None:
    """Header, what is acknowledged, message and tag are all under the seal."""
    good = sealed()
    for place in range(len(good)):
        for change in (1, 0x80, 0xFF):
            bad = bytearray(good)
            bad[place] ^= change
            with pytest.raises(ProtocolError):
                BETA.open(bytes(bad), read_head(bytes(bad)).number)


def test_no_round_of_another_length_is_read() -> None:
    """Cut off at every place, and with something behind it."""
    good = sealed()
    for bad in [*(good[:size] for size in range(len(good))), good + b"\0", good + bytes(2000)]:
        with pytest.raises(ProtocolError):
            BETA.open(bad, read_head(bad).number)


def test_the_number_is_part_of_the_seal() -> None:
    """It is the nonce, so nobody can renumber a datagram and pass the window again."""
    with pytest.raises(ProtocolError):
        BETA.open(sealed(), 8)


def test_a_round_names_nobody_in_clear() -> None:
    """Who listens sees a tag, a number and a size."""
    datagram = sealed()
    for secret in (INC, OTHER_INC, b"alpha", b"beta", PAYLOAD, CLUSTER_ID):
        assert secret not in datagram


def test_a_round_is_never_taken_for_a_will_nor_a_will_for_a_round() -> None:
    """They share a port; the first byte parts them."""
    will = seal.seal_will(AUTHKEY, CLUSTER_ID, "alpha", INC, bytes(12))
    assert is_round(sealed())
    assert not is_round(will)
    assert not is_round(b"")
    with pytest.raises(ProtocolError, match="version 1"):
        read_head(will)
    with pytest.raises(ProtocolError):
        seal.open_will(AUTHKEY, CLUSTER_ID, sealed())


@pytest.mark.parametrize("message", [m for m in FULL if type(m) in TWO_WAYS], ids=repr)
def test_ordinary_messages_fit_a_datagram(message: Message) -> None:
    """Otherwise they would go by TCP only."""
    payload = encode(message, seq=2**63)
    assert len(payload) <= PAYLOAD_SIZE_MAX
    assert BETA.open(sealed(payload=payload), 7).payload == payload


def test_the_longest_round_passes_every_network_in_one_piece() -> None:
    """And one byte more is refused before it is opened."""
    longest = sealed(payload=bytes(PAYLOAD_SIZE_MAX))
    assert len(longest) == SIZE_MAX
    assert read_head(longest).number == 7
    with pytest.raises(ProtocolError, match="no round has this shape: 1201 bytes"):
        read_head(longest + b"\0")
    with pytest.raises(ProtocolError, match="no round has this shape"):
        read_head(bytes([0x81]) + bytes(OVERHEAD - 1))


def test_a_round_of_another_version_or_key_is_refused_by_its_header() -> None:
    """A newer node says so without any cryptography on our side."""
    for start in (b"\x82\x00", b"\x81\x01"):
        with pytest.raises(ProtocolError, match=f"round of version {start[0]} with key {start[1]}"):
            read_head(start + sealed()[2:])


def test_the_bytes_of_a_round_are_for_ever() -> None:
    """As docs/protocol.md says; made by hand from the labels and the layout there."""
    material = seal.derive(AUTHKEY, "udp", CLUSTER_ID, context=INC + OTHER_INC, size=40)
    head = b"\x81\x00" + material[32:] + (7).to_bytes(8, "big")
    nonce = bytes(4) + (7).to_bytes(8, "big")
    plain = (3).to_bytes(8, "big") + PAYLOAD
    cipher = ChaCha20Poly1305(material[:32])
    assert sealed() == head + cipher.encrypt(nonce, plain, head)
    assert sealed().hex() == FROZEN
