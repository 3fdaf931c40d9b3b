"""Blank, lost or foreign state: how a node that cannot remember becomes one that may vote.

An empty directory cannot tell a fresh cluster from a replaced disk, so no rule rests on telling:
an amnesiac sits out first, then asks, and only answers to requests sent after its sit-out count.
A node with intact state asks too, before it leaves LOADING, because an old copy of a state file
cannot be told from the newest by its owner (docs/election.md, "Formation and lost state").
"""

from enum import Enum
from typing import Final

from watchdog.core.effects import BLOCKED
from watchdog.core.messages import StateReply, StateRequest
from watchdog.core.outbox import Context
from watchdog.core.quorum import Weights
from watchdog.instant import MS, Instant

WALL_SPREAD_MAX_MS: Final = 2000
ROLLED_BACK: Final = "STATE_ROLLED_BACK"
OTHER_LIST: Final = "MEMBERS_DIFFER"
CLOCKS: Final = "WALL_CLOCKS_DIFFER"


class Memory(Enum):
    """How much this node may believe its own state."""

    INTACT = "intact"
    AMNESIAC = "amnesiac"
    ACCEPTING = "accepting a new membership"


class Formation:
    """From LOADING to a state that may be relied on."""

    def __init__(self, ctx: Context, *, amnesiac: bool, now: Instant, wall_ms: int) -> None:
        self._ctx = ctx
        self._born = now
        self._wall_ms = wall_ms
        self.memory = Memory.AMNESIAC if amnesiac else Memory.INTACT
        if not amnesiac and ctx.ledger.old_members:
            self.memory = Memory.ACCEPTING
        self._old = Weights(dict(ctx.ledger.old_members))
        self._answers: dict[str, StateReply] = {}
        self._strangers: set[str] = set()
        self._rid = 0
        self._is_asked = False
        self._is_forced = False
        self._first_asked_ns = now.boot_ns
        self._is_written = False
        self._is_counted = False
        self._asked_ns = now.boot_ns
        self._loaded_seq = ctx.ledger.seq
        self._began_intact = not amnesiac
        self._floor = ctx.ledger.term
        ctx.voter.is_amnesiac = self.memory is not Memory.INTACT
        if amnesiac:
            ctx.ledger.durable = None
            ctx.ledger.is_held = True
        elif self.memory is Memory.ACCEPTING:
            ctx.ledger.touch()

    @property
    def is_over(self) -> bool:
        """Whether this node remembers, and has written so once with this very process."""
        ledger = self._ctx.ledger
        return (
            self.memory is Memory.INTACT and ledger.has_written and ledger.holds_term(self._floor)
        )

    def unix_ms(self, now: Instant) -> int:
        """The wall clock, read once at the start and carried on by BOOTTIME."""
        return self._wall_ms + (now.boot_ns - self._born.boot_ns) // MS

    def force(self) -> bool:
        """The operator says `form`: do not wait for every configured node. False if not needed."""
        if self.memory is not Memory.AMNESIAC:
            return False
        self._is_forced = True
        return True

    def waiting_for(self) -> list[str]:
        """The members whose answer is missing; [] when none is needed."""
        if self.memory is Memory.INTACT:
            return []
        return sorted(set(self._ctx.roster.peers) - set(self._answers))

    # --- asking

    def tick(self, now: Instant) -> None:
        """Ask everybody each beacon interval: an amnesiac after its sit-out, others during it."""
        sitting_out = self._ctx.voter.is_sitting_out(now)
        if self.memory is Memory.INTACT:
            if not sitting_out:
                if not self._is_written:
                    self._write_once()
                return
        elif sitting_out:
            return
        if self._is_asked and now.boot_ns - self._asked_ns < self._ctx.timing.beacon_ns:
            return
        if not self._is_asked:
            self._ask_anew()
            self._first_asked_ns = now.boot_ns
        self._asked_ns = now.boot_ns
        request = StateRequest(self._rid, self._ctx.ledger.durable_seq)
        self._ctx.broadcast(request, now)
        self._recover_if_possible(now)

    def _write_once(self) -> None:
        """A disk that cannot be written is found out before anybody relies on it."""
        self._is_written = True
        self._ctx.ledger.touch()

    def _ask_anew(self) -> None:
        self._rid += 1
        self._is_asked = True
        self._answers.clear()
        self._strangers.clear()

    def next_ns(self, now: Instant) -> int | None:
        """BOOTTIME at which to ask (again)."""
        sitting_out = self._ctx.voter.is_sitting_out(now)
        if self.memory is Memory.INTACT:
            if not sitting_out:
                return None
        elif sitting_out:
            return None
        return self._asked_ns + (self._ctx.timing.beacon_ns if self._is_asked else 0)

    # --- answering

    def answer(self, peer: str, request: StateRequest, now: Instant) -> None:
        """Tell `peer` what this node knows, and the highest seq it remembers of the asker."""
        ctx = self._ctx
        if self.memory is Memory.ACCEPTING and not ctx.ledger.has_written:
            return  # the switch to the new list must be durable before it is counted on
        known = ctx.roster.peers[peer]
        known.remembered_seq = max(known.remembered_seq, request.seq)
        reply = StateReply(
            rid=request.rid,
            inc=ctx.inc,
            seq=ctx.ledger.durable_seq,
            term=ctx.ledger.term,
            max_promise_ms=max(ctx.ledger.max_promise_ms, ctx.timing.promise_ms),
            amnesiac=self.memory is not Memory.INTACT,
            digest=ctx.settings.digest,
            wall_ms=max(0, self.unix_ms(now)),
            remembered_seq=known.earlier_seq,
        )
        ctx.send(peer, reply, now)

    # --- taking answers in

    def answered(self, peer: str, reply: StateReply, now: Instant) -> None:
        """Take in one STATE; recover when enough are there."""
        ctx = self._ctx
        if reply.rid != self._rid or not self._is_asked:
            return
        rolled_back = self._began_intact and reply.remembered_seq > self._loaded_seq
        ctx.ledger.raise_seq(reply.remembered_seq)
        if self.memory is Memory.INTACT:
            if rolled_back:
                self._found_rolled_back(peer, now)
            return
        if ctx.voter.prolong_sitout(reply.max_promise_ms, now):
            ctx.ledger.promise(reply.max_promise_ms)
            self._is_asked = False
            return
        if reply.digest != ctx.settings.digest:
            self._note_stranger(peer, reply)
            return
        self._strangers.discard(peer)
        self._answers[peer] = reply
        self._compare_clocks(peer, reply, now)
        self._recover_if_possible(now)

    def _found_rolled_back(self, peer: str, now: Instant) -> None:
        text = (
            f"{peer} remembers a newer state of this node than its disk: an old copy was put back"
        )
        self._ctx.out.alarm(ROLLED_BACK, text)
        if self._ctx.voter.is_sitting_out(now):
            self.memory = Memory.AMNESIAC
            self._ctx.voter.is_amnesiac = True
            self._ctx.ledger.is_held = True
            self._is_asked = False

    def _note_stranger(self, peer: str, reply: StateReply) -> None:
        if reply.amnesiac and self.memory is Memory.AMNESIAC:
            return
        self._answers.pop(peer, None)
        self._strangers.add(peer)
        others = ", ".join(sorted(self._strangers))
        text = f"other members or weights in the state of {others}; this node waits for agreement"
        self._ctx.out.alarm(OTHER_LIST, text)

    def _compare_clocks(self, peer: str, reply: StateReply, now: Instant) -> None:
        spread_ms = abs(reply.wall_ms - self.unix_ms(now))
        if spread_ms > WALL_SPREAD_MAX_MS:
            text = f"the wall clock of {peer} differs by {spread_ms / 1000:.1f} s"
            self._ctx.out.alarm(CLOCKS, text)

    def _recover_if_possible(self, now: Instant) -> None:
        if self.memory is Memory.ACCEPTING:
            self._accept_if_moved(now)
        elif self.memory is Memory.AMNESIAC and not self._strangers:
            self._remember_if_known(now)

    def _accept_if_moved(self, now: Instant) -> None:
        """Obey the new list once the others of the old one are no quorum of it any more.

        What the earlier processes of the members counted had promised under the old list must be
        over too: so a whole sit-out passes between the count and the new list.
        """
        voter, ledger = self._ctx.voter, self._ctx.ledger
        if voter.is_sitting_out(now) or not ledger.has_written:
            return
        moved = self._old.sum({self._ctx.me, *self._answers})
        if self._old.is_quorum(self._old.total - moved):
            return
        if not self._is_counted:
            self._is_counted = True
            voter.restart_sitout(now)
            return
        ledger.membership_accepted()
        self._become_intact(now)

    def _remember_if_known(self, now: Instant) -> None:
        """Rule 3 of formation: (i) enough of those who remember, or (ii) a quorum of anybody."""
        if self._ctx.voter.is_sitting_out(now):
            return
        ctx, weights = self._ctx, self._ctx.roster.weights
        remembering = [name for name, reply in self._answers.items() if not reply.amnesiac]
        terms = [reply.term for reply in self._answers.values()]
        if remembering and not weights.is_quorum(weights.total - weights.sum(remembering)):
            self._recover(max(terms), now)
            return
        heard = weights.sum(self._answers) + ctx.roster.me.weight
        everybody = len(self._answers) == len(ctx.roster.peers)
        is_late = now.boot_ns - self._first_asked_ns >= ctx.timing.beacon_ns
        remembered = remembering and is_late  # rule (i), which keeps the term, had its chance
        if weights.is_quorum(heard) and (remembered or everybody or self._is_forced):
            # A new disk often comes with a new machine, whose clock may be in the last century.
            walls = [reply.wall_ms for reply in self._answers.values()]
            self._recover(max([*terms, *walls, ctx.guard.last_epoch, self.unix_ms(now)]), now)

    def _recover(self, term: int, now: Instant) -> None:
        ledger = self._ctx.ledger
        ledger.adopt(max(term, ledger.term, self._ctx.guard.last_epoch), BLOCKED)
        ledger.promise(self._ctx.timing.promise_ms)
        self._floor = ledger.term
        self._become_intact(now)
        self._ctx.out.note("recovered", term=ledger.term, answers=",".join(sorted(self._answers)))

    def _become_intact(self, now: Instant) -> None:
        self.memory = Memory.INTACT
        voter, ledger = self._ctx.voter, self._ctx.ledger
        voter.is_amnesiac = False
        voter.free_since = now
        self._ctx.out.clear_alarm(OTHER_LIST)
        if ledger.term < self._ctx.guard.last_epoch:
            ledger.adopt(self._ctx.guard.last_epoch, BLOCKED)
        ledger.is_held = False
        ledger.touch()
