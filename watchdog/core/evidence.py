"""Why a lease was lost, in words: what became of its rounds, and which voters granted none.

It decides nothing: one line for the log, said when it happens, because afterwards nobody can find
out any more whether a voter, the network or this very machine was slow.
"""

from typing import Final

from watchdog.core.guard import Guard
from watchdog.core.lease import Lease
from watchdog.core.membership import Roster
from watchdog.instant import MS, Instant, elapsed_hi

VOTERS_SAID_MAX: Final = 8


def of_lost_lease(lease: Lease, roster: Roster, guard: Guard, now: Instant) -> str:
    """Age of the newest round, and of what each voter granted last."""
    voters = [f"{name}: {_of_voter(lease, roster, name, now)}" for name in roster.peers]
    more = [f"{len(voters) - VOTERS_SAID_MAX} more"] if len(voters) > VOTERS_SAID_MAX else []
    return "; ".join([_of_rounds(lease, guard, now), *voters[:VOTERS_SAID_MAX], *more])


def _of_rounds(lease: Lease, guard: Guard, now: Instant) -> str:
    sent = "no round sent" if lease.newest is None else f"last round {_ago(lease.newest.s, now)}"
    waits_ms = guard.unanswered_ns(now) // MS
    return f"{sent}, the guardian silent for {waits_ms} ms" if waits_ms else sent


def _of_voter(lease: Lease, roster: Roster, name: str, now: Instant) -> str:
    granted = lease.granted_by(name)
    said = "granted none" if granted is None else f"granted one of {_ago(granted.s, now)}"
    refusal = lease.refusals.get(name)
    if refusal is not None:
        return f"{said}, refuses ({refusal})"
    lost = roster.lost_reason(name, now)
    return said if lost is None else f"{said}, {lost.value}"


def _ago(since: Instant, now: Instant) -> str:
    return f"{elapsed_hi(now, since) // MS} ms ago"
