"""Numbers of commands to the guardian. Sections in parentheses are those of docs/election.md."""

import pytest

from tests.unit.watchdog.core.support import READY, ready
from watchdog.core.events import GuardianReady
from watchdog.core.guard import Guard, LeaseRound
from watchdog.instant import MS

AT = LeaseRound(3, READY)


def clean() -> Guard:
    """A guardian that has said hello and holds nothing."""
    guard = Guard()
    guard.welcomed(GuardianReady(7, off_clean=True))
    return guard


def test_nothing_is_believed_before_the_guardians_hello() -> None:
    """A node without a guardian may not vote (The voter's rule)."""
    guard = Guard()
    assert not guard.is_there
    assert not guard.is_off


def test_the_hello_says_whether_all_is_off_and_the_last_epoch() -> None:
    """The term is never below the guardian's last epoch (Formation and lost state)."""
    guard = clean()
    assert guard.is_there
    assert guard.is_off
    guard.welcomed(GuardianReady(3, off_clean=False))
    assert not guard.is_off
    assert guard.last_epoch == 7


def test_the_node_is_not_off_from_the_moment_it_asks_to_go_on() -> None:
    """The answer may take any time; meanwhile it promises nobody (The candidate and the leader)."""
    guard = clean()
    command = guard.escalate(2, 9, AT, (900, 1200), READY)
    assert (command.no, command.epoch, command.round, command.s) == (2, 9, 3, READY)
    assert (command.soft_ms, command.hard_ms) == (900, 1200)
    assert not guard.is_off
    assert not guard.is_on


def test_a_node_that_is_not_off_may_not_ask_to_go_on() -> None:
    """Our own bug: stop (The candidate and the leader)."""
    guard = clean()
    guard.escalate(2, 9, AT, (900, 1200), READY)
    with pytest.raises(AssertionError, match="not off"):
        guard.escalate(2, 9, AT, (900, 1200), READY)


def test_an_off_that_crossed_the_escalation_says_nothing() -> None:
    """It is unsolicited and older than ESCALATE (The candidate and the leader)."""
    guard = clean()
    guard.deescalate("test", READY)
    assert guard.went_off(1)
    command = guard.escalate(2, 9, AT, (900, 1200), READY)
    assert not guard.went_off(command.n - 1)
    assert not guard.is_off
    assert guard.went_off(command.n)
    assert guard.is_off


def test_a_failure_to_go_off_of_an_older_escalation_says_nothing() -> None:
    """As with OFF (The candidate and the leader)."""
    guard = clean()
    command = guard.escalate(2, 9, AT, (900, 1200), READY)
    assert not guard.failed_to_go_off(command.n - 1, "old")
    assert guard.off_failed == ""
    assert guard.failed_to_go_off(command.n, "hook")
    assert guard.off_failed == "hook"
    assert not guard.is_off
    assert guard.went_off(command.n)
    assert guard.off_failed == ""


def test_an_escalation_that_could_not_be_taken_back_is_not_on() -> None:
    """Its ESCALATED may only be late; the tenure has ended, and nobody is on without one."""
    guard = clean()
    command = guard.escalate(1, 8, AT, (900, 1200), READY)
    assert guard.failed_to_go_off(command.n, "hook")
    assert not guard.escalated(command.n)
    assert not guard.is_on


def test_escalated_counts_for_the_latest_escalation_only() -> None:
    """An answer to an earlier one is stale (The candidate and the leader)."""
    guard = clean()
    first = guard.escalate(2, 9, AT, (900, 1200), READY)
    guard.went_off(first.n)
    assert not guard.escalated(first.n)
    second = guard.escalate(2, 9, AT, (900, 1200), READY)
    assert not guard.escalated(first.n)
    assert guard.escalated(second.n)
    assert guard.is_on
    assert guard.is_latest_escalation(second.n)
    assert not guard.is_latest_escalation(first.n)


def test_numbers_rise_by_one() -> None:
    """OFF carries the number of the last command obeyed (The candidate and the leader)."""
    guard = clean()
    numbers = [
        guard.escalate(2, 9, AT, (900, 1200), READY).n,
        guard.extend(2, 9, AT).n,
        guard.deescalate("x", READY).n,
    ]
    assert numbers == [1, 2, 3]


def test_going_off_is_not_on_from_the_moment_it_is_asked() -> None:
    """Nothing may build on a service that is being given up (Resign)."""
    guard = clean()
    guard.escalated(guard.escalate(2, 9, AT, (900, 1200), READY).n)
    guard.deescalate("x", READY)
    assert not guard.is_on
    assert not guard.is_off


def test_an_escalation_that_finished_after_it_was_given_up_is_not_on() -> None:
    """ESCALATED may cross DEESCALATE: the OFF that follows is what counts (Resign)."""
    guard = clean()
    command = guard.escalate(2, 9, AT, (900, 1200), READY)
    guard.deescalate("stop", READY)
    guard.escalated(command.n)
    assert not guard.is_on


@pytest.mark.parametrize("question", ["escalate", "deescalate", "open_round"])
def test_the_oldest_unanswered_question_is_measured(question: str) -> None:
    """A stopped guardian is found out, whatever it owes an answer to (The candidate ...)."""
    guard = clean()
    assert guard.unanswered_ns(ready(500)) == 0
    match question:
        case "escalate":
            guard.escalate(2, 9, AT, (900, 1200), ready(0))
        case "deescalate":
            guard.deescalate("x", ready(0))
        case _:
            guard.asked(ready(0))
    guard.extend(2, 9, AT)  # is not answered when it is taken
    guard.asked(ready(200))
    assert guard.unanswered_ns(ready(500)) == 500 * MS
    assert guard.unanswered_ns(ready(100, 700)) == 700 * MS
    guard.answered()
    assert guard.unanswered_ns(ready(900)) == 0


def test_a_lost_guardian_is_neither_off_nor_on() -> None:
    """Nothing may be believed about what it left (The guardian)."""
    guard = clean()
    guard.lost()
    assert not guard.is_there
    assert not guard.is_off
    assert not guard.is_on
