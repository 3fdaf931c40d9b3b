"""Messages to bytes and back: msgpack `[number, group, seq, {key: value}]`.

Rule: `decode` raises ProtocolError and nothing else, whatever the bytes, and builds nothing large
to find out.  Unknown keys are ignored (a newer peer may say more), unknown numbers and groups are
refused.  `encode` checks the same bounds: a value beyond them is our own bug, and raises
ValueError where it was made.  docs/protocol.md; the table is in `layouts`.
"""

from collections.abc import Callable
from typing import Final, NamedTuple, NoReturn

import msgpack

from watchdog.core.messages import Hello, Message
from watchdog.wire.errors import ProtocolError
from watchdog.wire.fields import ITEMS_MAX, U64_MAX, describe
from watchdog.wire.layouts import LAYOUTS, REQUIRED, Layout
from watchdog.wire.limits import SHORT_SIZE, check_limits

GROUP: Final = 0
"""The only coordinator group there is; the place is kept for several over one connection."""
KEYS_MAX: Final = 64
STRING_SIZE_MAX: Final = 1024
"""Bytes: the longest text is 256 characters of up to four."""

HELLOS_MAX: Final = 128
"""Of so many peers the last HELLO is remembered: a node says the same for hours."""

ENVELOPE_SIZE: Final = 4
_BY_NUMBER: Final = {layout.number: layout for layout in LAYOUTS}
_BY_CLASS: Final = {layout.make: layout for layout in LAYOUTS}
_ARRAY: Final = bytes([0x90 + ENVELOPE_SIZE])
_pack: Final[Callable[[object], bytes]] = msgpack.Packer().pack
_HEADS: Final = {number: _ARRAY + _pack(number) + _pack(GROUP) for number in _BY_NUMBER}
"""Everything before `seq`, by the number of the message."""
_HELLO_HEAD: Final = _HEADS[_BY_CLASS[Hello].number]
_FIXINT_MAX: Final = 0x7F
_INTEGER_SIZES: Final = {0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9}
"""First byte of an unsigned integer that is longer than this byte -> all of its bytes."""


class Packed(NamedTuple):
    """A message as bytes, but for the number that each receiver gets its own of."""

    head: bytes
    body: bytes

    def numbered(self, seq: int) -> bytes:
        """The payload."""
        return self.head + _pack(seq) + self.body


class _Memory:
    """What was packed and read last. It changes no answer: a body means the same every time."""

    def __init__(self) -> None:
        self.packed: dict[type[Message], tuple[Message, Packed]] = {}
        self.hellos: dict[str, tuple[bytes, Message]] = {}

    def keep_hello(self, peer: str, body: bytes, hello: Message) -> None:
        """Remember the last one of each peer."""
        if peer not in self.hellos and len(self.hellos) >= HELLOS_MAX:
            del self.hellos[next(iter(self.hellos))]
        self.hellos[peer] = body, hello


_memory: Final = _Memory()


def encode(message: Message, seq: int = 0) -> bytes:
    """The payload of a frame. `seq` is the same in all copies of one message to one receiver."""
    return pack(message).numbered(seq)


def pack(message: Message) -> Packed:
    """All that is the same for every receiver; made once for one and the same message."""
    kind = type(message)
    known = _memory.packed.get(kind)
    if known is None or known[0] is not message:
        known = _memory.packed[kind] = message, _packed(message, _BY_CLASS[kind])
    return known[1]


def _packed(message: Message, layout: Layout) -> Packed:
    body = {}
    for key, read, _ in layout.readers:
        value = getattr(message, key)
        try:
            read(value)
        except ValueError as error:
            raise ValueError(_fault(layout, key, error, value)) from None
        body[key] = value
    return Packed(_HEADS[layout.number], _pack(body))


def decode(payload: bytes, peer: str) -> Message:
    """The message in `payload`; ProtocolError blames `peer` for anything else."""
    return decode_numbered(payload, peer)[1]


def decode_numbered(payload: bytes, peer: str) -> tuple[int, Message]:
    """The same with its `seq`, by which two copies of one message are known."""
    if payload.startswith(_HELLO_HEAD) and len(payload) <= SHORT_SIZE:
        return _decode_hello(payload, peer)
    return _decode(payload, peer)


def _decode_hello(payload: bytes, peer: str) -> tuple[int, Message]:
    """A body that was read before needs no second look: most HELLOs say what the last one said."""
    seq, body = _cut(payload, len(_HELLO_HEAD))
    known = _memory.hellos.get(peer)
    if known is not None and known[0] == body:
        return seq, known[1]
    seq, hello = _decode(payload, peer)
    if body:
        _memory.keep_hello(peer, body, hello)
    return seq, hello


def _cut(payload: bytes, at: int) -> tuple[int, bytes]:
    """`seq` and all behind it; nothing behind it where no such number stands."""
    first = payload[at] if at < len(payload) else 0
    if first <= _FIXINT_MAX:
        return first, payload[at + 1 :]
    end = at + _INTEGER_SIZES.get(first, len(payload))
    return int.from_bytes(payload[at + 1 : end], "big"), payload[end:]


def _decode(payload: bytes, peer: str) -> tuple[int, Message]:
    layout, seq, body = _open(payload, peer)
    get = body.get
    try:
        return seq, layout.make(*[read(get(key, default)) for key, read, default in layout.readers])
    except ValueError:
        _blame(layout, body, peer)


def _blame(layout: Layout, body: dict[object, object], peer: str) -> NoReturn:
    """Find the first field that cannot be read, and say so."""
    for key, read, default in layout.readers:
        value = body.get(key, default)
        if value is REQUIRED:
            raise ProtocolError(peer, f"{layout.name} without {key}")
        try:
            read(value)
        except ValueError as error:
            raise ProtocolError(peer, _fault(layout, key, error, value)) from None
    raise AssertionError("a field that could not be read can be read now")


def _open(payload: bytes, peer: str) -> tuple[Layout, int, dict[object, object]]:
    """Take the envelope off."""
    try:
        if len(payload) > SHORT_SIZE:
            check_limits(payload)
        envelope = msgpack.unpackb(
            payload,
            use_list=False,
            max_str_len=STRING_SIZE_MAX,
            max_bin_len=STRING_SIZE_MAX,
            max_array_len=ITEMS_MAX,
            max_map_len=KEYS_MAX,
            max_ext_len=0,
        )
    except (ValueError, msgpack.UnpackException) as error:
        _refuse(peer, f"not a message: {error}")
    if type(envelope) is not tuple or len(envelope) != ENVELOPE_SIZE:
        _refuse(peer, f"not a message [number, group, seq, body]: {describe(envelope)}")
    number, group, seq, body = envelope
    if type(number) is not int or (layout := _BY_NUMBER.get(number)) is None:
        _refuse(peer, f"unknown message number {describe(number)}")
    if type(group) is not int or group != GROUP:
        _refuse(peer, f"unknown group {describe(group)}")
    if type(seq) is not int or not 0 <= seq <= U64_MAX:
        _refuse(peer, f"{layout.name}: seq is {describe(seq)}")
    if type(body) is not dict:
        _refuse(peer, f"{layout.name}: the body is {describe(body)}, not a map")
    return layout, seq, body


def _fault(layout: Layout, key: str, error: ValueError, value: object) -> str:
    return f"{layout.name}.{key} must be {error}, but is {describe(value)}"


def _refuse(peer: str, what: str) -> NoReturn:
    raise ProtocolError(peer, what)
