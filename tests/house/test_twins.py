"""What two rooms must both know and neither may import from the other is the same in both.

The arrows keep the daemon's processes small: the reader of the configuration loads no probe, and
lifecheck no pydantic.  The price is a number here and there that is said twice.
"""

from typing import Any, Final

import click
import pytest

from lifecheck import __main__ as lifecheck
from lifecheck import detector, node_link, settings
from lifecheck import plan as lifecheck_plan
from lifecheck.plan import check_of
from lifecheck.probes import Means, make
from lifecheck.processes import accelerators
from lifecheck.processes.matching import Rule
from watchdog.cli import check_change, status_health, wait
from watchdog.config import check_rules, check_schema, check_values, plan
from watchdog.config.check_draft import read_check
from watchdog.config.check_plan import check_row
from watchdog.config.values import read_duration
from watchdog.core import events
from watchdog.core.states import State
from watchdog.guardian import helper_life, node_life, privileged
from watchdog.guardian import plan as guardian_plan
from watchdog.shell import __main__ as node_process
from watchdog.shell import pgpool_view, status_view
from watchdog.shell import plan as node_plan
from watchdog.web import __main__ as web
from watchdog.web import metrics, status
from watchdog.web import plan as web_plan

SAMPLES: Final[dict[str, dict[str, Any]]] = {
    "process": {"process": "/usr/bin/x"},
    "tcp": {"tcp": "127.0.0.1:1"},
    "http": {"http": "http://127.0.0.1/"},
    "command": {"command": ["/bin/true"]},
    "log_growth": {"log_growth": "/x"},
    "log_match": {"log_match": "/x", "pattern": "x"},
    "file": {"file": "/x"},
    "ping": {"ping": "127.0.0.1"},
    "load": {"load": 1.0},
    "memory": {"memory": "90%"},
    "disk": {"disk": "/"},
}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (detector.REPEAT_MS, check_rules.AGAIN_MS),
        (settings.EVERY_MIN_MS, check_values.EVERY_MIN_MS),
        (settings.TIMEOUT_MIN_MS, check_values.BOUND_MIN_MS),
        (accelerators.NAMES, check_values.ACCELERATORS),
        (check_change.PROBES_MAX, check_schema.PROBES_MAX),
        (node_process.EXIT_REFUSED, node_life.EXIT_REFUSED),
        (web.EXIT_REFUSED, helper_life.EXIT_REFUSED),
        (privileged.EXIT_REFUSED, helper_life.EXIT_REFUSED),
        (lifecheck.EXIT_REFUSED, helper_life.EXIT_REFUSED),
        (node_link.NAME, events.LIFECHECK),
        (status_health.LIFECHECK, events.LIFECHECK),
        (status.SCHEMA, status_view.SCHEMA),
        (
            {found.SCHEMA for found in (plan, guardian_plan, node_plan, lifecheck_plan, web_plan)},
            {1},
        ),
        (set(metrics.STATES), {state.value for state in State}),
        (set(pgpool_view.NUMBERS), {state.value for state in State}),
        ({name: numbers[0] for name, numbers in wait.STATES.items()}, pgpool_view.NUMBERS),
        (set(metrics.VERDICTS), {verdict.value for verdict in detector.Verdict}),
    ],
)
def test_what_is_said_twice_is_said_alike(one: object, other: object) -> None:
    """A configuration that is accepted and then read otherwise is worse than a refused one."""
    assert one == other


@pytest.mark.parametrize("kind", check_schema.KINDS)
def test_lifecheck_can_make_every_kind_of_probe_that_may_be_configured(kind: str) -> None:
    """The reader of the file and the runner have a list of kinds and of their options each."""
    check, faults = read_check("x", SAMPLES[kind])
    assert check is not None, faults
    (probe,) = check_of(check_row("x", check)).probes
    if kind == "process":
        assert Rule.of(probe.options, probe.every_ms).prefixes == ("/usr/bin/x",)
    else:
        make(probe, Means(None, None)).close()


@pytest.mark.parametrize("text", ["500ms", "1s", "1.5s", "2m", "1h"])
def test_a_duration_means_the_same_wherever_it_is_written(text: str) -> None:
    """In the file, in `check set` and in `wait --timeout`, each of which reads it by itself."""
    any_probe = check_change._ANY
    (changed,) = settings.apply([any_probe], {"window": text})
    assert changed.window_ms == read_duration(text)
    context = click.Context(wait.command)
    assert wait.seconds(context, wait.command.params[0], text) * 1000 == read_duration(text)
