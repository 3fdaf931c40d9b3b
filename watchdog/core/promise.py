"""The voter: at most one promise at a time, never broken, only expired or released.

"Until my clock says so, I support only this tenure."  A vote gives a promise, every acknowledged
beacon renews it, and the proof that two nodes are never on together rests on `may_promise` alone
(docs/election.md, "The voter's rule" and "Why two nodes are never on together").
A promise needs no disk: after a restart the sit-out stands in its place.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import TypeVar

from watchdog.core.guard import Guard
from watchdog.core.ledger import Ledger
from watchdog.core.membership import INCARNATIONS_MAX, Roster
from watchdog.core.messages import GONE_NO, Beacon, Release, Tenure, Vote
from watchdog.core.settings import Settings, promise_covers
from watchdog.instant import MS, Instant, elapsed_lo

T = TypeVar("T")


@dataclass(slots=True)
class Promise:
    """What this voter owes: no other tenure until `since` + promise by the slower clock."""

    tenure: Tenure
    round: int
    since: Instant


@dataclass(frozen=True, slots=True)
class Reserve:
    """After a transfer: only `node` may be voted for until then."""

    node: str
    until_ns: int


class Voter:
    """The promise of this node and the rules by which it is given."""

    def __init__(
        self, settings: Settings, ledger: Ledger, roster: Roster, guard: Guard, now: Instant
    ) -> None:
        self._me = settings.name
        self._digest = settings.digest
        self._timing = settings.timing
        self._ledger = ledger
        self._roster = roster
        self._guard = guard
        self.is_amnesiac = False
        self.promise: Promise | None = None
        self.reserve: Reserve | None = None
        self.free_since = now
        """t0: when the last promise ended; ranks and windows count from it."""
        self._sitout_since = now
        self._sitout_ns = max(self._timing.promise_ns, ledger.max_promise_ms * MS)
        self._is_sitting_out = True
        self._released: dict[str, OrderedDict[bytes, int]] = {}
        self._granted: dict[str, OrderedDict[bytes, tuple[int, int]]] = {}

    # --- the sit-out: no vote from a process that may have forgotten a promise

    def is_sitting_out(self, now: Instant) -> bool:
        """Whether an earlier process of this node may still owe a promise."""
        if not self._is_sitting_out:
            return False
        if self.sitout_left_ns(now) <= 0:
            self._is_sitting_out = False
            self.free_since = now
        return self._is_sitting_out

    def sitout_left_ns(self, now: Instant) -> int:
        """What remains of the sit-out, by the slower clock."""
        if not self._is_sitting_out:
            return 0
        return self._sitout_ns - elapsed_lo(now, self._sitout_since)

    def restart_sitout(self, now: Instant) -> None:
        """After a suspend: elapsed time cannot be trusted, so start over."""
        self._sitout_since, self._is_sitting_out = now, True

    def prolong_sitout(self, max_promise_ms: int, now: Instant) -> bool:
        """A peer remembers longer promises than this node sat out for; True when it matters."""
        if max_promise_ms * MS <= self._sitout_ns:
            return False
        self._sitout_ns = max_promise_ms * MS
        self._is_sitting_out = elapsed_lo(now, self._sitout_since) < self._sitout_ns
        return True

    # --- the promise

    def promise_left_ns(self, now: Instant) -> int:
        """What remains of the promise, by the slower clock; 0 without one."""
        if self.promise is None:
            return 0
        return self._timing.promise_ns - elapsed_lo(now, self.promise.since)

    def expire(self, now: Instant) -> str | None:
        """End a promise whose time is over; the name of its holder, which then ranks last."""
        if self.reserve is not None and now.boot_ns >= self.reserve.until_ns:
            self.reserve = None
        if self.promise is None or self.promise_left_ns(now) > 0:
            return None
        holder = self.promise.tenure.node
        self.promise = None
        self.free_since = now
        if holder != self._me:
            self._roster.peers[holder].is_ranked = False
        return holder

    def next_ns(self, now: Instant) -> int | None:
        """BOOTTIME at which the promise, the sit-out or the reserve ends; None: none stands."""
        end_ns = None
        if self.promise is not None:
            end_ns = now.boot_ns + self.promise_left_ns(now)
        if self._is_sitting_out and (left_ns := self.sitout_left_ns(now)) > 0:
            sitout_ns = now.boot_ns + left_ns
            end_ns = sitout_ns if end_ns is None else min(end_ns, sitout_ns)
        if self.reserve is not None:
            end_ns = self.reserve.until_ns if end_ns is None else min(end_ns, self.reserve.until_ns)
        return end_ns

    def follows(self) -> str | None:
        """The other node that this voter supports at present."""
        promise = self.promise
        if promise is None or promise.tenure.node == self._me:
            return None
        return promise.tenure.node

    def is_promised_to(self, tenure: Tenure) -> bool:
        """Whether the promise is to exactly this tenure."""
        return self.promise is not None and self.promise.tenure == tenure

    def may_promise(self, tenure: Tenure, round_no: int, digest: bytes) -> bool:
        """The rule that everything rests on: may `tenure` have this voter's promise?"""
        mine = tenure.node == self._me
        if self.is_amnesiac or digest != self._digest:
            return False
        if not (mine or self._guard.is_off) or self.is_released(tenure):
            return False
        if not mine and tenure.inc != self._roster.current_inc(tenure.node):
            return False
        if (tenure.no, round_no) <= self._last_granted(tenure):
            return False
        return self.promise is None or self.promise.tenure.node == tenure.node

    def may_vote(self, vote: Vote, now: Instant) -> bool:
        """Whether this VOTE can be granted: `may_promise`, and one vote per term."""
        ledger, node = self._ledger, vote.tenure.node
        if self.is_sitting_out(now) or ledger.is_bad(now):
            return False
        if self.reserve is not None and self.reserve.node != node:
            return False
        if not promise_covers(self._timing.promise_ms, vote.hard_ms):
            return False
        if not self.may_promise(vote.tenure, vote.round, vote.digest):
            return False
        free = ledger.voted_for is None or ledger.voted_for == node
        return vote.term > ledger.term or (vote.term == ledger.term and free)

    def refusal_of(self, beacon: Beacon, now: Instant) -> str:
        """Why this BEACON cannot be granted ("" when it can); the NACK carries the word."""
        ledger = self._ledger
        if beacon.digest != self._digest:
            return "members"
        if not promise_covers(self._timing.promise_ms, beacon.hard_ms):
            return "promise"
        known = self.is_promised_to(beacon.tenure) and ledger.voted_for == beacon.tenure.node
        if beacon.term < ledger.term and not known:
            return "term"
        if ledger.is_bad(now) and not ledger.holds_term(beacon.term):
            return "storage"
        if not self.may_promise(beacon.tenure, beacon.round, beacon.digest):
            return "promised"
        return ""

    def is_copy(self, tenure: Tenure, round_no: int) -> bool:
        """Whether exactly this round was granted last and its promise stands."""
        held = self.promise
        return held is not None and held.tenure == tenure and held.round == round_no

    def give(self, tenure: Tenure, round_no: int, now: Instant) -> None:
        """Promise `tenure`, or renew the promise by its newer round. The caller has asked."""
        self.promise = Promise(tenure, round_no, now)
        self._ledger.promise(self._timing.promise_ms)
        self._remember(self._granted, tenure, (tenure.no, round_no))

    # --- releases

    def is_released(self, tenure: Tenure) -> bool:
        """Whether this tenure has ended for ever."""
        known = self._released.get(tenure.node)
        return known is not None and known.get(tenure.inc, -1) >= tenure.no

    def release(self, release: Release, now: Instant) -> bool:
        """Forget the promise to a tenure whose holder says that it is off; True if it had ours."""
        tenure = release.tenure
        is_first = not self.is_released(tenure)
        if is_first:
            self._remember(self._released, tenure, tenure.no)
        held = self.promise
        hit = held is not None and held.tenure.inc == tenure.inc and held.tenure.no <= tenure.no
        if hit:
            self.promise = None
            self.free_since = now
        self._unrank(tenure)
        successor = release.successor
        if successor is not None and is_first and self.promise is None:
            self.reserve = Reserve(successor, now.boot_ns + self._timing.reserve_ns)
        return hit

    def _unrank(self, tenure: Tenure) -> None:
        peer = self._roster.peers.get(tenure.node)
        if peer is None:
            return
        if peer.inc == tenure.inc:
            peer.is_ranked = False
        if tenure.no == GONE_NO:
            peer.retire(tenure.inc)
            self.end_reserve_of(tenure.node)

    def end_reserve_of(self, node: str) -> None:
        """The named successor cannot take over: anybody may."""
        if self.reserve is not None and self.reserve.node == node:
            self.reserve = None

    def _last_granted(self, tenure: Tenure) -> tuple[int, int]:
        known = self._granted.get(tenure.node)
        return known.get(tenure.inc, (-1, -1)) if known is not None else (-1, -1)

    @staticmethod
    def _remember(table: dict[str, OrderedDict[bytes, T]], tenure: Tenure, value: T) -> None:
        known = table.setdefault(tenure.node, OrderedDict())
        known[tenure.inc] = value
        known.move_to_end(tenure.inc)
        while len(known) > INCARNATIONS_MAX:
            known.popitem(last=False)
