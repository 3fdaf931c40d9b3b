"""The lease of one tenure. Sections in parentheses are those of docs/election.md."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.watchdog.core.support import (
    SOFT_MS,
    fit_parts,
    hello,
    inc_of,
    members,
    ready,
    settings,
    tenure,
)
from watchdog.core.lease import ROUNDS_MAX, Lease
from watchdog.core.messages import Grant, Tenure
from watchdog.core.parts import Parts
from watchdog.instant import MS, Instant

MINE = Tenure("a", inc_of("a"), 1)


def lease_of(names: str = "abc", **weights: int) -> tuple[Parts, Lease]:
    """The lease of node a, whose own promise is to it."""
    changes: dict[str, dict[str, Any]] = {n: {"weight": w} for n, w in weights.items()}
    parts = fit_parts(given=settings(names=names, members=members(names, **changes)))
    parts.voter.give(MINE, 0, ready(0))
    return parts, Lease(parts.ctx, MINE)


def sent_at(lease: Lease, ms: float) -> int:
    """Open and send a round; its number."""
    ask = lease.open_round(ready(ms))
    assert lease.round_opened(ask.no, ask.round, ready(ms))
    return ask.round


def grant(number: int, ms: float, voter: str = "b", **changes: Any) -> Grant:
    """The answer of a voter to the round sent at `ms`."""
    made = Grant(8, MINE, number, ready(ms), inc_of(voter), is_vote=False)
    return replace(made, **changes)


def start_of(lease: Lease) -> Instant | None:
    """What the lease counts from."""
    lease.recount()
    return lease.start.s if lease.start else None


def test_a_round_counts_from_the_instant_before_it_is_sent() -> None:
    """Delay, reorder and duplication can only shorten the lease (The idea)."""
    _, lease = lease_of()
    number = sent_at(lease, 10)
    assert lease.credit("b", grant(number, 10), ready(400))
    assert start_of(lease) == ready(10)
    assert lease.left_ns(ready(400)) == (SOFT_MS - 390) * MS


def test_without_a_quorum_there_is_no_lease() -> None:
    """The own weight alone is no quorum of three (The candidate and the leader)."""
    _, lease = lease_of()
    sent_at(lease, 0)
    assert start_of(lease) is None
    assert lease.left_ns(ready(0)) == 0


def test_the_lease_counts_from_the_quorum_th_freshest_grant() -> None:
    """Of five, the third freshest: own, then the two newest (Timers)."""
    _, lease = lease_of("abcde")
    for ms in (0, 100, 200, 300):
        sent_at(lease, ms)
    lease.credit("b", grant(1, 0, "b"), ready(310))
    lease.credit("c", grant(2, 100, "c"), ready(310))
    assert start_of(lease) == ready(0)
    lease.credit("d", grant(3, 200, "d"), ready(310))
    assert start_of(lease) == ready(100)
    lease.credit("e", grant(4, 300, "e"), ready(310))
    assert start_of(lease) == ready(200)


def test_grants_count_by_weight() -> None:
    """A heavy voter's grant is worth its weight (Two nodes, even clusters)."""
    _, lease = lease_of("abc", b=3)
    for ms in (0, 100):
        sent_at(lease, ms)
    lease.credit("b", grant(1, 0, "b"), ready(110))
    lease.credit("c", grant(2, 100, "c"), ready(110))
    assert start_of(lease) == ready(0)


def test_a_node_that_is_a_quorum_alone_needs_no_grant() -> None:
    """The preferred node of a pair with a tie-breaker (Two nodes, even clusters)."""
    _, lease = lease_of("ab", a=3, b=2)
    sent_at(lease, 50)
    assert start_of(lease) == ready(50)


def test_the_own_weight_counts_only_under_the_own_promise_to_this_tenure() -> None:
    """A leader that promised somebody else must not count itself (The candidate ...)."""
    parts, lease = lease_of()
    number = sent_at(lease, 0)
    lease.credit("b", grant(number, 0), ready(1))
    parts.voter.promise = None
    assert lease.own_weight() == 0
    assert start_of(lease) is None
    parts.voter.give(tenure("b"), 1, ready(2))
    assert start_of(lease) is None
    parts.voter.promise = None
    parts.voter.give(MINE, number, ready(3))
    assert lease.own_weight() == 1
    assert start_of(lease) == ready(0)


def test_opening_a_round_renews_the_own_promise() -> None:
    """The own weight counts with the newest round opened (Timers)."""
    parts, lease = lease_of()
    number = sent_at(lease, 70)
    assert parts.voter.promise is not None
    assert (parts.voter.promise.round, parts.voter.promise.since) == (number, ready(70))


def test_the_lease_ends_by_the_faster_clock() -> None:
    """A holder gives up early (Clocks)."""
    _, lease = lease_of()
    lease.credit("b", grant(sent_at(lease, 0), 0), ready(1))
    start_of(lease)
    assert lease.left_ns(ready(SOFT_MS - 1, 0)) == MS
    assert lease.left_ns(ready(0, SOFT_MS)) == 0
    assert lease.left_ns(ready(SOFT_MS, 0)) == 0


def test_a_grant_that_is_too_late_is_ignored() -> None:
    """Its round is older than soft by the faster clock (The candidate and the leader)."""
    _, lease = lease_of()
    number = sent_at(lease, 0)
    assert not lease.credit("b", grant(number, 0), ready(SOFT_MS))
    assert not lease.credit("b", grant(number, 0), ready(0, SOFT_MS))
    assert lease.credit("b", grant(number, 0), ready(SOFT_MS - 1))


@pytest.mark.parametrize(
    "change",
    [
        {"tenure": Tenure("a", inc_of("a"), 2)},
        {"tenure": Tenure("a", inc_of("a", 1), 1)},
        {"voter_inc": inc_of("b", 1)},
        {"round": 2},
        {"sent": ready(1)},
    ],
    ids=["another tenure", "another incarnation of mine", "a dead voter", "unsent", "other sent"],
)
def test_a_grant_for_anything_else_is_ignored(change: dict[str, Any]) -> None:
    """Only grants that name the current tenure and the voter's process count (Messages)."""
    _, lease = lease_of()
    number = sent_at(lease, 0)
    assert not lease.credit("b", grant(number, 0, **change), ready(5))
    assert start_of(lease) is None


def test_a_late_grant_of_an_old_incarnation_is_ignored() -> None:
    """The voter restarted: whatever it sent before counts no more (Terms)."""
    parts, lease = lease_of()
    number = sent_at(lease, 0)
    parts.roster.hello_received("b", hello("b", life=1), ready(5))
    assert not lease.credit("b", grant(number, 0), ready(6))
    assert lease.credit("b", grant(number, 0, voter_inc=inc_of("b", 1)), ready(6))


def test_an_older_grant_never_moves_a_voter_back() -> None:
    """grants[v] is a maximum (The candidate and the leader)."""
    _, lease = lease_of()
    for ms in (0, 100):
        sent_at(lease, ms)
    lease.credit("b", grant(2, 100), ready(110))
    assert lease.credit("b", grant(1, 0), ready(120))
    assert start_of(lease) == ready(100)


def test_recount_tells_whether_the_lease_moved() -> None:
    """The guardian is asked for more only then (The candidate and the leader)."""
    _, lease = lease_of()
    lease.credit("b", grant(sent_at(lease, 0), 0), ready(1))
    assert lease.recount()
    assert not lease.recount()
    sent_at(lease, 100)
    assert not lease.recount()
    lease.credit("b", grant(2, 100), ready(101))
    assert lease.recount()


def test_a_stale_answer_of_the_guardian_opens_nothing() -> None:
    """The send instant must be later than the opening of that very round (Timers, I6)."""
    _, lease = lease_of()
    first = lease.open_round(ready(0))
    second = lease.open_round(ready(0))
    assert lease.is_opening
    assert not lease.round_opened(first.no, first.round, ready(0))
    assert not lease.round_opened(first.no + 1, second.round, ready(0))
    assert lease.newest is None
    assert lease.round_opened(second.no, second.round, ready(0))
    assert not lease.is_opening
    assert not lease.round_opened(second.no, second.round, ready(9))
    assert lease.newest is not None
    assert lease.newest.s == ready(0)


def test_who_granted_lately_is_known() -> None:
    """A successor must have granted within two beacon intervals (Transfer)."""
    _, lease = lease_of()
    lease.credit("b", grant(sent_at(lease, 0), 0), ready(1))
    assert lease.granted_within("b", 400 * MS, ready(399))
    assert not lease.granted_within("b", 400 * MS, ready(400))
    assert not lease.granted_within("c", 400 * MS, ready(1))


def test_rounds_remembered_are_bounded() -> None:
    """An answer to a very old round is worthless anyway (house rule: bounds)."""
    _, lease = lease_of()
    for number in range(2 * ROUNDS_MAX):
        sent_at(lease, number)
    assert len(lease._sent) == ROUNDS_MAX
    assert not lease.credit("b", grant(1, 0), ready(2 * ROUNDS_MAX))
