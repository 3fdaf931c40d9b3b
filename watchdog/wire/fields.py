"""What may stand in a field: one reader per kind of value, for messages and records alike.

A reader takes what msgpack made of the bytes and gives back the value, or raises ValueError that
says what it expected.  Rule: everything a peer can choose has a bound here, so that nothing behind
the codec needs to look again.  A bool is not an int, and no float, text or key is ever converted.
"""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from watchdog.core.messages import INC_SIZE, Tenure
from watchdog.instant import Instant

U64_MAX: Final = 2**64 - 1
CLOCK_MAX: Final = 2**63 - 1
DURATION_MS_MAX: Final = 24 * 60 * 60 * 1000
DIGEST_SIZE: Final = 32
NAME_SIZE_MAX: Final = 63
TEXT_SIZE_MAX: Final = 256
ITEMS_MAX: Final = 16
TENURE_SIZE: Final = 3
PAIR_SIZE: Final = 2

_is_name: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}").fullmatch


class Kind(NamedTuple):
    """A kind of value: its word in docs/protocol.md, and its reader."""

    word: str
    read: Callable[[object], object]


def read_u64(value: object) -> int:
    """An integer of 0..2^64-1: terms, rounds, numbers."""
    if type(value) is int and 0 <= value <= U64_MAX:
        return value
    raise ValueError("an integer from 0 to 2^64-1")


def read_ms(value: object) -> int:
    """Milliseconds, at most a day."""
    if type(value) is int and 0 <= value <= DURATION_MS_MAX:
        return value
    raise ValueError(f"milliseconds from 0 to {DURATION_MS_MAX}")


def read_flag(value: object) -> bool:
    """True or false."""
    if value is True or value is False:
        return value
    raise ValueError("true or false")


def read_name(value: object) -> str:
    """A member's name."""
    if type(value) is str and _is_name(value):
        return value
    raise ValueError(f"a name of 1 to {NAME_SIZE_MAX} characters from a-z 0-9 _ . -")


def read_text(value: object) -> str:
    """Words for people: shown and logged, never decided on."""
    if type(value) is str and len(value) <= TEXT_SIZE_MAX:
        return value
    raise ValueError(f"a text of at most {TEXT_SIZE_MAX} characters")


def read_inc(value: object) -> bytes:
    """An incarnation."""
    if type(value) is bytes and len(value) == INC_SIZE:
        return value
    raise ValueError(f"{INC_SIZE} bytes")


def read_digest(value: object) -> bytes:
    """A SHA-256."""
    if type(value) is bytes and len(value) == DIGEST_SIZE:
        return value
    raise ValueError(f"{DIGEST_SIZE} bytes")


def read_mark(value: object) -> bytes:
    """A SHA-256, or the beginning of one."""
    if type(value) is bytes and 0 < len(value) <= DIGEST_SIZE:
        return value
    raise ValueError(f"1 to {DIGEST_SIZE} bytes")


def read_tenure(value: object) -> Tenure:
    """(node, inc, no)."""
    if isinstance(value, tuple) and len(value) == TENURE_SIZE:
        node, inc, no = value
        return Tenure(read_name(node), read_inc(inc), read_u64(no))
    raise ValueError("a tenure [node, inc, no]")


def read_instant(value: object) -> Instant:
    """(boot, raw): both clocks of the sender in nanoseconds, opaque to everybody else."""
    if isinstance(value, tuple) and len(value) == PAIR_SIZE:
        boot, raw = value
        if type(boot) is int is type(raw) and 0 <= boot <= CLOCK_MAX and 0 <= raw <= CLOCK_MAX:
            return Instant(boot, raw)
    raise ValueError("an instant [boot, raw], each from 0 to 2^63-1")


def maybe(kind: Kind) -> Kind:
    """The kind, or nil."""
    read = kind.read
    return Kind(f"{kind.word}, nil", lambda value: None if value is None else read(value))


def many(kind: Kind) -> Kind:
    """An array of the kind, of at most ITEMS_MAX items."""
    read = kind.read

    def read_many(value: object) -> tuple[object, ...]:
        if isinstance(value, tuple) and len(value) <= ITEMS_MAX:
            return tuple([read(item) for item in value])
        raise ValueError(f"an array of at most {ITEMS_MAX} items")

    return Kind(f"array of {kind.word}", read_many)


def pair(first: Kind, second: Kind) -> Kind:
    """An array of exactly these two."""

    def read_pair(value: object) -> tuple[object, object]:
        if isinstance(value, tuple) and len(value) == PAIR_SIZE:
            return first.read(value[0]), second.read(value[1])
        raise ValueError(f"a pair [{first.word}, {second.word}]")

    return Kind(f"[{first.word}, {second.word}]", read_pair)


U64: Final = Kind("u64", read_u64)
MS: Final = Kind("ms", read_ms)
FLAG: Final = Kind("flag", read_flag)
NAME: Final = Kind("name", read_name)
TEXT: Final = Kind("text", read_text)
INC: Final = Kind("inc", read_inc)
DIGEST: Final = Kind("digest", read_digest)
MARK: Final = Kind("mark", read_mark)
TENURE: Final = Kind("tenure", read_tenure)
INSTANT: Final = Kind("instant", read_instant)


def describe(value: object) -> str:
    """What stood there instead, short enough for a log line whatever the peer sent."""
    if isinstance(value, str | bytes | tuple | dict):
        return f"{type(value).__name__} of length {len(value)}"
    if isinstance(value, int | float | None):
        return repr(value)
    return type(value).__name__
