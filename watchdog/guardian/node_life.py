"""The life of the node process: start, incarnation, will, end, restart, and the orderly stop.

Pure. The will is a RELEASE of a whole incarnation: it may leave only when that process is gone
for certain and everything it held is confirmed off (docs/election.md, G7).  The next process
starts at that moment, or at `hard` when off cannot be confirmed; it stays LOADING until it is.
"""

from collections import deque
from typing import Final

from watchdog.guardian.actions import Action, Exit, KillNode, Log, SendWill, StartNode
from watchdog.guardian.due import Due
from watchdog.guardian.policy import Policy
from watchdog.guardian_protocol import ArmWill
from watchdog.instant import MS, SECOND, Instant

WILL_COPIES: Final = 3
WILL_GAP_NS: Final = 20 * MS
WILLS_MAX: Final = 4
RESTART_MIN_NS: Final = 50 * MS
RESTART_MAX_NS: Final = 5 * SECOND
STEADY_NS: Final = 10 * SECOND
STOPPED: Final = Exit(0, "stopped as asked")
EXIT_REFUSED: Final = 2
"""Exit code of a node process that must not be started again: its configuration is refused."""


class NodeLife:
    """At most one node process lives; the wills of its predecessors may still be on their way."""

    def __init__(self, policy: Policy, now: Instant) -> None:
        self.is_alive = False
        self.is_up = False
        self.is_deaf = False
        self._is_killed = False
        self._policy = policy
        self._is_starting = False
        self._born = now
        self._failures = 0
        self._start_at: Due | None = None
        self._will: ArmWill | None = None
        self._waiting: deque[ArmWill] = deque(maxlen=WILLS_MAX)
        self._leaving: deque[tuple[Due, ArmWill]] = deque(maxlen=WILLS_MAX * WILL_COPIES)
        self._stop_by: Due | None = None
        self._exit_by: Due | None = None
        self._exit: Exit | None = None

    @property
    def is_stopping(self) -> bool:
        """Whether no further node process will be started."""
        return self._exit is not None

    @property
    def dues(self) -> list[Due]:
        """When `look` has something to do."""
        dues = [due for due, _ in self._leaving] if self._leaving else []
        if self._start_at:
            dues.append(self._start_at)
        if self._exit_by:
            dues.append(self._exit_by)
        if self._stop_by and self.is_alive:
            dues.append(self._stop_by)
        return dues

    def begin(self, now: Instant) -> None:
        """Have the first process started: as soon as nothing is left on."""
        self._start_at = Due(now, 0)

    def on_started(self, now: Instant) -> None:
        """The process exists; it has said nothing yet."""
        assert self._is_starting, "a node process that nobody started"
        self._is_starting, self.is_alive, self.is_up = False, True, False
        self.is_deaf = self._is_killed = False
        self._born = now

    def arm(self, will: ArmWill) -> None:
        """Keep the will of the living incarnation."""
        self._will = will

    def condemn(self, why: str) -> list[Action]:
        """Kill it; nothing that it still says is heard."""
        self.close()
        if not self.is_alive or self._is_killed:
            return []
        self._is_killed = True
        return [KillNode(why)]

    def close(self) -> None:
        """Hear nothing more of it and tell it nothing."""
        self.is_deaf, self.is_up = True, False

    def on_exited(self, now: Instant, code: int) -> None:
        """The process is gone; its will waits for off, its successor for the back-off."""
        was_steady = self.is_alive and Due(self._born, STEADY_NS).is_past(now)
        self.is_alive = self.is_up = self._is_starting = False
        if self._will:
            self._waiting.append(self._will)
        self._will = None
        self._stop_by = None
        self._failures = 0 if was_steady else self._failures
        delay = min(RESTART_MIN_NS << min(self._failures, 16), RESTART_MAX_NS)
        self._failures += 1
        if code == EXIT_REFUSED and not self._exit:
            self._exit = Exit(EXIT_REFUSED, "the node process refuses its configuration")
            self._exit_by = Due(now, self._policy.stop_timeout_ns)
        self._start_at = None if self._exit else Due(now, delay)

    def stop(self, now: Instant, end: Exit = STOPPED) -> None:
        """Begin the orderly stop, with its bounds; `end` is how, unless it has begun already."""
        if self._exit:
            return
        self._exit = end
        self._start_at = None
        self._stop_by = Due(now, self._policy.stop_timeout_ns)
        self._exit_by = Due(now, 2 * self._policy.stop_timeout_ns)

    def on_off(self, now: Instant, *, is_will_allowed: bool) -> list[Action]:
        """Everything is confirmed off: the wills of the dead may leave, unless it went badly."""
        if self._waiting and not is_will_allowed:
            self._waiting.clear()
            return [Log("will_withheld", "the de-escalation failed; voters wait out their promise")]
        for will in self._waiting:
            self._leaving.extend((Due(now, i * WILL_GAP_NS), will) for i in range(WILL_COPIES))
        self._waiting.clear()
        return []

    def look(
        self, now: Instant, *, is_off: bool, hard: Due | None, is_saving: bool
    ) -> list[Action]:
        """What is due. `hard`: when a successor may start although something is still on."""
        actions: list[Action] = []
        while self._leaving and self._leaving[0][0].is_past(now):
            actions.append(SendWill(self._leaving.popleft()[1]))
        may_start = is_off or (hard is not None and hard.is_past(now))
        if self._start_at and self._start_at.is_past(now) and may_start:
            self._start_at = None
            self._is_starting = True
            actions.append(StartNode())
        if self._stop_by and self._stop_by.is_past(now) and self.is_alive:
            self._stop_by = None
            actions += self.condemn("did not stop in time")
        return actions + self._look_at_exit(now, is_off=is_off and not is_saving)

    def _look_at_exit(self, now: Instant, *, is_off: bool) -> list[Action]:
        if not self._exit or self.is_alive or self._is_starting:
            return []
        if is_off and not self._leaving:
            return [self._exit]
        if self._exit_by and self._exit_by.is_past(now):
            return [Exit(1, "could not confirm that everything is off")]
        return []
