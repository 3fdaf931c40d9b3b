"""What this node must not forget, and what of it is on disk.

Rule: a message that relies on a fact leaves only when the record with that fact is durable.
One write is in flight at a time; what changes meanwhile goes into one next write, so a slow disk
never builds a backlog that outlives its fault.  A failed write makes the disk untrusted for the
rest of this process (docs/election.md, "Persistent state").
"""

from typing import Final

from watchdog.core.effects import HardState, Save
from watchdog.core.settings import Settings
from watchdog.instant import MS, SECOND, Instant, elapsed_hi, elapsed_lo

BAD_DISK_EXIT_NS: Final = 10 * SECOND
"""A node that leads nothing leaves so long after a failed write; the next process starts anew."""


class Ledger:
    """Term, vote and longest promise, in memory and on disk."""

    def __init__(self, settings: Settings, loaded: HardState | None, now: Instant) -> None:
        self._settings = settings
        self._born = now
        self.seq = loaded.seq if loaded else 0
        self.term = loaded.term if loaded else 0
        self.voted_for = loaded.voted_for if loaded else None
        self.max_promise_ms = loaded.max_promise_ms if loaded else 0
        self.old_members = settings.old_members or _unfinished(settings, loaded)
        self.durable = loaded
        """The newest record known to be on disk; None when nothing there may be believed."""
        self.has_written = False
        """Whether this very process has made a record durable."""
        self.is_held = False
        """An amnesiac writes nothing: a record would make its next process believe itself."""
        self._in_flight: tuple[Save, Instant] | None = None
        self._ticket = 0
        self._is_dirty = False
        self.failed_at: Instant | None = None

    def touch(self) -> None:
        """Have the present facts written, though none of them has changed."""
        self._is_dirty = True

    def vote(self, term: int, node: str) -> None:
        """Spend the one vote of `term` on `node`."""
        if (term, node) == (self.term, self.voted_for):
            return
        assert term > self.term or (term == self.term and self.voted_for is None), "second vote"
        self.term, self.voted_for, self._is_dirty = term, node, True

    def adopt(self, term: int, voted_for: str | None = None) -> None:
        """Move to a higher term with the vote of it still free (or blocked)."""
        assert term >= self.term, "terms only rise"
        if term > self.term or voted_for is not None:
            self.term, self.voted_for, self._is_dirty = term, voted_for, True

    def promise(self, promise_ms: int) -> None:
        """Note that promises of this length are given, for the sit-out of the next process."""
        if promise_ms > self.max_promise_ms:
            self.max_promise_ms, self._is_dirty = promise_ms, True

    def forget_longer_promises(self, now: Instant, promise_ms: int) -> None:
        """Once every longer promise of an earlier process has run out, only ours is remembered."""
        longest = self.max_promise_ms
        if longest <= promise_ms:
            return
        if elapsed_lo(now, self._born) > longest * MS:
            self.max_promise_ms, self._is_dirty = promise_ms, True

    def membership_accepted(self) -> None:
        """The old list is history: from now on the new one is obeyed."""
        self.old_members, self._is_dirty = (), True

    def raise_seq(self, seq: int) -> None:
        """Let the next record be newer than any that a peer remembers of this node."""
        self.seq = max(self.seq, seq)

    def next_save(self, now: Instant) -> Save | None:
        """The write to start now, if there is something to write and none is in flight."""
        if not self._is_dirty or self.is_held:
            return None
        if self._in_flight is not None or self.failed_at is not None:
            return None
        self.seq += 1
        self._ticket += 1
        save = Save(self._ticket, self._record())
        self._in_flight, self._is_dirty = (save, now), False
        return save

    def _record(self) -> HardState:
        members = tuple((m.name, m.weight) for m in self._settings.members)
        return HardState(
            seq=self.seq,
            term=self.term,
            voted_for=self.voted_for,
            max_promise_ms=self.max_promise_ms,
            digest=self._settings.digest,
            members=members,
            old_members=self.old_members,
        )

    def saved(self, ticket: int) -> None:
        """The write `ticket` is durable."""
        if self._in_flight is not None and self._in_flight[0].ticket == ticket:
            self.durable = self._in_flight[0].record
            self._in_flight = None
            self.has_written = True

    def save_failed(self, ticket: int, now: Instant) -> None:
        """The write `ticket` failed: nothing that this disk says is believed any more."""
        if self._in_flight is not None and self._in_flight[0].ticket == ticket:
            self._in_flight, self.failed_at, self._is_dirty = None, now, True

    @property
    def durable_seq(self) -> int:
        """The seq of the last durable record; what HELLO and STATE_REQ carry."""
        return self.durable.seq if self.durable else 0

    def holds_term(self, term: int) -> bool:
        """Whether a term as high as `term` is on disk."""
        return self.durable is not None and self.durable.term >= term

    def holds_vote(self, term: int, node: str) -> bool:
        """Whether exactly this vote is on disk."""
        record = self.durable
        return record is not None and (record.term, record.voted_for) == (term, node)

    def holds_promise(self, promise_ms: int) -> bool:
        """Whether the disk knows of promises as long as `promise_ms`."""
        return self.durable is not None and self.durable.max_promise_ms >= promise_ms

    def is_bad(self, now: Instant) -> bool:
        """Whether the disk failed, or has kept a write longer than a promise lasts."""
        if self.failed_at is not None:
            return True
        if self._in_flight is None:
            return False
        return elapsed_hi(now, self._in_flight[1]) >= self._settings.timing.promise_ns

    def is_lost(self, now: Instant) -> bool:
        """Whether the disk has been bad for so long that only a new process can help."""
        if self.failed_at is not None:
            return elapsed_hi(now, self.failed_at) >= BAD_DISK_EXIT_NS
        if self._in_flight is None:
            return False
        patience_ns = self._settings.timing.promise_ns + BAD_DISK_EXIT_NS
        return elapsed_hi(now, self._in_flight[1]) >= patience_ns


def _unfinished(settings: Settings, loaded: HardState | None) -> tuple[tuple[str, int], ...]:
    """The old list of an acceptance that an earlier process of this node did not finish."""
    if loaded is None or loaded.digest != settings.digest:
        return ()
    return loaded.old_members
