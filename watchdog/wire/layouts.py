"""The table of protocol version 1: which message has which number and which fields of which kind.

A field's key is the attribute's name in `core.messages`; a field with a default there may be
missing on the wire.  Numbers and keys are for ever: a changed meaning gets a new one.
docs/protocol.md prints this table; tests/compatibility keeps one frozen frame of each message.
"""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from typing import Final

from watchdog.core import messages
from watchdog.core.messages import Message
from watchdog.wire.fields import (
    DIGEST,
    FLAG,
    INC,
    INSTANT,
    MARK,
    MS,
    NAME,
    TENURE,
    TEXT,
    U64,
    Kind,
    many,
    maybe,
    pair,
)

REQUIRED: Final = object()
"""Stands for the default of a field that must be there."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One message: its number on the wire, its class, and (key, kind, default) of each field."""

    number: int
    make: Callable[..., Message]
    name: str
    fields: tuple[tuple[str, Kind, object], ...]
    readers: tuple[tuple[str, Callable[[object], object], object], ...]
    """The same with the kind's reader, which is all that the codec needs."""


def _layout(number: int, cls: type[Message], **kinds: Kind) -> Layout:
    defaults = {f.name: REQUIRED if f.default is MISSING else f.default for f in fields(cls)}
    assert list(defaults) == list(kinds), f"layout of {cls.__name__} differs from its class"
    rows = tuple((key, kind, defaults[key]) for key, kind in kinds.items())
    readers = tuple((key, kind.read, default) for key, kind, default in rows)
    return Layout(number, cls, cls.__name__, rows, readers)


LAYOUTS: Final = (
    _layout(
        1,
        messages.Hello,
        inc=INC,
        cluster_id=DIGEST,
        proto=U64,
        digest=DIGEST,
        seq=U64,
        hard_ms=MS,
        promise_ms=MS,
        priority=U64,
        witness=FLAG,
        eligible=FLAG,
        standing_down=FLAG,
        quorum_connected=FLAG,
        state=TEXT,
        leader=maybe(NAME),
        term=U64,
        healthy=FLAG,
        verdicts=many(NAME),
        alarms=many(TEXT),
        config_digests=many(pair(NAME, MARK)),
        unfit=TEXT,
        vetoed=FLAG,
        unwatched=FLAG,
    ),
    _layout(
        2,
        messages.PreVote,
        rid=U64,
        next_term=U64,
        tenure=TENURE,
        priority=U64,
        hard_ms=MS,
        digest=DIGEST,
    ),
    _layout(3, messages.PreVoteReply, rid=U64, ok=FLAG, term=U64, reason=TEXT, retry_ms=MS),
    _layout(
        4,
        messages.Vote,
        term=U64,
        tenure=TENURE,
        round=U64,
        sent=INSTANT,
        hard_ms=MS,
        digest=DIGEST,
        transfer=maybe(TENURE),
    ),
    _layout(
        5,
        messages.Beacon,
        term=U64,
        tenure=TENURE,
        round=U64,
        sent=INSTANT,
        hard_ms=MS,
        digest=DIGEST,
        epoch=U64,
    ),
    _layout(
        6,
        messages.Grant,
        term=U64,
        tenure=TENURE,
        round=U64,
        sent=INSTANT,
        voter_inc=INC,
        is_vote=FLAG,
    ),
    _layout(7, messages.Nack, term=U64, leading=FLAG, reason=TEXT),
    _layout(
        8,
        messages.Release,
        tenure=TENURE,
        term=U64,
        successor=maybe(NAME),
        gone=FLAG,
        was_on=FLAG,
        reason=TEXT,
    ),
    _layout(9, messages.Transfer, tenure=TENURE),
    _layout(10, messages.Ready, tenure=TENURE, ok=FLAG, reason=TEXT),
    _layout(11, messages.ResignRequest, rid=U64, target=maybe(NAME), reason=TEXT, by_verdict=FLAG),
    _layout(12, messages.ResignReply, rid=U64, ok=FLAG, reason=TEXT),
    _layout(13, messages.StateRequest, rid=U64, seq=U64),
    _layout(
        14,
        messages.StateReply,
        rid=U64,
        inc=INC,
        seq=U64,
        term=U64,
        max_promise_ms=MS,
        amnesiac=FLAG,
        digest=DIGEST,
        wall_ms=U64,
        remembered_seq=U64,
    ),
)
