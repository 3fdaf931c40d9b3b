"""Planted bugs, of every kind of fault but the leak: a fuzzer that finds none proves nothing.

Each is what a careless change might do to one shipped function; what triggers it is never in a
sample, and only in some of the mutated inputs.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from ipc import framing, requests
from ipc.framing import FrameReader
from lifecheck.edge import Edge
from lifecheck.probes import http
from tests.fuzz import stateful
from watchdog import guardian_protocol, slots
from watchdog.config import translate
from watchdog.core.promise import Voter
from watchdog.guardian import arp
from watchdog.shell import datagrams
from watchdog.wire import codec, frames, heartbeat, record, seal

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Plant:
    """`patch` makes the wrong one of the right one; `target` and `kind` of fault find it."""

    name: str
    target: str
    kind: str
    owner: type | ModuleType
    attribute: str
    patch: Callable[[Any], Any]

    @contextlib.contextmanager
    def planted(self) -> Iterator[None]:
        """Have the bug in the shipped code, in this process, for a while."""
        right = self.owner.__dict__[self.attribute]
        setattr(self.owner, self.attribute, self.patch(right))
        try:
            yield
        finally:
            setattr(self.owner, self.attribute, right)


def _index_error_in_a_field(right: dict[int, Any]) -> dict[int, Any]:
    """GRANT of round 2^63: the top of a signed number."""
    layout = right[6]

    def reads(read: Function) -> Function:
        def read_round(value: object) -> object:
            if value == 2**63:
                raise IndexError("list index out of range")
            return read(value)

        return read_round

    rows = [(key, reads(read) if key == "round" else read, d) for key, read, d in layout.readers]
    return {**right, 6: replace(layout, readers=tuple(rows))}


def _one_more(right: int) -> int:
    """An off-by-one in the longest frame."""
    return right + 1


def _no_bound_on_depth(right: Function) -> Function:
    def is_deep(body: object, depth: int = 0) -> bool:
        inner = body.values() if isinstance(body, dict) else body if isinstance(body, list) else ()
        return depth > framing.DEPTH_MAX or max([is_deep(each) for each in inner], default=False)

    return is_deep


def _room_for_the_declared(right: Function) -> Function:
    def feed(reader: FrameReader, data: bytes = b"") -> Any:
        if len(data) > 4 and 0 < (size := int.from_bytes(data[1:5], "big")) <= 2**24:
            bytearray(size)
        return right(reader, data)

    return feed


def _unchecked_type(right: Function) -> Function:
    def flag(body: dict[str, object], field: str) -> bool:
        value: Any = body.get(field)
        return right(body, field) if value is None else bool(value + 0)

    return flag


def _any_length_is_a_number(right: Function) -> Function:
    def content_length(head: bytes) -> int:
        for line in head.split(b"\n")[1:]:
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-length" and value.strip().isdigit():
                return int(value)
        return http.BODY_MAX

    return content_length


def _slow_for_long_words(right: Function) -> Function:
    def parse_status(head: bytes) -> Any:
        if any(len(word) > 2000 for word in head.split()):
            until_s = time.thread_time() + 0.008
            while time.thread_time() < until_s:
                pass
        return right(head)

    return parse_status


def _text_as_it_is(right: Function) -> Function:
    def text(field: bytes) -> str:
        return field.rstrip(b"\0").decode()

    return text


def _nothing_heard_of_nothing(right: Function) -> Function:
    def unpack(payload: bytes) -> Any:
        beat = right(payload)
        if beat.echoes and not beat.of:
            raise ZeroDivisionError("loss of nothing")
        return beat

    return unpack


def _unproven_counts(right: Function) -> Function:
    def receive(edge: Edge, datagram: bytes, now_us: int) -> None:
        header = heartbeat.read_header(datagram)
        if edge._believed is not None and edge._believed.stream.salt == header.salt:
            edge._believed.at_us = now_us
        right(edge, datagram, now_us)

    return receive


class _Unchecked:
    """The cipher of a will without its tag: whoever knows the nonce may write what he likes."""

    def __init__(self, key: bytes) -> None:
        self._right = ChaCha20Poly1305(key)

    def encrypt(self, nonce: bytes, data: bytes, header: bytes) -> bytes:
        return self._right.encrypt(nonce, data, header)

    def decrypt(self, nonce: bytes, data: bytes, header: bytes) -> bytes:
        try:
            return self._right.decrypt(nonce, data, header)
        except InvalidTag:
            plain = self._right.encrypt(nonce, data[: -seal.TAG_SIZE], header)
            return plain[: -seal.TAG_SIZE]


def _tag_not_looked_at(right: type) -> type:
    return _Unchecked


def _any_message_by_datagram(right: Function) -> Function:
    def check_kind(peer: str, message: object) -> None:
        """Whatever it is."""

    return check_kind


def _other_exception(right: Function) -> Function:
    def members(flat: Any) -> Any:
        return tuple(zip(flat[::2], flat[1::2], strict=True))

    return members


def _foreign_believed(right: Function) -> Function:
    def choose(raw: bytes, cluster_id: bytes, node: str) -> Any:
        found = right(raw, cluster_id, node)
        return replace(found, detail="") if found.fault is slots.Fault.DAMAGED else found

    return choose


def _missing_word(right: dict[str, str]) -> dict[str, str]:
    class Words(dict[str, str]):
        def __contains__(self, key: object) -> bool:
            return True

    return Words({key: word for key, word in right.items() if key != "list_type"})


def _short_frame(right: Function) -> Function:
    def parse_claim(frame: bytes) -> Any:
        if frame[12:14] == b"\x86\xdd":
            return arp.Claim(frame[6:12], frame[62:78])
        return right(frame)

    return parse_claim


def _second_vote(right: Function) -> Function:
    def may_vote(voter: Voter, vote: Any, now: Any) -> bool:
        held, voter._ledger.voted_for = voter._ledger.voted_for, None
        try:
            return bool(right(voter, vote, now))
        finally:
            voter._ledger.voted_for = held

    return may_vote


def _promise_ignored(right: Function) -> Function:
    def may_promise(voter: Voter, *args: Any) -> Any:
        held, voter.promise = voter.promise, None
        try:
            return right(voter, *args)
        finally:
            voter.promise = held

    return may_promise


def _crash_at_the_last_term(right: Function) -> Function:
    def refusal_of(voter: Voter, beacon: Any, now: Any) -> str:
        if beacon.term == 2**63:
            raise OverflowError("no term follows")
        return str(right(voter, beacon, now))

    return refusal_of


PLANTS: Final = (
    Plant("field", "codec", "error", codec, "_BY_NUMBER", _index_error_in_a_field),
    Plant("longest frame", "frames", "error", frames, "FRAME_SIZE_MAX", _one_more),
    Plant("recursion", "requests", "error", framing, "_is_deep", _no_bound_on_depth),
    Plant("allocation", "requests", "memory", FrameReader, "feed", _room_for_the_declared),
    Plant("type", "requests", "error", requests, "_flag", _unchecked_type),
    Plant("digits", "http-answers", "error", http, "content_length", _any_length_is_a_number),
    Plant("slow", "http-answers", "slow", http, "parse_status", _slow_for_long_words),
    Plant("half a letter", "packets", "error", guardian_protocol, "_text", _text_as_it_is),
    Plant("division", "heartbeats", "error", heartbeat, "_unpack", _nothing_heard_of_nothing),
    Plant("before the seal", "unsealed-heartbeats", "error", Edge, "receive", _unproven_counts),
    Plant("no tag", "unsealed", "error", seal, "ChaCha20Poly1305", _tag_not_looked_at),
    Plant("any kind", "rounds", "error", datagrams, "_check_kind", _any_message_by_datagram),
    Plant("other error", "slots", "error", record, "_members", _other_exception),
    Plant("no words", "slots", "error", slots, "choose", _foreign_believed),
    Plant("missing key", "config", "error", translate, "_WANTED", _missing_word),
    Plant("cut frame", "link-frames", "error", arp, "parse_claim", _short_frame),
    Plant("second vote", stateful.NAME, "error", Voter, "may_vote", _second_vote),
    Plant("promise ignored", stateful.NAME, "error", Voter, "may_promise", _promise_ignored),
    Plant("last term", stateful.NAME, "error", Voter, "refusal_of", _crash_at_the_last_term),
)
