"""The kernel of one machine: the VIP, the gate in front of it, and the hook that runs.

The gate (of a later issue) is modelled: whatever happens to user space, the VIP is silent by `hard`
after the `s` that the guardian accepted last.  So a machine *serves* while it has power, the VIP is
there and the gate is open; it is *on* while its guardian says so.
Exemption, kept narrow: from the freeze or death of a guardian until it (or its successor) has run
again and has finished a going-off that had become late, the machine counts by its gate only.
"""

from tests.simulation.clocks import ClockPair
from watchdog.guardian.actions import HookKind
from watchdog.instant import Instant, elapsed_hi


class Kernel:
    """What stays when processes die, and goes when the power does."""

    def __init__(self, clock: ClockPair) -> None:
        self._clock = clock
        self.hook: HookKind | None = None
        self.exempt = False
        self.has_vip = False
        self.suspended = False
        self._gate_s: Instant | None = None
        self._gate_ns = 0

    def add_vip(self, s: Instant, hard_ns: int, *, ok: bool) -> None:
        """Put the VIP on the interface, behind a gate that closes `hard_ns` after `s`."""
        self.has_vip = ok
        self._gate_s, self._gate_ns = s, hard_ns

    def move_gate(self, s: Instant) -> None:
        """The guardian has accepted a newer `s`."""
        self._gate_s = s

    def remove_vip(self) -> None:
        """Take the VIP away; the gate may lapse by itself."""
        self.has_vip = False

    def clean(self) -> None:
        """Nothing of an earlier life is left: no VIP, no hook, no claim."""
        self.has_vip = False
        self.hook = None
        self._gate_s = None

    def lose_power(self) -> None:
        """Nothing of a kernel outlives the power."""
        self.clean()
        self.exempt = self.suspended = False

    def is_serving(self, now: int) -> bool:
        """Whether a client that asks now is answered."""
        if not self.has_vip or self._gate_s is None or self.suspended:
            return False
        return elapsed_hi(self._clock.read(now), self._gate_s) < self._gate_ns

    def was_late(self, now: int) -> bool:
        """Whether the claim that was accepted last has passed its hard bound."""
        if self._gate_s is None:
            return False
        return elapsed_hi(self._clock.read(now), self._gate_s) > self._gate_ns
