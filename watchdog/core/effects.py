"""Everything a node can ask for: the only output of `Node.step`, performed in order.

Named in the imperative.  The groups below are in the order in which a step emits them: giving up
never waits for a disk or a peer; what must be durable goes to disk before it is said.
Commands to the guardian that change what it holds are numbered (`n`), so that an OFF that crossed
an Escalate is never read as its answer.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

from watchdog.core.messages import Message
from watchdog.instant import Instant

BLOCKED: Final = "!"
"""`HardState.voted_for` after a recovery: no vote is left in that term (no node has this name)."""


@dataclass(frozen=True, slots=True)
class HardState:
    """What a node must not forget. Written whole, to one of two slots (`watchdog.slots`)."""

    seq: int
    term: int
    voted_for: str | None
    max_promise_ms: int
    digest: bytes
    members: tuple[tuple[str, int], ...]
    """(name, weight) of every voter; `digest` is their hash."""
    old_members: tuple[tuple[str, int], ...] = ()
    """The list obeyed before `--accept-membership`; kept until enough of it has moved over."""


@dataclass(frozen=True, slots=True)
class Deescalate:
    """Go off now."""

    n: int
    why: str


@dataclass(frozen=True, slots=True)
class Save:
    """Make the record durable and answer Saved or SaveFailed; at most one is in flight."""

    ticket: int
    record: HardState


class Send(NamedTuple):
    """Say `message` to `peer`; lost when there is no way. A tuple: it is made most often of all."""

    peer: str
    message: Message


@dataclass(frozen=True, slots=True)
class OpenRound:
    """Ask the guardian to open a round of the tenure numbered `no`; answered by RoundOpened."""

    no: int
    round: int


@dataclass(frozen=True, slots=True)
class Extend:
    """Move the guardian's deadline to `s` + soft; `round` is the one sent at `s`."""

    n: int
    no: int
    epoch: int
    round: int
    s: Instant


@dataclass(frozen=True, slots=True)
class Escalate:
    """Go on under tenure `no`, with the deadline `s` + soft (and hard) for this tenure."""

    n: int
    no: int
    epoch: int
    round: int
    s: Instant
    soft_ms: int
    hard_ms: int


@dataclass(frozen=True, slots=True)
class ArmWill:
    """Seal the RELEASE of this whole incarnation and hand it to the guardian; once."""


@dataclass(frozen=True, slots=True)
class ProbeVip:
    """Ask the network whether anybody answers for a VIP; answered by ProbeFinished."""

    rid: int
    duration_ms: int


@dataclass(frozen=True, slots=True)
class CheckReady:
    """Ask the guardian whether an escalation would pass its checks; answered by ReadyChecked."""

    rid: int


@dataclass(frozen=True, slots=True)
class Reannounce:
    """Have the guardian tell the network again where the VIPs are: part of it is back."""


@dataclass(frozen=True, slots=True)
class StateChanged:
    """Publish: one INFO line, the state_change hook, and every subscriber."""

    old: str
    new: str
    trigger: str
    reason: str
    term: int
    coordinator: str | None


@dataclass(frozen=True, slots=True)
class Note:
    """Publish: something an operator would want in the log (`name` is the event= of the line)."""

    name: str
    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Alarm:
    """Publish: something an operator must look at; stays in `status` as a warning."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to CommandReceived `rid`."""

    rid: int
    ok: bool
    text: str


@dataclass(frozen=True, slots=True)
class CloseLink:
    """Drop the connection to `peer`; the shell dials again with back-off."""

    peer: str
    why: str


@dataclass(frozen=True, slots=True)
class Exit:
    """End the node process (0: stopped as asked; 1: cannot go on)."""

    code: int
    why: str


Effect = (
    Deescalate
    | Save
    | Send
    | OpenRound
    | Extend
    | Escalate
    | ArmWill
    | ProbeVip
    | CheckReady
    | Reannounce
    | StateChanged
    | Note
    | Alarm
    | Reply
    | CloseLink
    | Exit
)
