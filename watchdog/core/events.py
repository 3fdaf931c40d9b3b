"""Everything that can happen to a node: the only input of `Node.step`.

Named in the past tense.  The first group is the world, the second answers effects.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from watchdog.core.messages import Message

LIFECHECK: Final = "lifecheck"
"""The source of what the built-in lifecheck of this node says."""
INFORM: Final = "inform"
"""The source of what operators and programs said in passing, without staying connected."""


class Verdict(Enum):
    """A health judgement from outside the election."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"


class Command(Enum):
    """What an operator can ask of a node."""

    SWITCHOVER = "switchover"
    FORM = "form"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Ticked:
    """The timer at `Node.next_deadline` fired (early or late is both fine)."""


@dataclass(frozen=True, slots=True)
class Stalled:
    """As Ticked, but much too late: nobody let this process run; `stolen_ms`: its hypervisor."""

    late_ms: int
    stolen_ms: int


@dataclass(frozen=True, slots=True)
class LinkOpened:
    """An authenticated connection to `peer` is up; its HELLO follows as a message."""

    peer: str


@dataclass(frozen=True, slots=True)
class LinkClosed:
    """The current connection to `peer`, over which it had said to be `inc`, has ended."""

    peer: str
    inc: bytes
    why: str


class MessageReceived(NamedTuple):
    """`inc` is the incarnation that the connection's HELLO (or the datagram's header) named."""

    peer: str
    inc: bytes
    message: Message


@dataclass(frozen=True, slots=True)
class UplinkChanged:
    """The interface or address of the cluster network is usable (again), or not."""

    up: bool
    why: str


@dataclass(frozen=True, slots=True)
class LifecheckReported:
    """A verdict about `subject`, given on this node; its own name means this node's health."""

    subject: str
    verdict: Verdict
    reason: str
    source: str = LIFECHECK
    epoch: int = 0
    """Not 0: about what runs only where the VIP is; it counts while this node is on under it."""


@dataclass(frozen=True, slots=True)
class StandingReported:
    """What a source takes off this node's priority, and why others should lead if they can."""

    source: str
    handicap: int
    veto: str
    is_mute: bool = False
    """It cannot send heartbeats: that the others miss them says nothing about this node."""


@dataclass(frozen=True, slots=True)
class LifecheckLost:
    """A source of verdicts is gone, or silent for too long: what it said is unknown now."""

    source: str
    why: str


@dataclass(frozen=True, slots=True)
class CommandReceived:
    """An operator's command; answered by exactly one `Reply` with the same `rid`."""

    rid: int
    command: Command
    target: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class GuardianReady:
    """The guardian's hello: the last epoch it escalated with, and whether all is off and clean.

    `gate` and `watchdog`: whether the kernel and the hardware stand behind the lease.
    """

    last_epoch: int
    off_clean: bool
    gate: bool = False
    watchdog: bool = False


@dataclass(frozen=True, slots=True)
class GuardianWarned:
    """An alarm of the guardian: something on this machine is not as it left it."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class GuardianLost:
    """The socketpair to the guardian ended."""


@dataclass(frozen=True, slots=True)
class RoundOpened:
    """Answer to OpenRound: the round may be sent now, and not before."""

    no: int
    round: int


@dataclass(frozen=True, slots=True)
class ExtendRefused:
    """Answer to an Extend `n` that moved nothing; one that was taken is not answered."""

    n: int


@dataclass(frozen=True, slots=True)
class Escalated:
    """Answer to Escalate `n`: VIPs are up and announced; the hook may still run."""

    n: int


@dataclass(frozen=True, slots=True)
class Off:
    """Everything is confirmed off; `n` is the last command the guardian obeyed.

    `why`: it went off by itself, and for that reason; empty when this node asked for it.
    """

    n: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class OffFailed:
    """The guardian cannot confirm OFF (a hook or a VIP resists): no RELEASE may follow."""

    n: int
    why: str


@dataclass(frozen=True, slots=True)
class HookEnded:
    """The escalation hook of Escalate `n` ended."""

    n: int
    ok: bool
    detail: str


@dataclass(frozen=True, slots=True)
class ProbeFinished:
    """Answer to ProbeVip: whether another machine answered for one of the VIPs, and which MAC."""

    rid: int
    answered: bool
    detail: str


@dataclass(frozen=True, slots=True)
class ReadyChecked:
    """Answer to CheckReady: OFF-clean and every hook file passes the checks."""

    rid: int
    ok: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Saved:
    """The record of Save `ticket` is durable."""

    ticket: int


@dataclass(frozen=True, slots=True)
class SaveFailed:
    """The record of Save `ticket` may or may not be on disk; the disk is not to be trusted."""

    ticket: int
    why: str


Event = (
    Ticked
    | Stalled
    | LinkOpened
    | LinkClosed
    | MessageReceived
    | UplinkChanged
    | LifecheckReported
    | StandingReported
    | LifecheckLost
    | CommandReceived
    | GuardianReady
    | GuardianLost
    | GuardianWarned
    | RoundOpened
    | ExtendRefused
    | Escalated
    | Off
    | OffFailed
    | HookEnded
    | ProbeFinished
    | ReadyChecked
    | Saved
    | SaveFailed
)
