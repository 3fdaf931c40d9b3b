"""Messages survive the wire, and nothing but messages does."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import msgpack
import pytest

from tests.wire.samples import BARE, FULL, INC, TENURE
from watchdog.core.messages import Beacon, Hello, Message, StateRequest, Tenure, Vote
from watchdog.wire import codec
from watchdog.wire.codec import HELLOS_MAX, decode, decode_numbered, encode, pack
from watchdog.wire.errors import ProtocolError
from watchdog.wire.fields import DURATION_MS_MAX
from watchdog.wire.frames import FRAME_SIZE_MAX
from watchdog.wire.layouts import LAYOUTS, REQUIRED
from watchdog.wire.limits import SHORT_SIZE

STATE_REQUEST = 13
BEACON = next(message for message in FULL if isinstance(message, Beacon))


def parts(message: Message) -> list[Any]:
    """The envelope of `message`, open for damage."""
    envelope: list[Any] = msgpack.unpackb(encode(message))
    return envelope


def refusal(envelope: object) -> str:
    """What `decode` says against `envelope`."""
    with pytest.raises(ProtocolError) as caught:
        decode(msgpack.packb(envelope), "beta")
    assert caught.value.peer == "beta"
    return caught.value.what


def name_of(message: Message) -> str:
    """For the ids of parametrized tests."""
    return type(message).__name__


@pytest.mark.parametrize("message", [*FULL, *BARE], ids=name_of)
def test_message_survives_the_wire(message: Message) -> None:
    """Equal in value and in every type: a Tenure is a Tenure again."""
    back = decode(encode(message), "beta")
    assert back == message
    assert repr(back) == repr(message)


@pytest.mark.parametrize("message", [*FULL, *BARE], ids=name_of)
def test_ordinary_messages_are_short(message: Message) -> None:
    """So that none of them pays for the count of long ones."""
    assert len(encode(message)) <= SHORT_SIZE


def test_envelope_is_number_group_seq_and_body() -> None:
    """docs/protocol.md, "Message"."""
    message = StateRequest(rid=1, seq=2)
    assert msgpack.unpackb(encode(message, seq=77)) == [13, 0, 77, {"rid": 1, "seq": 2}]
    assert decode(encode(message, seq=2**64 - 1), "beta") == message


def test_bytes_do_not_depend_on_anything_but_the_message() -> None:
    """Simulation replays from a seed; frozen frames are compared byte by byte."""
    assert [encode(message) for message in FULL] == [encode(message) for message in FULL]


def test_unknown_keys_are_ignored() -> None:
    """A newer peer may say more in the same version."""
    envelope = parts(BEACON)
    envelope[3] |= {"roster": [["x", {"deep": [1]}]], "": None, b"raw": 1}
    assert decode(msgpack.packb(envelope), "beta") == BEACON


@pytest.mark.parametrize("message", FULL, ids=name_of)
def test_a_missing_field_is_named_or_has_its_default(message: Message) -> None:
    """Which of both, says the class of the message."""
    layout = next(layout for layout in LAYOUTS if layout.make is type(message))
    for key, _, default in layout.fields:
        envelope = parts(message)
        del envelope[3][key]
        if default is REQUIRED:
            assert refusal(envelope) == f"{layout.name} without {key}"
        else:
            back = decode(msgpack.packb(envelope), "beta")
            assert back == replace(cast("Any", message), **{key: default})


@pytest.mark.parametrize("message", FULL, ids=name_of)
@pytest.mark.parametrize("bad", [-1, 1.5, [[]], {"a": 1}, b"\xff" * 40, "\0" * 300])
def test_no_field_takes_a_value_of_another_kind(message: Message, bad: object) -> None:
    """The refusal says which field of which message, what it expects and what stood there."""
    for key in parts(message)[3]:
        envelope = parts(message)
        envelope[3][key] = bad
        what = refusal(envelope)
        assert what.startswith(f"{name_of(message)}.{key} must be ")
        assert ", but is " in what
        assert len(what) < 200


def test_a_refusal_says_what_where_and_why() -> None:
    """It is counted and logged beside the peer's name."""
    envelope = parts(BEACON)
    envelope[3]["hard_ms"] = DURATION_MS_MAX + 1
    expected = "Beacon.hard_ms must be milliseconds from 0 to 86400000, but is 86400001"
    assert refusal(envelope) == expected


@pytest.mark.parametrize(
    ("place", "bad", "words"),
    [
        (0, 0, "unknown message number 0"),
        (0, 15, "unknown message number 15"),
        (0, True, "unknown message number True"),
        (0, "13", "unknown message number str of length 2"),
        (0, [], "unknown message number tuple of length 0"),
        (1, 1, "unknown group 1"),
        (1, False, "unknown group False"),
        (1, None, "unknown group None"),
        (2, -1, "StateRequest: seq is -1"),
        (2, True, "StateRequest: seq is True"),
        (2, None, "StateRequest: seq is None"),
        (3, [], "StateRequest: the body is tuple of length 0, not a map"),
        (3, None, "StateRequest: the body is None, not a map"),
    ],
)
def test_every_place_of_the_envelope_is_checked(place: int, bad: object, words: str) -> None:
    """True == 1 and False == 0 in Python; they are not on the wire."""
    envelope: list[object] = [STATE_REQUEST, 0, 0, {"rid": 1, "seq": 2}]
    envelope[place] = bad
    assert refusal(envelope) == words


@pytest.mark.parametrize("envelope", [None, 1, "abcd", {}, [], [13, 0, 0], [13, 0, 0, {}, 1]])
def test_what_is_no_envelope_is_refused(envelope: object) -> None:
    """Four places, no more and no less, in every version."""
    assert refusal(envelope).startswith("not a message")


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xc1",
        b"\x94",
        b"\x94\x0d\x00\x00",
        b"\x94\x0d\x00\x00\x81\xa3rid",
        b"\x94\x0d\x00\x00\x80\x00",
        b"\x94\x0d\x00\x00\x81\x90\x00",
        b"\x94\x0d\x00\x00\x81\xa1\xff\x00",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xff",
        b"\xc9\xff\xff\xff\xff\x05",
        b"\xc7\x00\xff",
        b"\xd7\xff" + bytes(8),
        b"\x91" * SHORT_SIZE,
        b"\x91" * FRAME_SIZE_MAX,
        b"\x81\xa0" * (FRAME_SIZE_MAX // 2),
        b"\xdc\xff\xff" + b"\x90" * (FRAME_SIZE_MAX - 3),
    ],
    ids=lambda payload: f"{len(payload)}-{payload[:6].hex()}",
)
def test_bytes_that_are_no_message_are_a_protocol_error(payload: bytes) -> None:
    """Cut off, nested, oversized by declaration: one answer."""
    with pytest.raises(ProtocolError, match=r"^beta: not a message"):
        decode(payload, "beta")


def test_a_long_payload_is_counted_before_it_is_built() -> None:
    """Under an unknown key hides whatever a peer likes; docs/protocol.md, "Limits"."""
    envelope = parts(BEACON)
    envelope[3]["x"] = [[[[[[[1]]]]]]]
    envelope[3]["y"] = ["x" * 1000, "x" * 1000]
    assert "deeper than 8" in refusal(envelope)
    envelope[3]["x"] = [[[[[[1]]]]]]
    assert decode(msgpack.packb(envelope), "beta") == BEACON
    envelope[3]["x"] = [[None] * 16] * 16
    envelope[3]["z"] = [[[None] * 16] * 16] * 4
    assert "more than 1024 elements" in refusal(envelope)


def test_the_largest_hello_fits_a_frame() -> None:
    """Sixteen members with the longest names, texts and digests; four bytes per character."""
    names = tuple(f"{i:063d}" for i in range(16))
    hello = replace(
        next(message for message in FULL if isinstance(message, Hello)),
        verdicts=names,
        alarms=("\U0001f415" * 256,) * 16,
        config_digests=tuple((name, bytes(32)) for name in names),
    )
    packed = encode(hello)
    assert len(packed) < FRAME_SIZE_MAX // 3
    assert decode(packed, "beta") == hello


@pytest.mark.parametrize(
    "damage",
    [
        lambda: replace(BEACON, term=2**64),
        lambda: replace(BEACON, term=-1),
        lambda: replace(BEACON, hard_ms=DURATION_MS_MAX + 1),
        lambda: replace(BEACON, tenure=Tenure("Alpha", INC, 1)),
        lambda: replace(BEACON, tenure=Tenure("alpha", INC[1:], 1)),
        lambda: replace(BEACON, digest=b""),
    ],
)
def test_what_no_peer_would_take_is_not_encoded(damage: Callable[[], Message]) -> None:
    """Our own bug shows where it is made, not as another node's refusal."""
    with pytest.raises(ValueError, match=r"^Beacon\.\w+ must be "):
        encode(damage())


def test_vote_of_a_transfer_carries_the_released_tenure() -> None:
    """It may overtake that RELEASE (docs/protocol.md, VOTE)."""
    vote = next(message for message in FULL if isinstance(message, Vote))
    back = decode(encode(replace(vote, transfer=TENURE)), "beta")
    assert isinstance(back, Vote)
    assert back.transfer == TENURE
    assert isinstance(back.transfer, Tenure)


@pytest.mark.parametrize("seq", [0, 1, 127, 128, 65_536, 2**64 - 1])
def test_one_packing_serves_every_receiver(seq: int) -> None:
    """Only the number differs; with it the bytes are those of a packing in one piece."""
    for message in FULL:
        layout, packed = name_of(message), pack(message)
        envelope = msgpack.unpackb(packed.numbered(seq), strict_map_key=False)
        assert msgpack.packb(envelope) == packed.numbered(seq) == encode(message, seq), layout
        assert decode_numbered(packed.numbered(seq), "beta") == (seq, message)


HELLO = next(message for message in FULL if isinstance(message, Hello))
SEQS = (0, 1, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**64 - 1)


@pytest.mark.parametrize("seq", SEQS)
def test_the_same_hello_under_another_number_is_known_again(seq: int) -> None:
    """A body that was read before is not read again, whatever stands in front of it."""
    first = decode(encode(HELLO), "beta")
    assert decode_numbered(encode(HELLO, seq), "beta") == (seq, first)
    assert decode(encode(HELLO, seq), "beta") is first


@pytest.mark.parametrize("damage", [b"", b"\x93", b"\xc0", b"\xcf\0", b"\xd9\1a", b"\xff"])
def test_a_known_hello_behind_a_bad_number_is_refused(damage: bytes) -> None:
    """What was read before vouches for itself only, not for what stands in front of it."""
    head, body = pack(HELLO)
    decode(head + b"\0" + body, "beta")
    with pytest.raises(ProtocolError):
        decode(head + damage + body, "beta")
    with pytest.raises(ProtocolError):
        decode(head + damage, "beta")


def test_only_so_many_hellos_are_remembered() -> None:
    """The last one of each peer, and of a bounded number of peers."""
    for number in range(3 * HELLOS_MAX):
        said = replace(HELLO, priority=number)
        assert decode(encode(said), f"peer{number}") == said
        assert len(codec._memory.hellos) <= HELLOS_MAX
        before = len(codec._memory.hellos)
        assert decode(encode(HELLO), f"peer{number}") == HELLO
        assert len(codec._memory.hellos) == before
