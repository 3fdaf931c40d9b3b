"""Making a probe from its plan."""

from typing import Any

import pytest

from lifecheck.plan import ProbePlan
from lifecheck.probes import Means, make

OPTIONS: dict[str, dict[str, Any]] = {
    "tcp": {"host": "127.0.0.1", "port": 1, "send": None, "expect": None},
    "http": {"url": "http://127.0.0.1/", "status": [200], "body": None},
    "command": {"argv": ["true"], "style": "exit", "output": None},
    "log_growth": {"path": "/nowhere", "within_ms": 1},
    "log_match": {"path": "/nowhere", "pattern": "x", "hold_ms": 1},
    "file": {"path": "/nowhere", "age_max_ms": None},
    "ping": {"addresses": ["127.0.0.1", "fe80::1%eth0"]},
    "load": {"max": 1.0, "clear": 0.5},
    "memory": {"max_percent": 90, "clear_percent": 80},
    "disk": {"path": "/nowhere", "max_percent": 90, "clear_percent": None},
}


def _plan(kind: str, **changes: Any) -> ProbePlan:
    return ProbePlan(kind, 1, 1, 1, 1, 0, 0, {**OPTIONS.get(kind, {}), **changes})


@pytest.mark.parametrize("kind", OPTIONS)
def test_every_kind_is_made_from_the_options_of_the_plan(kind: str) -> None:
    """The keys are the contract with configuration; nothing is touched before the first run."""
    probe = make(_plan(kind), Means(None, None))
    assert isinstance(probe.doing, str)
    probe.close()


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("tcp", {"expect": "("}),
        ("http", {"url": "http://user:secret@h/"}),
        ("http", {"body": "["}),
        ("command", {"argv": []}),
        ("command", {"argv": ["a\0b"]}),
        ("command", {"style": "systemd"}),
        ("log_match", {"pattern": "(?P<"}),
        ("ping", {"addresses": []}),
        ("ping", {"addresses": ["router.example"]}),
        ("process", {}),
    ],
)
def test_what_configuration_should_have_refused_is_refused(kind: str, changes: Any) -> None:
    """A fault is said at the start and not at each run."""
    with pytest.raises(ValueError, match=r"\w+"):
        make(_plan(kind, **changes), Means(None, None))
