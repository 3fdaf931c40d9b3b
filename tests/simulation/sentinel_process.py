"""The sentinel beside a guardian: what it sees of the page, and when it takes everything off.

Rule: it acts when the guardian is dead, or when what is on has not been taken off by `hard` -
slack (docs/election.md, G10); a wake-up may be late by up to `slack`.  Its will leaves under the
conditions of any will: the node is gone, nothing is on, and no de-escalation hook is owed.
"""

from typing import Final, Protocol

from tests.simulation.kernel import Kernel
from tests.simulation.stage import Host
from watchdog.instant import MS, Instant, elapsed_hi

DEATH_NS: Final = MS
"""From the death of the guardian to the sentinel's first act, at most."""
COPIES: Final = 3
COPY_GAP_NS: Final = 20 * MS


class SentinelHost(Host, Protocol):
    """The machine, as its sentinel sees it."""

    kernel: Kernel

    def kill_orphan(self) -> None:
        """SIGKILL the node process of a dead guardian."""

    def send_will(self, inc: bytes) -> None:
        """Send a will to every peer."""

    def sentinel_done(self, sentinel: "SentinelProcess") -> None:
        """It has ended by itself, all being off."""


class SentinelProcess:
    """Lives as long as its guardian, and a moment longer."""

    def __init__(self, machine: SentinelHost, slack_ns: int, *, owes_hooks: bool) -> None:
        self.machine = machine
        self.stage = machine.stage
        self.alive = True
        self.frozen = False
        self.will: bytes | None = None
        self._slack_ns = slack_ns
        self._owes_hooks = owes_hooks
        self._claim: tuple[Instant, int] | None = None
        self._wake = -1
        self._is_orphan = False

    # --- the page, written by the guardian

    def watch(self, s: Instant, hard_ns: int) -> None:
        """Something is on, or will be, until `s` + hard at the latest."""
        was_idle = self._claim is None
        self._claim = (s, hard_ns)
        if was_idle:
            self._arm()

    def unwatch(self) -> None:
        """All is confirmed off."""
        self._claim = None

    # --- its life

    def guardian_died(self) -> None:
        """Its pidfd is readable."""
        self._is_orphan = True
        late = int(self.machine.rng.random() * DEATH_NS)
        self.stage.heap.after(late, self._act)

    def freeze(self, duration: int) -> None:
        """SIGSTOP, and SIGCONT later."""
        if self.alive and not self.frozen:
            self.frozen = True
            self.stage.heap.after(duration, self.thaw)

    def thaw(self) -> None:
        """Go on: it looks at the guardian and at the time."""
        if self.frozen:
            self.frozen = False
            self._look()

    def end(self) -> None:
        """It is gone, in good order or not."""
        self.alive = False

    def _arm(self) -> None:
        if self._claim is None:
            return
        s, hard_ns = self._claim
        left = hard_ns - self._slack_ns - elapsed_hi(self._now, s)
        late = int(self.machine.rng.random() * 0.9 * self._slack_ns)
        self._wake = self.stage.heap.now + max(0, left - left // 50) + late
        self.stage.heap.at(self._wake, self._tick, self._wake)

    @property
    def _now(self) -> Instant:
        return self.machine.clock.read(self.stage.heap.now)

    def _tick(self, wake: int) -> None:
        if wake == self._wake:
            self._look()

    def _look(self) -> None:
        if not self.alive or self.frozen or self.machine.kernel.suspended:
            return
        if self._is_orphan:
            self._act()
        elif self._claim is not None:
            s, hard_ns = self._claim
            if elapsed_hi(self._now, s) >= hard_ns - self._slack_ns:
                self._take_off()
            self._arm()

    def _take_off(self) -> None:
        self.machine.kernel.remove_vip()
        self.machine.kernel.hook = None

    def _act(self) -> None:
        if not self.alive or self.frozen:
            return
        self._take_off()
        self.stage.heap.after(MS, self._say_will)

    def _say_will(self) -> None:
        """Once the node is gone as well."""
        if not self.alive or self.frozen:
            return
        self.machine.kill_orphan()
        if self.will is not None and self._may_send_will():
            self.stage.watch.tell(self.stage.watch.will_sent, self.machine, self.will)
            for copy in range(COPIES):
                self.stage.heap.after(copy * COPY_GAP_NS, self.machine.send_will, self.will)
        self.alive = False
        self.machine.sentinel_done(self)

    def _may_send_will(self) -> bool:
        if not self._owes_hooks or self._claim is None:
            return True
        s, hard_ns = self._claim
        return elapsed_hi(self._now, s) >= hard_ns
