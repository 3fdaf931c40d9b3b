"""Blank, lost or foreign state. Sections in parentheses are those of docs/election.md."""

from dataclasses import replace

import pytest

from tests.unit.watchdog.core.forming import (
    LATE_MS,
    OVER_MS,
    answer_of,
    blank,
    intact,
    told,
)
from tests.unit.watchdog.core.support import (
    BEACON_MS,
    OTHER_DIGEST,
    PROMISE_MS,
    TIMING,
    WALL_MS,
    after,
    hear_all,
    hello,
    inc_of,
    members,
    parts_of,
    record,
    save_all,
    sent,
    settings,
    state_reply,
)
from watchdog.core.effects import BLOCKED
from watchdog.core.events import GuardianReady
from watchdog.core.formation import CLOCKS, OTHER_LIST, ROLLED_BACK, Memory
from watchdog.core.messages import StateRequest

# --- asking


def test_an_amnesiac_asks_after_its_sit_out_and_not_before() -> None:
    """Its forgotten promises are over by then (Formation and lost state, 1 and 2)."""
    parts = parts_of(amnesiac=True)
    assert parts.voter.is_amnesiac
    assert parts.formation.next_ns(after(0)) is None
    parts.formation.tick(after(PROMISE_MS - 1))
    assert parts.out.drain() == ()
    parts.formation.tick(after(PROMISE_MS))
    asked = sent(parts.out.drain(), StateRequest)
    assert [peer for peer, _ in asked] == ["b", "c"]
    assert {request.seq for _, request in asked} == {0}


def test_it_asks_again_each_interval_under_the_same_number() -> None:
    """An answer may be lost (Formation and lost state)."""
    parts = blank()
    first = sent(parts.out.drain(), StateRequest)[0][1].rid
    parts.formation.tick(after(OVER_MS + BEACON_MS - 1))
    assert sent(parts.out.drain(), StateRequest) == []
    assert parts.formation.next_ns(after(OVER_MS)) == after(OVER_MS + BEACON_MS).boot_ns
    parts.formation.tick(after(OVER_MS + BEACON_MS))
    assert {request.rid for _, request in sent(parts.out.drain(), StateRequest)} == {first}


def test_an_answer_to_another_question_does_not_count() -> None:
    """Only answers to requests sent after the sit-out (Formation and lost state, 2)."""
    parts = blank()
    for rid in (0, 2):
        for node in "bc":
            parts.formation.answered(node, state_reply(rid, node), after(OVER_MS))
    assert parts.formation.memory is Memory.AMNESIAC


def test_a_node_that_was_never_asked_ignores_answers() -> None:
    """An answer to nothing (Formation and lost state)."""
    parts = parts_of(amnesiac=True)
    parts.formation.answered("b", state_reply(0), after(0))
    assert parts.formation.waiting_for() == ["b", "c"]


# --- recovering


def test_rule_i_takes_the_highest_term_of_the_answers() -> None:
    """b is in every quorum that holds a, so no clock is asked (3 i)."""
    heavy = settings(members=members("abc", b={"weight": 3}))
    parts = parts_of(amnesiac=True, given=heavy)
    hear_all(parts, after(OVER_MS))
    parts.formation.tick(after(OVER_MS))
    assert told(parts, "c", term=30, amnesiac=True) is Memory.AMNESIAC
    assert told(parts, "b", term=9) is Memory.INTACT
    assert parts.ledger.term == 30


def test_rule_ii_needs_a_quorum_of_answers_and_one_that_remembers() -> None:
    """Three of five, of which one remembers, and then unix_ms (3 ii)."""
    parts = blank("abcde")
    assert told(parts, "b", term=9) is Memory.AMNESIAC
    assert told(parts, "c", term=11, amnesiac=True) is Memory.INTACT
    assert parts.ledger.term == WALL_MS + round(LATE_MS)


def test_rule_ii_leaves_rule_i_an_interval_to_keep_the_term() -> None:
    """With b alone the wall clock would make the term; c answers in time (3)."""
    parts = blank()
    assert told(parts, "b", ms=LATE_MS - 1, term=9) is Memory.AMNESIAC
    assert told(parts, "c", ms=LATE_MS - 1, term=11) is Memory.INTACT
    assert parts.ledger.term == 11


def test_rule_ii_without_anybody_who_remembers_needs_every_voter() -> None:
    """Blank nodes with an edited file must not form beside the old members (3 ii)."""
    parts = blank()
    assert told(parts, "b", amnesiac=True, term=0) is Memory.AMNESIAC
    assert parts.formation.waiting_for() == ["c"]
    assert told(parts, "c", amnesiac=True, term=0) is Memory.INTACT
    assert parts.formation.waiting_for() == []


def test_rule_ii_takes_a_term_that_no_epoch_has_reached() -> None:
    """max(answers, last epoch, unix_ms): epochs never fall (3 ii)."""
    parts = blank()
    told(parts, "b", amnesiac=True, term=0)
    told(parts, "c", amnesiac=True, term=0)
    assert parts.ledger.term == WALL_MS + round(LATE_MS)
    parts = blank()
    told(parts, "b", amnesiac=True, term=2 * WALL_MS)
    told(parts, "c", amnesiac=True, term=0)
    assert parts.ledger.term == 2 * WALL_MS


def test_rule_ii_takes_the_latest_clock_of_all_who_answer() -> None:
    """A new disk often comes with a machine whose clock says 1970; c knows more, and is silent."""
    parts = blank()
    parts.formation._wall_ms = 0
    assert told(parts, "b", term=WALL_MS - 5000, wall_ms=WALL_MS + 7) is Memory.INTACT
    assert parts.ledger.term == WALL_MS + 7


def test_the_term_is_never_below_the_guardians_last_epoch() -> None:
    """Its file outlives the node's (Formation and lost state, 5)."""
    parts = blank()
    parts.guard.welcomed(GuardianReady(3 * WALL_MS, off_clean=True))
    told(parts, "b", term=9)
    told(parts, "c", term=9)
    assert parts.ledger.term == 3 * WALL_MS


def test_an_operators_form_goes_without_the_missing() -> None:
    """But not without a quorum (Formation and lost state, 3 ii)."""
    parts = blank()
    assert parts.formation.force()
    assert parts.formation.memory is Memory.AMNESIAC
    assert told(parts, "b", amnesiac=True, term=0) is Memory.INTACT


def test_form_does_nothing_for_a_node_that_remembers() -> None:
    """There is nothing to form (Formation and lost state)."""
    assert not intact().formation.force()


def test_a_recovered_node_has_no_vote_in_its_term_and_writes_first() -> None:
    """voted_for = BLOCKED, persisted, then normal (Formation and lost state, 3)."""
    parts = blank()
    told(parts, "b", term=9)
    assert parts.ledger.voted_for == BLOCKED
    assert not parts.voter.is_amnesiac
    assert parts.ledger.max_promise_ms == TIMING.promise_ms
    assert not parts.formation.is_over
    save_all(parts, after(OVER_MS))
    assert parts.formation.is_over
    assert parts.ledger.holds_vote(parts.ledger.term, BLOCKED)


def test_an_answer_that_remembers_longer_promises_prolongs_the_sit_out() -> None:
    """And asks anew after it (Formation and lost state, 2)."""
    parts = blank()
    told(parts, "b", max_promise_ms=5000)
    assert told(parts, "c", ms=OVER_MS + 1) is Memory.AMNESIAC
    assert parts.voter.is_sitting_out(after(4999))
    parts.out.drain()
    parts.formation.tick(after(4999))
    assert parts.out.drain() == ()
    parts.formation.tick(after(5000))
    assert {request.rid for _, request in sent(parts.out.drain(), StateRequest)} == {2}
    assert told(parts, "b", ms=5000 + BEACON_MS, max_promise_ms=5000) is Memory.INTACT
    assert parts.ledger.max_promise_ms == 5000


def test_answers_during_a_new_sit_out_recover_nobody() -> None:
    """The clock jumped meanwhile (Formation and lost state, 1)."""
    parts = blank()
    parts.voter.restart_sitout(after(OVER_MS))
    assert told(parts, "b") is Memory.AMNESIAC
    assert told(parts, "c") is Memory.AMNESIAC


def test_a_member_with_another_list_is_waited_for() -> None:
    """Stay until it answers under ours, and say so (Formation and lost state, 2)."""
    parts = blank()
    told(parts, "c", digest=OTHER_DIGEST)
    assert told(parts, "b", term=9) is Memory.AMNESIAC
    assert OTHER_LIST in parts.out.alarms
    assert parts.formation.waiting_for() == ["c"]
    assert told(parts, "c", term=9) is Memory.INTACT
    assert OTHER_LIST not in parts.out.alarms


def test_a_blank_stranger_stops_nobody() -> None:
    """It has no state under any list (Formation and lost state, 2)."""
    parts = blank()
    told(parts, "c", digest=OTHER_DIGEST, amnesiac=True)
    assert told(parts, "b", term=9) is Memory.INTACT


@pytest.mark.parametrize(("spread_ms", "alarm"), [(2000, False), (2001, True), (-2001, True)])
def test_wall_clocks_far_apart_are_an_alarm(spread_ms: int, alarm: bool) -> None:
    """They make the first term (Formation and lost state, 4)."""
    parts = blank()
    told(parts, "b", wall_ms=WALL_MS + round(LATE_MS) + spread_ms)
    assert (CLOCKS in parts.out.alarms) is alarm


# --- intact state


def test_intact_state_asks_too_during_its_sit_out_and_writes_before_it_is_over() -> None:
    """A disk that cannot be written is found out in time (Formation and lost state, 6)."""
    parts = intact()
    asked = sent(parts.out.drain(), StateRequest)
    assert {request.seq for _, request in asked} == {5}
    assert parts.formation.next_ns(after(0)) == after(BEACON_MS).boot_ns
    parts.formation.tick(after(OVER_MS))
    assert parts.formation.next_ns(after(OVER_MS)) is None
    assert not parts.formation.is_over
    save_all(parts, after(OVER_MS))
    assert parts.formation.is_over
    parts.formation.tick(after(OVER_MS + 1))
    assert parts.ledger.next_save(after(OVER_MS + 1)) is None


def test_intact_state_that_nobody_remembers_newer_stays_intact() -> None:
    """The same seq is no sign of a copy (Formation and lost state, 6)."""
    parts = intact()
    assert told(parts, "b", ms=1, remembered_seq=5) is Memory.INTACT
    assert parts.out.alarms == {}


def test_a_copy_put_back_is_amnesia_while_the_node_sits_out() -> None:
    """A peer remembers a higher seq of this node (Formation and lost state, 6)."""
    parts = intact()
    assert told(parts, "b", ms=1, remembered_seq=6) is Memory.AMNESIAC
    assert parts.voter.is_amnesiac
    assert ROLLED_BACK in parts.out.alarms
    hear_all(parts, after(OVER_MS))
    parts.formation.tick(after(OVER_MS))
    assert told(parts, "b", remembered_seq=6, term=9) is Memory.INTACT
    save = parts.ledger.next_save(after(OVER_MS))
    assert save is not None
    assert save.record.seq == 7
    assert save.record.voted_for == BLOCKED


def test_a_higher_answer_after_the_sit_out_only_raises_the_seq_and_alarms() -> None:
    """It has voted by then (Formation and lost state, 6)."""
    parts = intact()
    assert told(parts, "b", ms=OVER_MS, remembered_seq=60) is Memory.INTACT
    assert ROLLED_BACK in parts.out.alarms
    assert parts.ledger.seq == 60


# --- answering


def test_state_says_what_the_node_knows() -> None:
    """(inc, seq, term, longest promise, amnesiac, digest, wall clock) (4, 2)."""
    reply = answer_of(intact())
    assert (reply.inc, reply.seq, reply.term) == (inc_of("a"), 5, 7)
    assert (reply.max_promise_ms, reply.amnesiac) == (TIMING.promise_ms, False)
    assert reply.wall_ms == WALL_MS + round(OVER_MS)
    assert answer_of(blank()).amnesiac


def test_state_names_the_longest_promise_that_was_ever_made() -> None:
    """An asker that lost its disk may have heard of it (4, 2)."""
    parts = parts_of(loaded=replace(record(), max_promise_ms=5000))
    assert answer_of(parts).max_promise_ms == 5000


def test_state_says_the_seq_remembered_of_the_askers_earlier_lives() -> None:
    """What its present process says of itself is no memory (Formation and lost state, 6)."""
    parts = intact()
    parts.roster.hello_received("b", hello("b", seq=40), after(1))
    assert answer_of(parts, seq=41).remembered_seq == 0
    parts.roster.hello_received("b", hello("b", life=1, seq=30), after(2))
    assert answer_of(parts, seq=30).remembered_seq == 41


def test_unix_time_is_read_once_and_carried_on_by_boottime() -> None:
    """Wall clocks jump (Clocks)."""
    assert intact().formation.unix_ms(after(5000, 10)) == WALL_MS + 5000
