"""What acts in the guardian's place should it be stopped: sentinel, hardware watchdog, self-fence.

Pure; part of `holding`.  They learn of every claim before its first act and of every later `s`,
and are called off only when all is confirmed off (docs/election.md, I5, G6 and G10).
"""

from watchdog.guardian import actions as act
from watchdog.guardian.policy import Claim, Policy
from watchdog.instant import Instant, elapsed_hi


class Backstops:
    """Every method returns what is to be done; without any backstop that is nothing."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._lost = ""

    def lose(self, what: str) -> None:
        """One of them is gone: nothing may go on any more."""
        self._lost = what

    def fault(self, claim: Claim, now: Instant) -> str:
        """Why nothing would stand behind `claim` if it began now; empty when all would."""
        if self._lost:
            return self._lost
        if self._policy.watchdog_ns and self._is_past_petting(claim, now):
            return "too late for the hardware watchdog"
        return ""

    def stand_behind(self, claim: Claim, now: Instant) -> list[act.Action]:
        """The claim begins, or its `s` has moved."""
        actions: list[act.Action] = []
        if self._policy.has_sentinel:
            actions.append(act.WatchClaim(claim.s, claim.hard_ns))
        if self._policy.watchdog_ns and not self._is_past_petting(claim, now):
            actions.append(act.PetWatchdog())
        return actions

    def _is_past_petting(self, claim: Claim, now: Instant) -> bool:
        # A reset that comes after `hard` protects nobody.
        return elapsed_hi(now, claim.s) + self._policy.watchdog_ns > claim.hard_ns

    def stand_down(self, *, is_hook_failed: bool = False) -> list[act.Action]:
        """All is off, as far as this machine can see."""
        actions: list[act.Action] = []
        if self._policy.has_sentinel:
            actions.append(act.UnwatchClaim())
        # What a failed hook should have ended may live: the reset ends it, if it is wanted.
        if self._policy.watchdog_ns and not (is_hook_failed and self._policy.self_fence != "off"):
            actions.append(act.CloseWatchdog())
        return actions

    def fence(self) -> list[act.Action]:
        """It could not be taken off: end it with the machine, if the operator wants that."""
        how = self._policy.self_fence
        return [] if how == "off" else [act.Fence(how)]
