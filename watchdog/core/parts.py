"""The parts of one node, and the few moves that touch several of them at once.

A *move* is winning, resigning, ending a tenure, losing the guardian: whatever the node does for
reasons that different events share.  That a move is due is decided by `node` (time and the world),
`conversation` (peers), `answers` (the guardian) and `orders` (operators).
"""

import random

from watchdog.core.candidacy import Candidacy
from watchdog.core.effects import Exit, HardState
from watchdog.core.fitness import Fitness
from watchdog.core.formation import Formation
from watchdog.core.guard import Guard
from watchdog.core.leading import Leadership, Phase
from watchdog.core.ledger import Ledger
from watchdog.core.membership import Roster
from watchdog.core.messages import Release, Tenure
from watchdog.core.opinions import Opinions
from watchdog.core.outbox import Context, Outbox
from watchdog.core.promise import Voter
from watchdog.core.settings import Settings
from watchdog.core.states import NodeState
from watchdog.core.transfer import Handing
from watchdog.core.verdicts import Verdicts
from watchdog.core.vip_probe import VipProbe
from watchdog.instant import Instant
from watchdog.lateness import Lateness

OFF_FAILED = "OFF_FAILED"


class Parts:
    """Everything that a node is made of."""

    def __init__(
        self, settings: Settings, loaded: HardState | None, rng: random.Random, inc: bytes
    ) -> None:
        self.state = NodeState()
        self.office: Leadership | None = None
        self.has_exited = False
        self.lateness = Lateness()
        self.is_unwatched = False
        """This node's lifecheck is gone, or back only just now."""
        self.last_end: tuple[str, str] | None = None
        """(node, why): the newest end of a tenure that this node knows of."""
        self._settings = settings
        self._loaded = loaded
        self._rng = rng
        self._inc = inc

    def assemble(self, *, amnesiac: bool, now: Instant, wall_ms: int) -> None:
        """Make the parts; the order is that of who reads whom."""
        settings, guard = self._settings, Guard()
        ledger = Ledger(settings, self._loaded, now)
        roster = Roster(settings)
        voter = Voter(settings, ledger, roster, guard, now)
        self.out = Outbox()
        self.ctx = Context(settings, self._inc, self._rng, ledger, roster, guard, voter, self.out)
        self.ledger, self.roster, self.guard, self.voter = ledger, roster, guard, voter
        self.opinions = Opinions(self.ctx.me)
        self.fitness = Fitness(self.ctx)
        self.verdicts = Verdicts(self.ctx, self.fitness)
        self.formation = Formation(self.ctx, amnesiac=amnesiac, now=now, wall_ms=wall_ms)
        self.candidacy = Candidacy(self.ctx, self.fitness)
        self.probe = VipProbe(self.ctx)
        self.handing = Handing(self.ctx, self.fitness)

    # --- moves

    def stand(self, now: Instant, transfer: Tenure | None = None) -> None:
        """Become a candidate."""
        self.candidacy.stand(now, transfer)

    def win(self, now: Instant) -> None:
        """The ballot is won: lead, and send the first BEACON at once."""
        ballot = self.candidacy.ballot
        assert ballot is not None, "won without a ballot"
        self.candidacy.ballot = None
        self.office = Leadership(self.ctx, self.fitness, self.probe, ballot, now)
        self.out.note("elected", term=ballot.term, votes=",".join(sorted(ballot.votes)))
        self.office.beacon(now)

    def resign(
        self, reason: str, now: Instant, successor: str | None = None, *, releases: bool = True
    ) -> None:
        """Go off; the tenure is released when that is confirmed, or never if not `releases`."""
        office = self.office
        if office is None:
            return
        self.last_end = (self.ctx.me, reason)
        if office.phase is not Phase.RESIGNING:
            if reason == "not_escalated":
                self.fitness.punish(now)
            self.handing.resign(office, successor, reason, now)
        if not releases:
            self.end_without_release(now)
        elif self.guard.is_off:
            self.end_tenure(now)

    def end_tenure(self, now: Instant) -> None:
        """OFF is confirmed: the tenure is dead and may be released."""
        office = self.office
        assert office is not None, "no tenure to end"
        self.office = None
        self.handing.release(office, now)
        if office.was_on:
            self.probe.holder_released()
        self.candidacy.redraw()

    def end_without_release(self, now: Instant) -> None:
        """The tenure is dead, but whether the service is off nobody knows: promises stay."""
        self.office = None
        self.handing.forget(now)

    def promise_ended(self, holder: str, now: Instant) -> None:
        """The promise of this voter expired: its holder fell silent."""
        if holder != self.ctx.me:
            self.last_end = (holder, "fell silent")
        self.candidacy.redraw()
        self.verdicts.promise_ended(holder, now)
        self.probe.holder_fell_silent(now)

    def was_released(self, release: Release, now: Instant) -> None:
        """The promise of this voter was released by its holder."""
        holder = release.tenure.node
        if release.was_on:
            self.last_end = (holder, release.reason or "released")
            self.probe.holder_released()
        self.candidacy.redraw()
        self.verdicts.promise_ended(holder, now)

    def exit(self, code: int, why: str) -> None:
        """End the node process; said once."""
        if not self.has_exited:
            self.has_exited = True
            self.out.put(Exit(code, why))

    def coordinator(self) -> str | None:
        """Who leads, as far as this node knows."""
        if self.office is not None and self.office.phase is not Phase.RESIGNING:
            return self.ctx.me
        return self.voter.follows()
