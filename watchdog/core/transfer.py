"""Handing over: resignation, planned transfer and failback.

Resign is the only way down while alive: go off first, then end the tenure, *then* release it to
everybody.  A successor is named only after its READY.  If OFF cannot be confirmed there is no
RELEASE, and the others wait for their promises to expire (docs/election.md, "Resign").
"""

from dataclasses import dataclass
from typing import Final

from watchdog.core.effects import CheckReady, Reply
from watchdog.core.fitness import Fitness
from watchdog.core.leading import Leadership, Phase
from watchdog.core.messages import Ready, Release, ResignReply, Tenure, Transfer
from watchdog.core.outbox import Context
from watchdog.core.settings import promise_covers
from watchdog.instant import MS, SECOND, Instant

RELEASE_COPIES: Final = 3
REASON_MAX: Final = 128
"""Characters of a reason that travel: an operator's, or why a tenure ended."""
ANSWER_MAX: Final = 200
"""Characters of an answer that travel, such as what is wrong with a hook."""
RELEASE_GAP_NS: Final = 20 * MS
FAILBACK: Final = "failback"
FAILBACK_DELAY_MAX_NS: Final = 3600 * SECOND


@dataclass(slots=True)
class Handover:
    """A successor was asked whether it is ready."""

    target: str
    reason: str
    asker: str | None = None
    """The node whose operator waits for an answer; this one if it is its own name."""
    rid: int = 0
    until_ns: int = 0


@dataclass(frozen=True, slots=True)
class Resignation:
    """A tenure that ends as soon as the guardian is off."""

    successor: str | None
    reason: str


@dataclass(slots=True)
class _Repeat:
    release: Release
    left: int
    at_ns: int


class Handing:
    """Everything between the wish to hand over and the last RELEASE."""

    def __init__(self, ctx: Context, fitness: Fitness) -> None:
        self._ctx = ctx
        self._fitness = fitness
        self.handover: Handover | None = None
        self.resignation: Resignation | None = None
        self._repeats: list[_Repeat] = []
        self._checks: dict[int, tuple[str, Tenure]] = {}
        self._check_rid = 0
        self._offered: int | None = None
        """The number of the tenure that was offered to the best node."""
        self._fit_since_ns: dict[str, int] = {}
        self._failback_delay_ns = ctx.timing.failback_delay_ns

    # --- the leader's side of a transfer

    def objection_to(self, target: str, office: Leadership, now: Instant) -> str:
        """Why `target` cannot take over, or ""."""
        roster = self._ctx.roster
        if target not in roster.peers:
            known = ", ".join(sorted(roster.peers))
            return f"no other member is called {target} (members: {known})"
        lost = roster.lost_reason(target, now)
        if lost is not None:
            return f"{target} is not reachable: {lost.value}"
        unfit = roster.objection_to(target)
        if unfit:
            return f"{target} {unfit}"
        if not office.lease.granted_within(target, 2 * self._ctx.timing.beacon_ns, now):
            return f"{target} has not granted a beacon within two intervals"
        return ""

    def ask_ready(self, handover: Handover, office: Leadership, now: Instant) -> None:
        """Ask the successor; the answer is waited for at most two beacon intervals."""
        self._drop(f"gave way to {handover.reason}", now)
        handover.until_ns = now.boot_ns + 2 * self._ctx.timing.beacon_ns
        self.handover = handover
        self._ctx.send(handover.target, Transfer(office.tenure), now)

    def ask_best(self, office: Leadership, reason: str, now: Instant) -> bool:
        """Offer the lead to the best node, once per tenure; False when there is none to wait for.

        A handover that is under way is waited for, whoever wished it.
        """
        has_offered, self._offered = self._offered == office.tenure.no, office.tenure.no
        if self.handover is not None:
            return True
        best = self._ctx.roster.best(now)
        if has_offered or best is None:
            return False
        if self.objection_to(best, office, now):
            return False
        self.ask_ready(Handover(best, reason), office, now)
        return True

    def answer(self, asker: str | None, rid: int, text: str, now: Instant, *, ok: bool) -> None:
        """Tell whoever asked for a handover what became of it."""
        if asker == self._ctx.me:
            self._ctx.out.put(Reply(rid, ok, text))
        elif asker is not None:
            self._ctx.send(asker, ResignReply(rid, ok, text[:ANSWER_MAX]), now)

    def ready_received(
        self, peer: str, ready: Ready, office: Leadership | None, now: Instant
    ) -> Handover | None:
        """The successor answered: the handover to act on, or None when it is stale or refused."""
        handover = self.handover
        if handover is None or office is None or peer != handover.target:
            return None
        if ready.tenure != office.tenure:
            return None
        if ready.ok:
            self.handover = None
            self.answer(handover.asker, handover.rid, f"handing over to {peer}", now, ok=True)
            return handover
        self._drop(f"{peer} is not ready: {ready.reason}", now)
        self._ctx.out.note("transfer_refused", to=peer, reason=ready.reason)
        return None

    def expire(self, now: Instant) -> None:
        """Stop waiting for a successor that does not answer."""
        handover = self.handover
        if handover is not None and now.boot_ns >= handover.until_ns:
            self._drop(f"{handover.target} did not answer in time", now)

    def _drop(self, why: str, now: Instant) -> None:
        """End a handover that came to nothing; whoever asked for it is told."""
        handover, self.handover = self.handover, None
        if handover is not None:
            self.answer(handover.asker, handover.rid, why, now, ok=False)

    def target_covering_me(self, now: Instant) -> str | None:
        """A fit node with a smaller hard bound, for a leader whose bound is not covered."""
        roster, hard_ms = self._ctx.roster, self._ctx.timing.hard_ms
        for name in roster.better_than((False, -1, -(2**31)), now):
            hello = roster.peers[name].hello
            if hello is None or hello.hard_ms >= hard_ms:
                continue
            if promise_covers(self._ctx.timing.promise_ms, hello.hard_ms):
                return name
        return None

    # --- the successor's side

    def transfer_asked(self, peer: str, tenure: Tenure, now: Instant) -> None:
        """The leader asks this node: let the guardian check before saying READY."""
        if not self._fitness.is_eligible(now):
            reason = self._fitness.unfit_reason(now) or "its guardian is not off"
            self._ctx.send(peer, Ready(tenure, ok=False, reason=reason[:200]), now)
            return
        self._check_rid += 1
        self._checks = {self._check_rid: (peer, tenure)}
        self._ctx.out.put(CheckReady(self._check_rid))

    def ready_checked(self, rid: int, reason: str, now: Instant) -> None:
        """The guardian's answer; it goes to the leader that asked. `reason` is "" when ready."""
        asked = self._checks.pop(rid, None)
        if asked is not None:
            peer, tenure = asked
            self._ctx.send(peer, Ready(tenure, ok=not reason, reason=reason[:ANSWER_MAX]), now)

    # --- the end of a tenure

    def resign(self, office: Leadership, successor: str | None, reason: str, now: Instant) -> None:
        """Stop leading: the guardian goes off first, whatever else there is to do."""
        assert office.phase is not Phase.RESIGNING, "resigned twice"
        office.phase = Phase.RESIGNING
        self._drop(f"resigned meanwhile: {reason}", now)
        if reason == FAILBACK:
            self._failback_delay_ns = self._ctx.timing.failback_delay_ns
        self.resignation = Resignation(successor, reason)
        self._fitness.stand_down(now)
        self._ctx.out.note("resigns", term=office.term, reason=reason, successor=successor)
        if not self._ctx.guard.is_off:
            self._ctx.out.put(self._ctx.guard.deescalate(reason, now))

    def release(self, office: Leadership, now: Instant) -> None:
        """The node is off and the tenure dead: say so, three times."""
        assert self._ctx.guard.is_off, "release before off"
        resignation, self.resignation = self.resignation, None
        successor = resignation.successor if resignation else None
        release = Release(
            office.tenure,
            office.term,
            successor,
            gone=False,
            was_on=office.was_on,
            reason=resignation.reason[:REASON_MAX] if resignation else "",
        )
        self._ctx.voter.release(release, now)
        self._ctx.broadcast(release, now)
        self._repeats.append(_Repeat(release, RELEASE_COPIES - 1, now.boot_ns + RELEASE_GAP_NS))

    def forget(self, now: Instant) -> None:
        """The tenure ended without a release."""
        self._drop("the tenure ended", now)
        self.resignation = None

    def repeat_releases(self, now: Instant) -> None:
        """Say the releases of the last moments again."""
        if not self._repeats:
            return
        for repeat in self._repeats:
            if now.boot_ns >= repeat.at_ns:
                self._ctx.broadcast(repeat.release, now)
                repeat.left -= 1
                repeat.at_ns = now.boot_ns + RELEASE_GAP_NS
        self._repeats = [repeat for repeat in self._repeats if repeat.left > 0]

    def next_ns(self) -> int | None:
        """BOOTTIME at which this part wants to be looked at."""
        if not self._repeats:
            return None if self.handover is None else self.handover.until_ns
        ends = [repeat.at_ns for repeat in self._repeats]
        if self.handover is not None:
            ends.append(self.handover.until_ns)
        return min(ends)

    # --- failback

    def failback_target(self, office: Leadership, now: Instant) -> str | None:
        """A better node that has been fit for so long that it gets the leadership back."""
        if not self._ctx.settings.failback or self.handover is not None:
            return None
        better = self._ctx.roster.better_than(self._fitness.order(now), now)
        fit = [name for name in better if not self.objection_to(name, office, now)]
        self._fit_since_ns = {n: self._fit_since_ns.get(n, now.boot_ns) for n in fit}
        for name in fit:
            if now.boot_ns - self._fit_since_ns[name] >= self._failback_delay_ns:
                self._fit_since_ns[name] = now.boot_ns
                doubled = 2 * self._failback_delay_ns
                self._failback_delay_ns = min(doubled, FAILBACK_DELAY_MAX_NS)
                return name
        return None
