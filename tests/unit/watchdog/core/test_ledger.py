"""What is on disk before it is said. Sections in parentheses are those of docs/election.md."""

from dataclasses import replace

import pytest

from tests.unit.watchdog.core.support import (
    DIGEST,
    OTHER_DIGEST,
    PROMISE_MS,
    START,
    TIMING,
    after,
    record,
    settings,
)
from watchdog.core.effects import HardState
from watchdog.core.ledger import BAD_DISK_EXIT_NS, Ledger
from watchdog.instant import MS


def ledger_of(loaded: HardState | None = None) -> Ledger:
    """The ledger of a node that started from this record."""
    return Ledger(settings(), loaded or record(), START)


def test_a_node_starts_from_what_it_loaded() -> None:
    """Term, vote, longest promise and seq survive (Persistent state)."""
    ledger = ledger_of(record(seq=9, term=12, voted_for="c"))
    assert (ledger.seq, ledger.term, ledger.voted_for) == (9, 12, "c")
    assert ledger.max_promise_ms == TIMING.promise_ms
    assert ledger.durable_seq == 9
    assert not ledger.has_written


def test_a_blank_node_has_nothing_durable() -> None:
    """Nothing that relies on the disk may be said (Persistent state)."""
    ledger = Ledger(settings(), None, START)
    assert ledger.durable_seq == 0
    assert not ledger.holds_term(0)
    assert not ledger.holds_vote(0, "a")
    assert not ledger.holds_promise(0)


def test_a_vote_is_durable_only_after_its_write() -> None:
    """VOTE and GRANT wait for it (Persistent state)."""
    ledger = ledger_of()
    ledger.vote(8, "b")
    save = ledger.next_save(START)
    assert save is not None
    assert (save.record.term, save.record.voted_for, save.record.seq) == (8, "b", 6)
    assert save.record.digest == DIGEST
    assert not ledger.holds_vote(8, "b")
    assert not ledger.holds_term(8)
    ledger.saved(save.ticket)
    assert ledger.holds_vote(8, "b")
    assert not ledger.holds_vote(8, "c")
    assert ledger.holds_term(8)
    assert not ledger.holds_term(9)
    assert ledger.has_written


def test_one_write_is_in_flight_and_the_rest_goes_into_one_next_write() -> None:
    """A slow disk must not build a backlog that outlives its fault (Persistent state)."""
    ledger = ledger_of()
    ledger.vote(8, "b")
    first = ledger.next_save(START)
    assert first is not None
    for term in (9, 10, 11):
        ledger.adopt(term)
        assert ledger.next_save(START) is None
    ledger.saved(first.ticket)
    assert ledger.holds_vote(8, "b")
    second = ledger.next_save(START)
    assert second is not None
    assert (second.record.term, second.record.voted_for, second.record.seq) == (11, None, 7)
    ledger.saved(second.ticket)
    assert ledger.next_save(START) is None


def test_an_unchanged_record_is_not_written() -> None:
    """Renewals write nothing (Persistent state)."""
    ledger = ledger_of(record(voted_for="b"))
    ledger.vote(7, "b")
    ledger.adopt(7)
    ledger.promise(TIMING.promise_ms)
    assert ledger.next_save(START) is None
    ledger.touch()
    assert ledger.next_save(START) is not None


def test_the_vote_of_a_term_is_never_given_twice() -> None:
    """Our own bug: stop (Persistent state)."""
    ledger = ledger_of(record(voted_for="b"))
    with pytest.raises(AssertionError, match="second vote"):
        ledger.vote(7, "c")
    with pytest.raises(AssertionError, match="second vote"):
        ledger.vote(6, "c")


def test_terms_only_rise() -> None:
    """Epochs are terms, and fencing tokens must rise (Persistent state)."""
    with pytest.raises(AssertionError, match="only rise"):
        ledger_of().adopt(6)


def test_adopting_the_own_term_keeps_the_vote_unless_it_is_blocked() -> None:
    """A recovered node has no vote left (Formation and lost state)."""
    ledger = ledger_of(record(voted_for="b"))
    ledger.adopt(7)
    assert ledger.voted_for == "b"
    ledger.adopt(7, "!")
    assert ledger.voted_for == "!"
    ledger.adopt(8)
    assert ledger.voted_for is None


def test_a_failed_write_is_never_tried_again_and_makes_the_disk_bad() -> None:
    """fdatasync that failed once may lie the next time (Persistent state)."""
    ledger = ledger_of()
    ledger.vote(8, "b")
    save = ledger.next_save(START)
    assert save is not None
    ledger.save_failed(save.ticket, after(5))
    assert ledger.is_bad(after(5))
    assert ledger.next_save(after(6)) is None
    ledger.saved(save.ticket)
    assert not ledger.holds_vote(8, "b")


def test_an_answer_to_an_unknown_ticket_says_nothing() -> None:
    """Only the write in flight can be answered (Persistent state)."""
    ledger = ledger_of()
    ledger.vote(8, "b")
    save = ledger.next_save(START)
    assert save is not None
    ledger.saved(save.ticket + 1)
    ledger.save_failed(save.ticket + 1, START)
    assert not ledger.holds_term(8)
    assert not ledger.is_bad(START)
    ledger.saved(save.ticket)
    ledger.saved(save.ticket)
    assert ledger.holds_term(8)


def test_a_write_that_takes_longer_than_a_promise_makes_the_disk_bad() -> None:
    """Until it is done; elapsed by the faster clock (Persistent state)."""
    ledger = ledger_of()
    assert not ledger.is_bad(after(99_999))
    ledger.touch()
    save = ledger.next_save(START)
    assert save is not None
    assert not ledger.is_bad(after(PROMISE_MS - 1))
    assert ledger.is_bad(after(PROMISE_MS))
    assert ledger.is_bad(after(1, PROMISE_MS))
    ledger.saved(save.ticket)
    assert not ledger.is_bad(after(PROMISE_MS))


def test_a_node_leaves_ten_seconds_after_its_disk_failed() -> None:
    """The next process starts with a disk it has tried (Persistent state)."""
    ledger = ledger_of()
    assert not ledger.is_lost(after(99_999))
    ledger.touch()
    save = ledger.next_save(START)
    assert save is not None
    ledger.save_failed(save.ticket, after(0))
    assert not ledger.is_lost(after(BAD_DISK_EXIT_NS / MS - 1))
    assert ledger.is_lost(after(BAD_DISK_EXIT_NS / MS))


def test_a_longer_promise_is_written_before_it_is_given() -> None:
    """The next process must sit out long enough (Persistent state)."""
    ledger = ledger_of()
    ledger.promise(5000)
    assert not ledger.holds_promise(5000)
    save = ledger.next_save(START)
    assert save is not None
    ledger.saved(save.ticket)
    assert ledger.holds_promise(5000)
    assert not ledger.holds_promise(5001)


def test_longer_promises_of_an_earlier_process_are_forgotten_once_they_ran_out() -> None:
    """I4: a process that has run longer persists its own promise; slower clock (Timers)."""
    ledger = ledger_of(replace(record(), max_promise_ms=5000))
    ledger.forget_longer_promises(after(9999, 5000), TIMING.promise_ms)
    assert ledger.max_promise_ms == 5000
    ledger.forget_longer_promises(after(5001), TIMING.promise_ms)
    assert ledger.max_promise_ms == TIMING.promise_ms
    assert ledger.next_save(START) is not None


def test_the_seq_is_raised_above_what_peers_remember() -> None:
    """The next record gets max + 1 (Formation and lost state)."""
    ledger = ledger_of()
    ledger.raise_seq(40)
    ledger.raise_seq(30)
    ledger.touch()
    save = ledger.next_save(START)
    assert save is not None
    assert save.record.seq == 41


def test_the_old_list_is_kept_until_the_new_one_is_accepted() -> None:
    """A restart in the middle goes on accepting (Two nodes, even clusters, membership)."""
    old = (("a", 1), ("b", 1))
    ledger = Ledger(settings(old_members=old), record(), START)
    assert ledger.old_members == old
    again = Ledger(settings(), replace(record(), old_members=old), START)
    assert again.old_members == old
    foreign = Ledger(settings(), replace(record(), old_members=old, digest=OTHER_DIGEST), START)
    assert foreign.old_members == ()
    again.membership_accepted()
    save = again.next_save(START)
    assert save is not None
    assert save.record.old_members == ()
    assert save.record.members == (("a", 1), ("b", 1), ("c", 1))
