"""What a node must know before it can decide anything: who votes, and every number of the timing.

Made by `watchdog.config` from the file alone, never from what one machine happened to get.
Durations are ints of nanoseconds (`_ns`); what travels between peers is in milliseconds (`_ms`).
"""

from dataclasses import dataclass

from watchdog.instant import MS, SECOND

RHO_PER_MILLE = 10
"""Bound on each clock's rate error, in 1/1000 (real oscillators: about 0.1)."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Every number of the election; `config.timing` has the profiles and the inequalities."""

    beacon_ns: int
    repeat_ns: int
    soft_ns: int
    deesc_ns: int
    drop_ns: int
    slack_ns: int
    ticket_ns: int
    hard_ns: int
    promise_ns: int
    slot_ns: int
    jitter_ns: int
    window_ns: int
    reach_ns: int
    vote_wait_ns: int
    retry_min_ns: int
    retry_max_ns: int
    min_left_ns: int
    rtt_max_ns: int
    probe_ns: int
    standdown_ns: int
    reserve_ns: int
    failback_delay_ns: int
    escalation_timeout_ns: int

    @property
    def hard_ms(self) -> int:
        """The hard bound as it travels in VOTE, BEACON and HELLO (whole ms, rounded up)."""
        return -(-self.hard_ns // MS)

    @property
    def promise_ms(self) -> int:
        """The promise as it travels in HELLO (whole ms, rounded down: never claim more)."""
        return self.promise_ns // MS


@dataclass(frozen=True, slots=True)
class Member:
    """A configured node. `order` is its place in the table and breaks ties of priority."""

    name: str
    weight: int
    priority: int
    witness: bool
    order: int


@dataclass(frozen=True, slots=True)
class Settings:
    """The identity of this node, the membership it obeys, and the timing."""

    name: str
    cluster_id: bytes
    members: tuple[Member, ...]
    digest: bytes
    timing: Timing
    config_digests: tuple[tuple[str, bytes], ...] = ()
    failback: bool = False
    has_vip: bool = False
    takeover: bool = False
    """`on_conflict = "takeover"`: escalate although somebody else answers for a VIP."""
    expects_lifecheck: bool = False
    """A built-in lifecheck runs beside this node; while it is gone, its silence says nothing."""
    on_loss_release: bool = False
    """`[lifecheck] on_loss = "release"`: a node whose built-in lifecheck is gone may not lead."""
    lifecheck_deadtime_ns: int = 10 * SECOND
    """How long it may be gone before."""
    old_members: tuple[tuple[str, int], ...] | None = None
    """(name, weight) of the list that `--accept-membership` replaces; None in ordinary starts."""


def promise_covers(promise_ms: int, hard_ms: int) -> bool:
    """Inequality I3: whether a promise outlasts a hard bound by whatever two clocks."""
    fast, slow = 1000 + RHO_PER_MILLE, 1000 - RHO_PER_MILLE
    return (promise_ms - 20) * slow >= hard_ms * fast
