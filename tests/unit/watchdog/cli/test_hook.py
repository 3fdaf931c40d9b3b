"""`hook test`: a made-up event, told as the guardian tells a real one."""

from pathlib import Path
from typing import Any

import pytest

from tests.unit.watchdog.cli.runs import configured, run
from tests.unit.watchdog.config.samples import loaded
from watchdog.cli.hook import HOOK_PATH, environment_of, event_of
from watchdog.config.plan import resolve
from watchdog.guardian import hook_start


def plan(folder: Path) -> dict[str, Any]:
    """The plan of alpha."""
    return resolve(loaded(folder), "alpha")


@pytest.mark.parametrize("kind", ["escalation", "de_escalation", "state_change"])
def test_facts_are_those_that_the_guardian_tells(kind: str, tmp_path: Path) -> None:
    """A hook that works in the test must find the same names later."""
    event = event_of(plan(tmp_path), kind)
    assert set(event) == {
        *hook_start.Facts._fields,
        "schema",
        "cluster",
        "node",
        "vips",
        "interfaces",
    }
    assert HOOK_PATH == hook_start.PATH


def test_environment_and_event_say_the_same(tmp_path: Path) -> None:
    """A shell reads one, a program the other."""
    event = event_of(plan(tmp_path), "state_change")
    environment = environment_of(event)
    assert environment["QUORUMDOG_EVENT"] == "state_change"
    assert environment["QUORUMDOG_VIPS"] == "10.0.0.100/24"
    assert environment["QUORUMDOG_DEADLINE_MS"] == "10000"
    told = {f"QUORUMDOG_{name.upper()}": str(value) for name, value in event.items()}
    assert {**told, **environment}.keys() - environment.keys() == {"QUORUMDOG_SCHEMA"}


def test_dry_run_prints_and_runs_nothing(tmp_path: Path) -> None:
    """What would run, with what, as whom."""
    file = configured(tmp_path)
    result = run("hook", "test", "escalation", "--dry-run", "--config", file, "--node", "a")
    assert result.exit_code == 0
    assert "argv: /bin/sh -c env; cat; exit 3" in result.output
    assert "  QUORUMDOG_NODE=a" in result.output
    assert 'stdin: {"schema": 1, "event": "escalation"' in result.output


def test_hook_that_is_not_configured_is_named(tmp_path: Path) -> None:
    """With what to add."""
    file = configured(tmp_path)
    result = run("hook", "test", "state_change", "--config", file, "--node", "a")
    assert result.exit_code == 1
    assert "no state_change hook is configured" in result.output
