"""What waits for the gate's thread, in the order in which it is worth doing.

Rule: bounded, and the urgent first: the end, closing, arming, tickets, looking.  A newer arm
replaces a waiting older one; closing refuses every arm and ticket that waits, and nobody who asked
before gets anything after it.  Pure; the caller holds the lock.
"""

from collections import deque
from typing import Final, NamedTuple

from watchdog.guardian import actions as act

TICKETS_MAX: Final = 64
REFUSED_MAX: Final = 1024


class End(NamedTuple):
    """Remove everything, and end."""


Job = act.OpenTicket | act.ArmGate | act.CloseGate | act.CheckMachine | End
Refused = tuple[act.OpenTicket | act.ArmGate, str]


class Backlog:
    """`refused` are those that will not be done, with the reason, oldest first."""

    def __init__(self) -> None:
        self.refused: deque[Refused] = deque(maxlen=REFUSED_MAX)
        self._arm: act.ArmGate | None = None
        self._tickets: deque[act.OpenTicket] = deque()
        self._closes = False
        self._checks = False
        self._ends = False

    def put(self, job: Job) -> None:
        """One more thing to do."""
        match job:
            case act.OpenTicket():
                if len(self._tickets) >= TICKETS_MAX:
                    self._refuse(self._tickets.popleft(), "too many tickets wait for the kernel")
                self._tickets.append(job)
            case act.ArmGate():
                if self._arm:
                    self._refuse(self._arm, f"round {job.round} was armed instead")
                self._arm = job
            case act.CloseGate():
                self._closes = True
                self._drop("the gate was closed meanwhile")
            case act.CheckMachine():
                self._checks = True
            case End():
                self._ends = True
                self._drop("the guardian ends")

    def take(self) -> Job | None:
        """The next thing to do; None: nothing waits."""
        if self._ends:
            return End()
        if self._closes:
            self._closes = False
            return act.CloseGate()
        if self._arm:
            job, self._arm = self._arm, None
            return job
        if self._tickets:
            return self._tickets.popleft()
        if self._checks:
            self._checks = False
            return act.CheckMachine()
        return None

    def _drop(self, why: str) -> None:
        for ticket in self._tickets:
            self._refuse(ticket, why)
        self._tickets.clear()
        if self._arm:
            self._refuse(self._arm, why)
            self._arm = None

    def _refuse(self, job: act.OpenTicket | act.ArmGate, why: str) -> None:
        self.refused.append((job, why))
