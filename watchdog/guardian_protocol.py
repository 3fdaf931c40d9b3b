"""Messages of the socketpair between the node process and the guardian: one packet each.

Fixed little structs, so that the guardian parses nothing that a network or a codec has touched.
Every packet is a kind byte and the fields of one NamedTuple below, big-endian; texts are cut to
their field and padded with NUL.  `n` numbers the commands that change what the guardian holds:
its answers carry the `n` of the last command obeyed (docs/election.md, "The guardian").
"""

import struct
from typing import Final, NamedTuple

from watchdog.instant import Instant

WILL_SIZE_MAX: Final = 256
WILL_ADDRESSES_MAX: Final = 15
PACKET_SIZE_MAX: Final = 1024
TEXT_SIZE: Final = 64
REASON_SIZE: Final = 160


class PacketError(ValueError):
    """A packet of the socketpair that cannot be: wrong kind, size or value. The sender is broken."""


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
    """First packet to a node process. `off_clean`: nothing is on and no clean-up is pending."""

    last_epoch: int
    off_clean: bool


class RoundOpened(NamedTuple):
    """The round is open (and its ticket, when there is a gate, is in the kernel)."""

    no: int
    round: int


class Extended(NamedTuple):
    """Extend `n` was looked at."""

    n: int
    ok: bool


class Escalated(NamedTuple):
    """VIPs are up and announced."""

    n: int


class Off(NamedTuple):
    """Everything is confirmed off; also the answer to a refused Escalate."""

    n: int


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


ToGuardian = (
    NodeUp | OpenRound | Extend | Escalate | Deescalate | ArmWill | ProbeVip | CheckReady | Notify
)
ToNode = (
    Welcome
    | RoundOpened
    | Extended
    | Escalated
    | Off
    | OffFailed
    | HookEnded
    | ProbeFinished
    | ReadyChecked
)
