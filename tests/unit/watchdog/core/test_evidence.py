"""What the log says of a lost lease: enough to tell a slow voter from a slow network or machine."""

from tests.unit.watchdog.core.support import fit_parts, inc_of, members, ready, settings
from tests.unit.watchdog.core.test_lease import MINE, lease_of, sent_at
from watchdog.core.evidence import VOTERS_SAID_MAX, of_lost_lease
from watchdog.core.lease import Lease
from watchdog.core.messages import Grant


def test_it_tells_who_granted_what_and_who_refused() -> None:
    """A voter that says no is another matter than one that says nothing."""
    parts, lease = lease_of()
    first = sent_at(lease, 0)
    lease.refusals["b"] = "promised"
    lease.credit("b", Grant(1, MINE, first, ready(0), inc_of("b"), False), ready(5))
    lease.refusals["c"] = "term"
    sent_at(lease, 200)
    parts.guard.answered()
    said = of_lost_lease(lease, parts.roster, parts.guard, ready(900))
    assert said.split("; ") == [
        "last round 700 ms ago",
        "b: granted one of 900 ms ago, silent",
        "c: granted none, refuses (term)",
    ]


def test_a_guardian_that_does_not_answer_is_named() -> None:
    """Without it no round can be sent."""
    parts, lease = lease_of()
    lease.open_round(ready(100))
    said = of_lost_lease(lease, parts.roster, parts.guard, ready(900))
    assert said.startswith("no round sent, the guardian silent for 800 ms; b: granted none")


def test_of_many_voters_only_some_are_named() -> None:
    """One line of log stays one line."""
    names = "abcdefghijklm"
    parts = fit_parts(given=settings(names=names, members=members(names)))
    said = of_lost_lease(Lease(parts.ctx, MINE), parts.roster, parts.guard, ready(900))
    assert said.count("granted none") == VOTERS_SAID_MAX
    assert said.endswith("; 4 more")
