"""What the lifecheck of one machine says to its node process, and to the next one in turn.

Rule: it tells what the scenario or the seed set, nothing is measured.  While it is gone its node
process knows nothing; when it is back it says everything again.
"""

from collections.abc import Callable

from watchdog.core import events
from watchdog.core.events import LIFECHECK, Verdict

WHY = "simulated"


class Lifecheck:
    """Health of one machine, as its node process is told."""

    def __init__(self, name: str, tell: Callable[[events.Event], None]) -> None:
        self._name = name
        self._tell = tell
        self.healthy = True
        self.dead: frozenset[str] = frozenset()
        self.handicap = 0
        self.veto = ""
        self.is_running = True

    def set_health(self, *, healthy: bool) -> None:
        """What it says of this node."""
        if healthy != self.healthy:
            self.healthy = healthy
            self._say(self._own())

    def set_dead(self, names: frozenset[str]) -> None:
        """Which other members it calls dead."""
        for name in sorted(names ^ self.dead):
            verdict = Verdict.DEAD if name in names else Verdict.ALIVE
            self._say(events.LifecheckReported(name, verdict, WHY))
        self.dead = names

    def set_standing(self, handicap: int, veto: str) -> None:
        """What it takes off the priority, and why others should lead."""
        if (handicap, veto) != (self.handicap, self.veto):
            self.handicap, self.veto = handicap, veto
            self._say(self._standing())

    def service_died(self, epoch: int) -> None:
        """What the escalation hook started under `epoch` is gone."""
        self._say(events.LifecheckReported(self._name, Verdict.DEAD, WHY, LIFECHECK, epoch))

    def stop(self) -> None:
        """It dies."""
        if self.is_running:
            self.is_running = False
            self._tell(events.LifecheckLost(LIFECHECK, WHY))

    def start(self) -> None:
        """It is back, and says how things are."""
        if not self.is_running:
            self.is_running = True
            self.replay(self._tell)

    def replay(self, tell: Callable[[events.Event], None]) -> None:
        """Say everything to a new process, if it runs."""
        if not self.is_running:
            return
        tell(self._own())
        for name in sorted(self.dead):
            tell(events.LifecheckReported(name, Verdict.DEAD, WHY))
        if self.handicap or self.veto:
            tell(self._standing())

    def heal(self) -> None:
        """All is well, and it says so."""
        self.start()
        self.set_health(healthy=True)
        self.set_dead(frozenset())
        self.set_standing(0, "")

    def _own(self) -> events.LifecheckReported:
        verdict = Verdict.ALIVE if self.healthy else Verdict.DEAD
        return events.LifecheckReported(self._name, verdict, WHY)

    def _standing(self) -> events.StandingReported:
        return events.StandingReported(LIFECHECK, self.handicap, self.veto)

    def _say(self, event: events.Event) -> None:
        if self.is_running:
            self._tell(event)
