"""Messages of the socketpairs between the guardian and its children: one packet each.

Fixed little structs, so that the guardian parses nothing that a network or a codec has touched.
Every packet is a kind byte and the fields of one NamedTuple below, big-endian; texts are cut to
their field and padded with NUL.  `n` numbers the commands that change what the guardian holds:
its answers carry the `n` of the last command obeyed (docs/election.md, "The guardian").
"""

import struct
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, cast

from watchdog.instant import Instant

WILL_SIZE_MAX: Final = 256
WILL_ADDRESSES_MAX: Final = 127
PACKET_SIZE_MAX: Final = 8192
TEXT_SIZE: Final = 64
REASON_SIZE: Final = 160
_INC_SIZE: Final = 16


class PacketError(ValueError):
    """A packet of the socketpair that cannot be (kind, size or value): the sender is broken."""


# --- node process -> guardian


class NodeUp(NamedTuple):
    """First packet of a node process: its incarnation (16 bytes)."""

    inc: bytes


class OpenRound(NamedTuple):
    """Open round `round` of tenure `no`; answered by RoundOpened."""

    no: int
    round: int


class Extend(NamedTuple):
    """Move the deadline to `s` + soft."""

    n: int
    no: int
    epoch: int
    round: int
    s: Instant


class Escalate(NamedTuple):
    """Go on."""

    n: int
    no: int
    epoch: int
    round: int
    s: Instant
    soft_ms: int
    hard_ms: int


class Deescalate(NamedTuple):
    """Go off now."""

    n: int
    why: str


class ArmWill(NamedTuple):
    """The sealed will of this incarnation, and (address text, port) of every peer."""

    datagram: bytes
    addresses: tuple[tuple[str, int], ...]


class ProbeVip(NamedTuple):
    """Probe all VIPs (ARP / neighbour solicitation) for `duration_ms`."""

    rid: int
    duration_ms: int


class CheckReady(NamedTuple):
    """Would an escalation pass its checks now?"""

    rid: int


class Reannounce(NamedTuple):
    """Part of the network was out of reach and is back: tell it again where the VIPs are."""


class Notify(NamedTuple):
    """The node's state changed: run the state_change hook, if there is one."""

    old: str
    new: str
    old_coordinator: str
    new_coordinator: str
    epoch: int
    reason: str


# --- guardian -> node process


class Welcome(NamedTuple):
    """First packet to a node process; `gate` and `watchdog` say what stands behind the lease."""

    last_epoch: int
    off_clean: bool
    """Nothing is on and no clean-up is pending."""
    gate: bool = False
    watchdog: bool = False


class RoundOpened(NamedTuple):
    """The round is open (and its ticket, when there is a gate, is in the kernel)."""

    no: int
    round: int


class ExtendRefused(NamedTuple):
    """Extend `n` moved nothing; one that was taken is not answered, as the next round is."""

    n: int


class Escalated(NamedTuple):
    """VIPs are up and announced."""

    n: int


class Off(NamedTuple):
    """Everything is confirmed off, `why` if unasked; also the answer to a refused Escalate."""

    n: int
    why: str = ""


class OffFailed(NamedTuple):
    """Off could not be confirmed by hard - slack; the guardian goes on trying."""

    n: int
    why: str


class HookEnded(NamedTuple):
    """The escalation hook of Escalate `n` ended."""

    n: int
    ok: bool
    detail: str


class ProbeFinished(NamedTuple):
    """Whether another machine answered for a VIP, and which."""

    rid: int
    answered: bool
    detail: str


class ReadyChecked(NamedTuple):
    """Answer to CheckReady."""

    rid: int
    ok: bool
    reason: str


class Warned(NamedTuple):
    """An alarm of the guardian, for whoever asks the node how it is."""

    name: str
    text: str


# --- lifecheck -> guardian


class RestartWanted(NamedTuple):
    """Run the restart action of this check; answered by RestartEnded, also when it is refused."""

    ticket: int
    check: str


# --- guardian -> lifecheck


class RestartEnded(NamedTuple):
    """The restart action of this ticket ended, or did not start: `detail` says why."""

    ticket: int
    ok: bool
    detail: str


Command = Extend | Escalate | Deescalate
"""What is numbered."""
ToGuardian = NodeUp | OpenRound | Command | ArmWill | ProbeVip | CheckReady | Notify | Reannounce
ToNode = (
    Welcome
    | RoundOpened
    | ExtendRefused
    | Escalated
    | Off
    | OffFailed
    | HookEnded
    | ProbeFinished
    | ReadyChecked
    | Warned
)

Packet = ToGuardian | ToNode | RestartWanted | RestartEnded

_LAYOUT: Final[tuple[tuple[int, type[Packet], str], ...]] = (
    (1, NodeUp, "i"),
    (2, OpenRound, "qq"),
    (3, Extend, "qqqqs"),
    (4, Escalate, "qqqqsqq"),
    (5, Deescalate, "qr"),
    (6, ArmWill, "wa"),
    (7, ProbeVip, "qq"),
    (8, CheckReady, "q"),
    (9, Notify, "ttttqr"),
    (10, Reannounce, ""),
    (33, RestartWanted, "qt"),
    (65, Welcome, "q???"),
    (66, RoundOpened, "qq"),
    (67, ExtendRefused, "q"),
    (68, Escalated, "q"),
    (69, Off, "qr"),
    (70, OffFailed, "qr"),
    (71, HookEnded, "q?r"),
    (72, ProbeFinished, "q?r"),
    (73, ReadyChecked, "q?r"),
    (74, Warned, "tr"),
    (97, RestartEnded, "q?r"),
)
"""(kind byte, packet, one letter per field); who says which is in the high bits of the kind."""
_FORMATS: Final = {
    "q": "Q",
    "?": "B",
    "s": "QQ",
    "i": "16s",
    "t": f"{TEXT_SIZE}s",
    "r": f"{REASON_SIZE}s",
    "w": f"H{WILL_SIZE_MAX}s",
    "a": "B" + f"{TEXT_SIZE - 16}sH" * WILL_ADDRESSES_MAX,
}
"""q: number below 2**64, ?: flag, s: instant, i: incarnation, t, r: text, w: will, a: addresses."""


class _Kind(NamedTuple):
    number: int
    packet: type[Packet]
    letters: str
    layout: struct.Struct


def _kinds() -> Iterator[_Kind]:
    for number, packet, letters in _LAYOUT:
        layout = struct.Struct(">B" + "".join(_FORMATS[letter] for letter in letters))
        assert layout.size <= PACKET_SIZE_MAX, packet
        yield _Kind(number, packet, letters, layout)


_BY_NUMBER: Final = {kind.number: kind for kind in _kinds()}
_BY_PACKET: Final = {kind.packet: kind for kind in _kinds()}
_SPEAKER: Final = 0b110_0000
"""Bits of a kind that say between whom it goes."""
_BY_NODE, _BY_LIFECHECK, _TO_NODE, _TO_LIFECHECK = 0, 32, 64, 96


def pack(packet: Packet) -> bytes:
    """Bytes of one packet, at most PACKET_SIZE_MAX; a field out of range is our own fault."""
    kind = _BY_PACKET[type(packet)]
    values: list[int | bytes] = [kind.number]
    for letter, value in zip(kind.letters, packet, strict=True):
        values += _flatten(letter, value)
    return kind.layout.pack(*values)


def unpack_to_guardian(data: bytes) -> ToGuardian:
    """Packet of the node process. Raises PacketError."""
    return cast("ToGuardian", _unpack(data, _BY_NODE, "the guardian"))


def unpack_to_node(data: bytes) -> ToNode:
    """Packet of the guardian. Raises PacketError."""
    return cast("ToNode", _unpack(data, _TO_NODE, "the node process"))


def unpack_from_lifecheck(data: bytes) -> RestartWanted:
    """Packet of the lifecheck process. Raises PacketError."""
    return cast("RestartWanted", _unpack(data, _BY_LIFECHECK, "the guardian from lifecheck"))


def unpack_to_lifecheck(data: bytes) -> RestartEnded:
    """Packet of the guardian to lifecheck. Raises PacketError."""
    return cast("RestartEnded", _unpack(data, _TO_LIFECHECK, "lifecheck"))


def _unpack(data: bytes, speaker: int, hearer: str) -> Packet:
    kind = _BY_NUMBER.get(data[0]) if data else None
    if kind is None:
        raise PacketError(f"unknown kind {data[:1].hex() or 'of an empty packet'}")
    if kind.number & _SPEAKER != speaker:
        raise PacketError(f"kind {kind.number} is not for {hearer}")
    if len(data) != kind.layout.size:
        raise PacketError(f"{kind.packet.__name__} of {len(data)} bytes, not {kind.layout.size}")
    values = iter(kind.layout.unpack(data)[1:])
    make = cast("Callable[..., Packet]", kind.packet)
    return make(*[_restore(letter, values) for letter in kind.letters])


def _flatten(letter: str, value: object) -> list[int | bytes]:
    match letter, value:
        case "q" | "?", int():
            return [int(value)]
        case "i", bytes():
            assert len(value) == _INC_SIZE, "an incarnation has 16 bytes"
            return [value]
        case "s", Instant():
            return [*value]
        case "t" | "r", str():
            return [_cut(value, TEXT_SIZE if letter == "t" else REASON_SIZE)]
        case "w", bytes():
            assert len(value) <= WILL_SIZE_MAX, "a will too long"
            return [len(value), value]
        case "a", tuple():
            return _flatten_addresses(value)
        case _:
            raise AssertionError(f"field {letter!r} cannot be {value!r}")


def _flatten_addresses(addresses: tuple[tuple[str, int], ...]) -> list[int | bytes]:
    assert len(addresses) <= WILL_ADDRESSES_MAX, "too many addresses"
    fields: list[int | bytes] = [len(addresses)]
    for address, port in addresses:
        assert len(address) <= TEXT_SIZE - 16, "no address is that long"
        fields += [address.encode(), port]
    return fields + [b"", 0] * (WILL_ADDRESSES_MAX - len(addresses))


def _cut(text: str, size: int) -> bytes:
    # Cut between characters: half a character would not decode at the other end.
    return text.encode()[:size].decode(errors="ignore").encode()


def _restore(letter: str, values: Iterator[int | bytes]) -> object:
    match letter:
        case "q" | "i":
            return next(values)
        case "?":
            return _flag(cast("int", next(values)))
        case "s":
            return Instant(cast("int", next(values)), cast("int", next(values)))
        case "t" | "r":
            return _text(cast("bytes", next(values)))
        case "w":
            return _will(cast("int", next(values)), cast("bytes", next(values)))
        case _:
            return _addresses(cast("int", next(values)), values)


def _flag(value: int) -> bool:
    if value > 1:
        raise PacketError(f"flag of {value}")
    return bool(value)


def _text(field: bytes) -> str:
    try:
        return field.rstrip(b"\0").decode()
    except UnicodeDecodeError:
        raise PacketError("text that is not UTF-8") from None


def _will(size: int, field: bytes) -> bytes:
    if size > WILL_SIZE_MAX:
        raise PacketError(f"will of {size} bytes")
    return field[:size]


def _addresses(count: int, values: Iterator[int | bytes]) -> tuple[tuple[str, int], ...]:
    if count > WILL_ADDRESSES_MAX:
        raise PacketError(f"{count} addresses")
    pairs = [
        (_text(cast("bytes", next(values))), cast("int", next(values)))
        for _ in range(WILL_ADDRESSES_MAX)
    ]
    return tuple(pairs[:count])
