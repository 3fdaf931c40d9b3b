"""What peers say to each other: frozen data, no behaviour. `wire.codec` gives them bytes.

The sender's name is never in a body: it comes from the certificate of the connection.
A `Tenure` is one unbroken claim of one incarnation of one node; a grant counts for it alone.
docs/protocol.md has the meaning and the bytes of each.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

from watchdog.instant import Instant

PROTOCOL: Final = 1
INC_SIZE: Final = 16
GONE_NO: Final = 2**64 - 1
"""`Tenure.no` that means every tenure of the incarnation: used by wills and orderly stops."""


class Tenure(NamedTuple):
    """(node name, incarnation: 16 random bytes of one process start, number of the candidacy)."""

    node: str
    inc: bytes
    no: int


@dataclass(frozen=True, slots=True)
class Hello:
    """Who I am and how I am: every beacon interval and at once on change."""

    inc: bytes
    cluster_id: bytes
    proto: int
    digest: bytes
    seq: int
    hard_ms: int
    promise_ms: int
    priority: int
    witness: bool
    eligible: bool
    standing_down: bool
    quorum_connected: bool
    state: str
    leader: str | None
    term: int
    healthy: bool
    verdicts: tuple[str, ...] = ()
    """Names of the members that this node's lifecheck calls dead."""
    alarms: tuple[str, ...] = ()
    config_digests: tuple[tuple[str, bytes], ...] = ()
    unfit: str = ""
    """Why it is not eligible, for people; "" when it is."""
    vetoed: bool = False
    """It would rather see another node lead (its ping targets are silent, for example)."""
    unwatched: bool = False
    """Its lifecheck is gone, or back only just now: missing heartbeats say nothing about it."""


@dataclass(frozen=True, slots=True)
class PreVote:
    """Would you vote for me? Changes no state anywhere (Ongaro 9.6)."""

    rid: int
    next_term: int
    tenure: Tenure
    priority: int
    hard_ms: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class PreVoteReply:
    """`retry_ms` is what remains of a promise that stands in the way; 0 if none does."""

    rid: int
    ok: bool
    term: int
    reason: str
    retry_ms: int


@dataclass(frozen=True, slots=True)
class Vote:
    """A round of a candidacy. `sent` is opaque to the voter, and echoed."""

    term: int
    tenure: Tenure
    round: int
    sent: Instant
    hard_ms: int
    digest: bytes
    transfer: Tenure | None = None
    """The tenure whose RELEASE named me successor; this VOTE may overtake that RELEASE."""


@dataclass(frozen=True, slots=True)
class Beacon:
    """A round of a leader: asks every voter to renew its promise; also the split-brain detector."""

    term: int
    tenure: Tenure
    round: int
    sent: Instant
    hard_ms: int
    digest: bytes
    epoch: int


@dataclass(frozen=True, slots=True)
class Grant:
    """The answer to VOTE or BEACON: it *is* the promise."""

    term: int
    tenure: Tenure
    round: int
    sent: Instant
    voter_inc: bytes
    is_vote: bool


@dataclass(frozen=True, slots=True)
class Nack:
    """A BEACON that could not be granted: the sender's term, and whether it leads itself."""

    term: int
    leading: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Release:
    """The tenure has ended and its holder is off: its promises may be forgotten."""

    tenure: Tenure
    term: int
    successor: str | None
    gone: bool
    was_on: bool = False
    """Whether the tenure held the VIPs, so that nobody need look for them after this."""
    reason: str = ""
    """Why it ended, for people: what `status` shows as the reason of the next move."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """The leader asks the receiver whether it is ready to take over this tenure's place."""

    tenure: Tenure


@dataclass(frozen=True, slots=True)
class Ready:
    """Answer to TRANSFER, checked by the target's guardian."""

    tenure: Tenure
    ok: bool
    reason: str


@dataclass(frozen=True, slots=True)
class ResignRequest:
    """An operator (any node) or a voter (verdicts) asks the leader to hand over."""

    rid: int
    target: str | None
    reason: str
    by_verdict: bool


@dataclass(frozen=True, slots=True)
class ResignReply:
    """Whether the leader started to hand over, or why not."""

    rid: int
    ok: bool
    reason: str


@dataclass(frozen=True, slots=True)
class StateRequest:
    """Asked by a node that lost its state, or that checks for a newer copy. `seq`: last durable."""

    rid: int
    seq: int


@dataclass(frozen=True, slots=True)
class StateReply:
    """`remembered_seq`: the highest seq this node remembers of the asker (0: none)."""

    rid: int
    inc: bytes
    seq: int
    term: int
    max_promise_ms: int
    amnesiac: bool
    digest: bytes
    wall_ms: int
    remembered_seq: int


Message = (
    Hello
    | PreVote
    | PreVoteReply
    | Vote
    | Beacon
    | Grant
    | Nack
    | Release
    | Transfer
    | Ready
    | ResignRequest
    | ResignReply
    | StateRequest
    | StateReply
)
