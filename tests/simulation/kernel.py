"""The kernel of one machine: the VIP, the gate in front of it, and the hook that runs.

A machine *serves* while it has power, the VIP is there and the gate, if it has one, lets traffic
pass; it is *on* while its guardian says so.  Gate: a lease that was armed lives for its timeout,
whatever happens to user space, and only a ticket that still lives can arm it.  Not modelled: that
its timers stand still in a suspend (docs/election.md, 13).
Exemption, kept narrow: from the freeze or death of a guardian until it (or its successor) has run
again and has finished a going-off that had become late, the machine counts by what it serves only.
"""

from typing import Final

from tests.simulation.clocks import ClockPair
from watchdog.guardian.actions import HookKind
from watchdog.instant import Instant, elapsed_hi

NO_TICKET: Final = "the ticket has expired or was spent"
NO_TABLE: Final = "the gate was gone"


class Lapse:
    """Something that the kernel removes by itself."""

    __slots__ = ("_for_ns", "_since")

    def __init__(self, since: Instant, for_ns: int) -> None:
        self._since = since
        self._for_ns = for_ns

    def lives(self, now: Instant) -> bool:
        """Whether it is still there."""
        return elapsed_hi(now, self._since) < self._for_ns


class Kernel:
    """What stays when processes die, and goes when the power does."""

    def __init__(self, clock: ClockPair) -> None:
        self._clock = clock
        self.hook: HookKind | None = None
        self.exempt = False
        self.has_vip = False
        self.suspended = False
        self.has_gate = False
        """Whether its tables are there; without them everything passes."""
        self._lease: Lapse | None = None
        self._tickets: dict[tuple[int, int], Lapse] = {}
        self._claim_s: Instant | None = None
        self._hard_ns = 0

    # --- the claim that counts, as the guardian accepted it

    def claim(self, s: Instant, hard_ns: int) -> None:
        """The guardian goes on, or has accepted a newer `s`."""
        self._claim_s, self._hard_ns = s, hard_ns

    def was_late(self, now: int) -> bool:
        """Whether the claim that was accepted last has passed its hard bound."""
        if self._claim_s is None:
            return False
        return elapsed_hi(self._clock.read(now), self._claim_s) > self._hard_ns

    # --- the VIP

    def remove_vip(self) -> None:
        """Take the VIP away; the gate may lapse by itself."""
        self.has_vip = False

    def clean(self) -> None:
        """Nothing of an earlier life is left: no VIP, no hook, no gate, no claim."""
        self.has_vip = self.has_gate = False
        self.hook = self._lease = self._claim_s = None
        self._tickets.clear()

    def lose_power(self) -> None:
        """Nothing of a kernel outlives the power."""
        self.clean()
        self.exempt = self.suspended = False

    def is_serving(self, now: int) -> bool:
        """Whether a client that asks now is answered."""
        if not self.has_vip or self.suspended:
            return False
        if not self.has_gate:
            return True
        return self._lease is not None and self._lease.lives(self._clock.read(now))

    # --- the gate

    def make_gate(self) -> None:
        """Make the tables anew: closed."""
        self.has_gate = True
        self.close_gate()

    def flush_rules(self) -> None:
        """Somebody flushes every table of this machine."""
        self.has_gate = False
        self.close_gate()

    def close_gate(self) -> None:
        """End the lease and void all tickets."""
        self._lease = None
        self._tickets.clear()

    def open_ticket(self, key: tuple[int, int], timeout_ns: int, now: int) -> bool:
        """Hold a ticket for a round; False when the tables are gone."""
        if self.has_gate:
            self._tickets[key] = Lapse(self._clock.read(now), timeout_ns)
        return self.has_gate

    def arm(self, key: tuple[int, int], timeout_ns: int, now: int) -> str:
        """Spend a ticket for a lease; why not, empty when it was done."""
        if not self.has_gate:
            return NO_TABLE
        ticket, instant = self._tickets.pop(key, None), self._clock.read(now)
        if ticket is None or not ticket.lives(instant):
            return NO_TICKET
        self._lease = Lapse(instant, timeout_ns)
        return ""
