"""What `status` says of health: checks with their age, who hears whom, who speaks. Pure.

The details come from the lifecheck process: whatever is not of the documented shape is left out,
because no answer of a helper may end the node process.  Its stamps are CLOCK_BOOTTIME seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from watchdog.shell.plan import LifecheckPlan

ROWS_MAX: Final = 256
NUMBER_MAX: Final = 10**15
"""A number beyond it is no count and no time; some such cannot even be made a float."""
SINCE: Final = "since_boot_s"
LAST: Final = "last_boot_s"


@dataclass(frozen=True, slots=True)
class Health:
    """What the shell knows of lifechecks at the moment of the question."""

    details: Mapping[str, object]
    is_running: bool = False
    is_answering: bool = False
    own: tuple[str | None, str] = (None, "")
    clients: Sequence[Mapping[str, Any]] = ()


NOTHING: Final = Health({})


def lifecheck(plan: LifecheckPlan, health: Health, now_s: float) -> dict[str, object]:
    """The `lifecheck` of a status reply."""
    verdict, reason = health.own
    return {
        "method": plan.method,
        "expected": plan.expected,
        "running": health.is_running,
        "answering": health.is_answering,
        "verdict": verdict,
        "reason": reason,
        "checks": list(checks(health, now_s).values()),
        "heartbeat": [_plain(row) for row in rows(health.details, "heartbeat")],
        "accelerators": _texts(health.details.get("accelerators")),
        "clients": [dict(client) for client in health.clients],
    }


def checks(health: Health, now_s: float) -> dict[str, dict[str, object]]:
    """The checks of this node by their names, with ages instead of stamps."""
    return {
        str(row["name"]): _aged(row, now_s) | {"probes": _probes(row, now_s)}
        for row in rows(health.details, "checks")
        if isinstance(row.get("name"), str)
    }


def rows(body: Mapping[str, object], field: str) -> list[dict[str, object]]:
    """The objects in a list of the answer; nothing else that may stand there."""
    value = body.get(field)
    if not isinstance(value, list):
        return []
    return [row for row in value[:ROWS_MAX] if isinstance(row, dict)]


def _probes(row: Mapping[str, object], now_s: float) -> list[dict[str, object]]:
    return [_aged(probe, now_s) for probe in rows(row, "probes")]


def _aged(row: Mapping[str, object], now_s: float) -> dict[str, object]:
    """`age_s`: for how long the verdict has stood; `last_s`: how long ago it was looked at."""
    found = {key: value for key, value in _plain(row).items() if key not in (SINCE, LAST)}
    if SINCE in row:
        found["age_s"] = _ago(row[SINCE], now_s)
    found["last_s"] = _ago(row.get(LAST), now_s)
    return found


def _ago(stamp: object, now_s: float) -> float | None:
    if isinstance(stamp, bool) or not isinstance(stamp, int | float) or not _is_sane(stamp):
        return None
    return round(max(0.0, now_s - stamp), 1)


def _plain(row: Mapping[str, object]) -> dict[str, object]:
    """The fields of a row that are texts, facts, nothing, or numbers that can be."""
    return {key: value for key, value in row.items() if _is_plain(value)}


def _is_plain(value: object) -> bool:
    if isinstance(value, int | float):
        return _is_sane(value)
    return value is None or isinstance(value, str)


def _is_sane(number: float) -> bool:
    return -NUMBER_MAX <= number <= NUMBER_MAX


def _texts(value: object) -> list[str]:
    return (
        [text for text in value[:ROWS_MAX] if isinstance(text, str)]
        if isinstance(value, list)
        else []
    )
