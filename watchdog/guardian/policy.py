"""What of the configuration the guardian's deadline must know, and one accepted claim to be on.

Pure data. `soft` and `hard` are not here: a tenure brings its own with ESCALATE.
"""

from dataclasses import dataclass

from watchdog.guardian.due import Due
from watchdog.instant import SECOND, Instant, elapsed_hi, elapsed_lo


@dataclass(frozen=True, slots=True)
class Policy:
    """Numbers in nanoseconds; `deesc_ns` bounds the de-escalation hook, 0 when there is none."""

    drop_ns: int
    slack_ns: int
    deesc_ns: int
    escalation_timeout_ns: int
    has_vips: bool
    has_escalation: bool
    has_de_escalation: bool
    is_hook_first: bool = False
    has_escalated_restarts: bool = False
    """Whether lifecheck may have something restarted that must end with the tenure."""
    has_gate: bool = False
    ticket_ns: int = 0
    """How long a round's ticket may arm the gate."""
    has_sentinel: bool = False
    watchdog_ns: int = 0
    """What the hardware watchdog waits before it resets the machine; 0: there is none."""
    self_fence: str = "off"
    """`watchdog` or `sysrq`: how the machine is reset when it cannot go off."""
    stop_timeout_ns: int = 10 * SECOND
    """How long an orderly stop of the node process may take before it is killed."""

    @property
    def has_hooks(self) -> bool:
        """Whether there is a process group that must be empty before OFF is confirmed."""
        return self.has_escalation or self.has_de_escalation or self.has_escalated_restarts


@dataclass(frozen=True, slots=True)
class Claim:
    """The tenure that is, or asks to be, on: fixed by its Escalate, but for `s` and `round`."""

    n: int
    no: int
    epoch: int
    round: int
    s: Instant
    soft_ns: int
    hard_ns: int

    @property
    def soft(self) -> Due:
        """When to start going off."""
        return Due(self.s, self.soft_ns)

    def fault(self, now: Instant, policy: Policy) -> str:
        """Why its instants do not allow it to stand now; empty when they do."""
        if elapsed_lo(now, self.s) < 0:
            return "the round was sent in the future"
        if elapsed_hi(now, self.s) >= self.soft_ns:
            return "the lease is over"
        tail = policy.deesc_ns + policy.drop_ns
        tail = max(tail, policy.ticket_ns if policy.has_gate else 0)
        late = self.hard_ns < self.soft_ns + tail + policy.slack_ns
        return "hard leaves no time to go off" if late else ""

    @property
    def lifetime_s(self) -> int:
        """Lifetime of an address: later than `hard`, so that it is a backstop only."""
        return -(-self.hard_ns // SECOND) + 1
