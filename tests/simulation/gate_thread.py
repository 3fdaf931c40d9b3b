"""The guardian's thread for the gate: calls into the kernel, one after the other, each in its time.

Rule: nobody waits for it.  A call that has begun may end at any later time, because whoever
reloads other rules holds the kernel, and because the process may be stopped in between: what such
a late call may still do is for the kernel's tickets alone.
"""

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol, assert_never

from tests.simulation.kernel import NO_TABLE, Kernel
from tests.simulation.stage import Host
from watchdog.guardian import actions as act
from watchdog.instant import MS

CALL_NS: Final = 40_000
BUSY_NS: Final = 300 * MS
"""How long somebody else's reload may hold a call."""
DROPPED: Final = "it was closed"


class GateHost(Host, Protocol):
    """The machine, as the thread sees it."""

    kernel: Kernel
    is_nft_busy: bool
    is_gated: bool


class GuardianOf(Protocol):
    """The process that the thread is part of."""

    alive: bool
    frozen: bool

    @property
    def machine(self) -> GateHost:
        """What it runs on."""

    def post(self, event: act.Input) -> None:
        """Let something happen to the guardian."""


class GateThread:
    """Takes the actions of the gate in their order."""

    def __init__(self, guardian: GuardianOf) -> None:
        self._guardian = guardian
        self._last = 0
        self._closings = 0
        self._waiting: deque[Callable[[], None]] = deque()

    def begin(self, action: act.OpenTicket | act.ArmGate | act.CloseGate) -> None:
        """Begin a call; closing goes before everything that waits, and drops it."""
        match action:
            case act.OpenTicket():
                self._later(self._open_ticket, action, self._closings)
            case act.ArmGate():
                self._later(self._arm, action, self._closings)
            case act.CloseGate():
                self._closings += 1
                self._later(self._close)
            case _:
                assert_never(action)

    def look_around(self) -> None:
        """Begin to look whether the tables are there."""
        if self._guardian.machine.is_gated:
            self._later(self._look)

    def _later(self, call: Callable[..., None], *args: object) -> None:
        machine = self._guardian.machine
        late = CALL_NS + int(machine.rng.expovariate(1 / CALL_NS))
        if machine.is_nft_busy:
            late += int(machine.rng.random() * BUSY_NS)
        heap = machine.stage.heap
        self._last = max(self._last, heap.now + late)
        heap.at(self._last, self._run, lambda: call(*args))

    def _run(self, call: Callable[[], None]) -> None:
        if not self._guardian.alive:
            return
        if self._guardian.frozen or self._waiting:
            self._waiting.append(call)
        else:
            call()

    def thaw(self) -> None:
        """Go on with the calls that had begun."""
        while self._waiting and not self._guardian.frozen and self._guardian.alive:
            self._waiting.popleft()()

    # --- the calls

    def _open_ticket(self, action: act.OpenTicket, closings: int) -> None:
        no, number, timeout_ns = action
        machine = self._guardian.machine
        if closings != self._closings:
            self._guardian.post(act.TicketOpened(no, number, False, DROPPED))
            return
        ok = machine.kernel.open_ticket((no, number), timeout_ns, machine.stage.heap.now)
        if not ok:
            self._make_anew()
        self._guardian.post(act.TicketOpened(no, number, ok, "" if ok else NO_TABLE))

    def _arm(self, action: act.ArmGate, closings: int) -> None:
        no, number, timeout_ns = action
        machine = self._guardian.machine
        if closings != self._closings:
            return
        why = machine.kernel.arm((no, number), timeout_ns, machine.stage.heap.now)
        if why == NO_TABLE:
            self._make_anew()
        if not why:
            machine.stage.watch.tell(machine.stage.watch.held, machine)
        self._guardian.post(act.GateArmed(no, number, not why, why))

    def _close(self) -> None:
        self._guardian.machine.kernel.close_gate()

    def _look(self) -> None:
        if not self._guardian.machine.kernel.has_gate:
            self._make_anew()

    def _make_anew(self) -> None:
        self._guardian.machine.kernel.make_gate()
        self._guardian.post(act.GateChecked(True, NO_TABLE))
