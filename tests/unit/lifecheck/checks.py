"""Plans of checks, as tests want them: everything at its default unless told."""

from typing import Any

from lifecheck.check import Check
from lifecheck.plan import CheckPlan, OnFail, ProbePlan, When

SECOND = 1000


def probe(kind: str = "tcp", **fields: Any) -> ProbePlan:
    """A probe every 5 s: three failures, two successes."""
    known: dict[str, Any] = {
        "every_ms": 5000,
        "timeout_ms": 2000,
        "fails": 3,
        "rises": 2,
        "window_ms": 0,
        "start_delay_ms": 0,
        "options": {},
    }
    return ProbePlan(kind=kind, **{**known, **fields})


def process(**fields: Any) -> ProbePlan:
    """A process probe: one look is enough either way."""
    options = {
        "prefixes": ["/usr/bin/postgres -D"],
        "pidfile": None,
        "exe": None,
        "unit": None,
        "absent_for_ms": 0,
        "min_count": 1,
    }
    known: dict[str, Any] = {"every_ms": 2000, "fails": 1, "rises": 1}
    options |= fields.pop("options", {})
    return probe("process", **{**known, **fields, "options": options})


def plan(
    name: str = "web",
    *probes: ProbePlan,
    on_fail: OnFail | None = None,
    when: When = "always",
) -> CheckPlan:
    """A check that releases."""
    return CheckPlan(name, when, on_fail or OnFail("release"), probes or (probe(),))


def check(*args: Any, **fields: Any) -> Check:
    """The same, running since second 0."""
    return Check(plan(*args, **fields), 0)


def quick(name: str = "web", **fields: Any) -> Check:
    """A check whose only probe decides at every outcome."""
    return check(name, probe(fails=1, rises=1), **fields)


RESTART = OnFail("restart", restarts=2, within_ms=600 * SECOND, timeout_ms=30 * SECOND)
