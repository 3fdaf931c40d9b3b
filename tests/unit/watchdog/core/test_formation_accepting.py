"""Accepting another list. Sections in parentheses are those of docs/election.md."""

from dataclasses import replace

import pytest

from tests.unit.watchdog.core.forming import (
    LATE_MS,
    OLD,
    OVER_MS,
    accepting,
    answer_of,
    told,
)
from tests.unit.watchdog.core.support import (
    OTHER_DIGEST,
    PROMISE_MS,
    after,
    members,
    parts_of,
    record,
    settings,
)
from watchdog.core.effects import BLOCKED
from watchdog.core.events import GuardianReady
from watchdog.core.formation import OTHER_LIST, Memory
from watchdog.core.messages import StateRequest

# --- accepting another list


def test_an_accepting_node_answers_as_amnesiac_and_promises_nothing() -> None:
    """Until enough of the old list have moved (Two nodes, even clusters, membership)."""
    parts = accepting()
    assert parts.voter.is_amnesiac
    assert answer_of(parts).amnesiac
    assert parts.formation.waiting_for() == ["b", "c", "d", "e"]


def test_an_accepting_node_keeps_silent_until_its_switch_is_durable() -> None:
    """A crash must not bring the old list back after others counted on the new."""
    given = settings(members=members("abcde"), old_members=OLD)
    parts = parts_of(loaded=record(), given=given)
    parts.formation.answer("b", StateRequest(4, 0), after(1))
    assert parts.out.drain() == ()
    save = parts.ledger.next_save(after(1))
    assert save is not None
    assert save.record.old_members == OLD


def test_new_members_do_not_help_to_accept() -> None:
    """Only the old list counts: d and e never promised under it."""
    parts = accepting()
    assert told(parts, "d", amnesiac=True) is Memory.ACCEPTING
    assert told(parts, "e", amnesiac=True) is Memory.ACCEPTING


def test_the_new_list_is_obeyed_a_sit_out_after_the_rest_is_no_quorum_of_the_old() -> None:
    """What the old selves of those counted have promised must be over too."""
    parts = accepting()
    assert told(parts, "b", amnesiac=True) is Memory.ACCEPTING
    end_ms = LATE_MS + PROMISE_MS
    parts.formation.tick(after(end_ms - 1))
    assert parts.formation.memory is Memory.ACCEPTING
    parts.formation.tick(after(end_ms))
    assert parts.formation.memory is Memory.INTACT
    assert parts.ledger.old_members == ()
    assert parts.ledger.voted_for is None
    assert not parts.voter.is_amnesiac


def test_an_old_member_that_still_obeys_the_old_list_is_not_counted() -> None:
    """It answers under another digest (Two nodes, even clusters, membership)."""
    parts = accepting()
    assert told(parts, "b", digest=OTHER_DIGEST) is Memory.ACCEPTING
    parts.formation.tick(after(OVER_MS + 3 * PROMISE_MS))
    assert parts.formation.memory is Memory.ACCEPTING
    assert OTHER_LIST in parts.out.alarms


def test_an_unfinished_switch_is_finished_by_the_next_process() -> None:
    """The old list is in the record (Two nodes, even clusters, membership)."""
    given = settings(members=members("abcde"))
    loaded = replace(record(), old_members=OLD)
    assert parts_of(loaded=loaded, given=given).formation.memory is Memory.ACCEPTING


@pytest.mark.parametrize("trouble", ["sitting out", "not written"])
def test_nothing_is_accepted_in_a_sit_out_or_before_the_switch_is_durable(trouble: str) -> None:
    """Enough have moved, but this node is not ready itself."""
    parts = accepting()
    if trouble == "sitting out":
        parts.voter.restart_sitout(after(OVER_MS))
    else:
        parts.ledger.has_written = False
    told(parts, "b", amnesiac=True)
    assert not parts.formation._is_counted


def test_a_node_that_accepted_is_not_below_the_guardians_epoch() -> None:
    """The term is never below it (Formation and lost state, 5)."""
    parts = accepting()
    parts.guard.welcomed(GuardianReady(50, off_clean=True))
    told(parts, "b", amnesiac=True)
    parts.formation.tick(after(LATE_MS + PROMISE_MS))
    assert (parts.ledger.term, parts.ledger.voted_for) == (50, BLOCKED)
