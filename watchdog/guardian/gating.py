"""Rounds and the gate: which rounds may move a claim, and until when VIP traffic passes.

Pure; part of `holding`.  A round counts as opened from the kernel's acknowledgement of its ticket,
which comes before the round is sent: so no lease that is counted from the sending can arm the gate
later than `ticket` after it, however long this process is stopped (docs/election.md, I6).
"""

from collections import deque
from typing import Final

from watchdog.guardian import actions as act
from watchdog.guardian.due import Due
from watchdog.guardian.policy import Claim, Policy
from watchdog.guardian.rounds import Rounds
from watchdog.guardian_protocol import RoundOpened
from watchdog.instant import Instant

TICKETS_MAX: Final = 64


class Gating:
    """Without a gate every round opens at once, and nothing ever shuts."""

    def __init__(self, policy: Policy) -> None:
        self.rounds = Rounds()
        self._policy = policy
        self._asked: deque[bool] = deque()
        """For every ticket without an answer: whether the round may still count."""
        self._open_until: Due | None = None

    @property
    def dues(self) -> list[Due]:
        """When traffic stops passing."""
        return [self._open_until] if self._open_until else []

    def open_round(self, no: int, number: int, now: Instant) -> list[act.Action]:
        """Open a round, or have its ticket made first."""
        if not self._policy.has_gate:
            self.rounds.open(no, number, now)
            return [act.Tell(RoundOpened(no, number))]
        if len(self._asked) >= TICKETS_MAX:
            return []  # the kernel has answered none of so many: one more helps nobody
        self._asked.append(True)
        return [act.OpenTicket(no, number, self._policy.ticket_ns)]

    def on_ticket_opened(self, answer: act.TicketOpened, now: Instant) -> list[act.Action]:
        """Without a ticket the round may be sent all the same, but it arms nothing."""
        assert self._asked, "a ticket that nobody asked for"
        opened = act.Tell(RoundOpened(answer.no, answer.round))
        if self._asked.popleft() and answer.ok:
            self.rounds.open(answer.no, answer.round, now)
        elif answer.why:
            return [act.Log("ticket_refused", answer.why), opened]
        return [opened]

    def forget(self) -> None:
        """No lease may count from anything that was asked for or sent until now."""
        self.rounds.forget()
        self._asked = deque([False] * len(self._asked))

    def arm(self, claim: Claim) -> list[act.Action]:
        """The claim begins, or has moved to this round."""
        return [act.ArmGate(claim.no, claim.round, claim.soft_ns)] if self._policy.has_gate else []

    def armed(self, now: Instant, soft_ns: int) -> None:
        """The kernel lets traffic pass for `soft` from a moment before `now`."""
        self._open_until = Due(now, soft_ns)

    def close(self) -> None:
        """It is shut, or will be: nothing is counted on."""
        self._open_until = None

    def is_low(self, now: Instant, soft_ns: int) -> bool:
        """Whether less than half is left: a ticket may expire now and then, not always."""
        return self._open_until is not None and self._open_until.left_ns(now) < soft_ns // 2

    def has_shut(self, now: Instant) -> bool:
        """Whether traffic has stopped passing although nobody asked for it."""
        return self._open_until is not None and self._open_until.is_past(now)
