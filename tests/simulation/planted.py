"""Bugs planted on purpose: each is a patch of one shipped function, and each must be caught.

Rule: a checker that never fails is no checker.  A plant is put in for the time of a run and taken
out again; the product has no switch for any of them.  Most are caught by the ordinary mix within
a few seeds; those that terms, order or a second line of defence hide have a directed scenario.
Those beyond the list of the design are marked *more*.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Final

from watchdog.core import promise
from watchdog.core.candidacy import Candidacy
from watchdog.core.events import Verdict
from watchdog.core.formation import Formation
from watchdog.core.guard import Guard, LeaseRound
from watchdog.core.health import Health
from watchdog.core.lease import Lease
from watchdog.core.ledger import Ledger
from watchdog.core.messages import Release
from watchdog.core.node import Node
from watchdog.core.promise import Voter
from watchdog.core.states import Trigger
from watchdog.core.transfer import Handing
from watchdog.guardian.holding import Holding
from watchdog.guardian.rounds import Rounds
from watchdog.instant import elapsed_hi

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Plant:
    """`patch` makes the wrong function of the right one; `scenario` shows it, if chance cannot."""

    name: str
    owner: type | ModuleType
    attribute: str
    patch: Callable[[Function], Function]
    scenario: str | None = None

    @contextlib.contextmanager
    def planted(self) -> Iterator[None]:
        """Have the bug in the shipped code, in this process, for a while."""
        right = self.owner.__dict__[self.attribute]
        setattr(self.owner, self.attribute, self.patch(right))
        try:
            yield
        finally:
            setattr(self.owner, self.attribute, right)


def _promise_ignored(right: Function) -> Function:
    def may_promise(voter: Voter, *args: Any) -> Any:
        held, voter.promise = voter.promise, None
        try:
            return right(voter, *args)
        finally:
            voter.promise = held

    return may_promise


def _no_sit_out(right: Function) -> Function:
    def is_sitting_out(voter: Voter, now: Any) -> bool:
        right(voter, now)
        return False

    return is_sitting_out


def _vote_not_saved(right: Function) -> Function:
    def holds_vote(ledger: Ledger, term: int, node: str) -> bool:
        return (ledger.term, ledger.voted_for) == (term, node)

    return holds_vote


def _short_promise(right: Function) -> Function:
    def promise_left_ns(voter: Voter, now: Any) -> int:
        left: int = right(voter, now)
        return left - voter._timing.promise_ns // 2 if left else 0

    return promise_left_ns


def _from_receipt(right: Function) -> Function:
    def credit(lease: Lease, voter: str, grant: Any, now: Any) -> bool:
        if not right(lease, voter, grant, now):
            return False
        lease._grants[voter] = LeaseRound(grant.round, now)
        return True

    return credit


def _early_release(right: Function) -> Function:
    def resign(handing: Handing, office: Any, *args: Any) -> None:
        right(handing, office, *args)
        release = Release(office.tenure, office.term, None, gone=False)
        handing._ctx.broadcast(release, args[-1])

    return resign


def _release_without_tenure(right: Function) -> Function:
    def release(voter: Voter, message: Release, now: Any) -> Any:
        held = voter.promise
        if held is not None and held.tenure.node == message.tenure.node:
            message = replace(message, tenure=held.tenure)
        return right(voter, message, now)

    return release


def _older_incarnation(right: Function) -> Function:
    def credit(lease: Lease, voter: str, grant: Any, now: Any) -> bool:
        sent = lease._sent.get(grant.round)
        if sent is None or grant.tenure.node != lease.tenure.node:
            return False
        lease._grants[voter] = LeaseRound(grant.round, sent)
        return True

    return credit


def _forgets_in_trouble(right: Function) -> Function:
    def change(node: Node, trigger: Trigger, now: Any) -> None:
        right(node, trigger, now)
        if trigger is Trigger.NETWORK_RESTORED:
            node._parts.voter.promise = None

    return change


def _own_weight(right: Function) -> Function:
    def may_start(candidacy: Candidacy, now: Any) -> bool:
        voter = candidacy._ctx.voter
        held, voter.promise = voter.promise, None
        try:
            may: bool = right(candidacy, now)
        finally:
            voter.promise = held
        return may

    return may_start


def _blank_skips(right: Function) -> Function:
    def is_sitting_out(voter: Voter, now: Any) -> bool:
        sits: bool = right(voter, now)
        return sits and not voter.is_amnesiac

    return is_sitting_out


def _blank_grants(right: Function) -> Function:
    def init(formation: Formation, *args: Any, amnesiac: bool, **kwargs: Any) -> None:
        right(formation, *args, amnesiac=False, **kwargs)

    return init


class _AnyDigest(bytes):
    """Equal to whatever it is compared with."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = bytes.__hash__


def _digest_ignored(right: Function) -> Function:
    def init(voter: Voter, *args: Any) -> None:
        right(voter, *args)
        voter._digest = _AnyDigest(voter._digest)

    return init


def _obeyed_at_once(right: Function) -> Function:
    def accept_if_moved(formation: Formation, now: Any) -> None:
        context = formation._ctx
        if not context.voter.is_sitting_out(now):
            context.ledger.membership_accepted()
            formation._become_intact(now)

    return accept_if_moved


def _unopened(right: Function) -> Function:
    def fault(rounds: Rounds, *args: Any) -> str:
        return ""

    return fault


def _older_round(right: Function) -> Function:
    def last_granted(voter: Voter, tenure: Any) -> tuple[int, int]:
        return (-1, -1)

    return last_granted


def _stale_off(right: Function) -> Function:
    def went_off(guard: Guard, n: int) -> bool:
        return bool(right(guard, max(n, guard._escalate_n)))

    return went_off


def _no_deadline(right: Function) -> Function:
    def expire(holding: Holding, now: Any) -> None:
        holding._now = now

    return expire


def _covers_nothing(right: Function) -> Function:
    def promise_covers(promise_ms: int, hard_ms: int) -> bool:
        return True

    return promise_covers


def _other_clock(right: Function) -> Function:
    return elapsed_hi


def _verdict_ends_promise(right: Function) -> Function:
    def reported(health: Health, event: Any, now: Any) -> None:
        right(health, event, now)
        voter = health._parts.voter
        if voter.promise is not None and voter.promise.tenure.node == event.subject:
            voter.promise = None if event.verdict is Verdict.DEAD else voter.promise

    return reported


def _sick_is_off(right: Function) -> Function:
    def leave(health: Health, office: Any, reason: str, now: Any) -> None:
        health._parts.office = None
        health._parts.handing.forget(now)
        health._parts.voter.promise = None

    return leave


PLANTS: Final = (
    Plant("promise ignored", Voter, "may_promise", _promise_ignored, "a vote asked too late"),
    Plant("no sit-out", Voter, "is_sitting_out", _no_sit_out),
    Plant("vote not saved", Ledger, "holds_vote", _vote_not_saved),
    Plant("promise shorter than hard", Voter, "promise_left_ns", _short_promise),
    Plant("lease counted from receipt", Lease, "credit", _from_receipt),
    Plant("RELEASE before off", Handing, "resign", _early_release),
    Plant(
        "RELEASE without tenure",
        Voter,
        "release",
        _release_without_tenure,
        "an old release",
    ),
    Plant(
        "grants of an older incarnation credited",
        Lease,
        "credit",
        _older_incarnation,
        "grants to an older incarnation",
    ),
    Plant(
        "promise forgotten in IN_NW_TROUBLE",
        Node,
        "_change",
        _forgets_in_trouble,
        "trouble keeps the promise",
    ),
    Plant("own weight while another's promise is held", Candidacy, "may_start", _own_weight),
    Plant("blank node skips its sit-out", Voter, "is_sitting_out", _blank_skips),
    Plant("blank node grants beacons", Formation, "__init__", _blank_grants),
    Plant(
        "members digest ignored", Voter, "__init__", _digest_ignored, "edit met by an old member"
    ),
    Plant(
        "newly accepted membership obeyed at once", Formation, "_accept_if_moved", _obeyed_at_once
    ),
    Plant("EXTEND of a round that was not opened", Rounds, "fault", _unopened, "unopened rounds"),
    Plant("promise renewed by an older round", Voter, "_last_granted", _older_round),
    Plant("stale OFF read as an answer", Guard, "went_off", _stale_off, "stale off"),
    Plant("more: the guardian has no deadline", Holding, "expire", _no_deadline),
    Plant("more: a promise too short for `hard`", promise, "promise_covers", _covers_nothing),
    Plant("more: a verdict ends a promise", Health, "reported", _verdict_ends_promise),
    Plant("more: a sick coordinator just stops leading", Health, "_leave", _sick_is_off),
    Plant("more: promise counted by the faster clock", promise, "elapsed_lo", _other_clock),
)
