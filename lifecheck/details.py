"""The rows that `status` shows: every check and probe, stamped by the machine's clock. Pure.

An answer must fit into one frame of the control socket, so texts are shortened first, then the
probes' rows left out, then checks; what is missing is counted.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from ipc.framing import FramingError, pack_request
from ipc.words import NATIVE
from lifecheck.check import Check
from lifecheck.detector import Detector

SHORT: Final = 60
ROOM_BYTES: Final = 1024
"""Left for what goes around the rows: the answer's other fields, and a key."""


def details(
    checks: Sequence[Check],
    heartbeat: Sequence[Mapping[str, object]],
    accelerators: Sequence[str],
    now_ms: int,
) -> dict[str, object]:
    """The body of the answer to `details`."""
    rows = [row(check, now_ms) for check in checks]
    others: dict[str, object] = {"heartbeat": [*heartbeat], "accelerators": [*accelerators]}
    for shorten in (_as_is, _shortened, _bare):
        body: dict[str, object] = {"checks": [shorten(each) for each in rows], **others}
        if _fits(body):
            return body
    bare = [_bare(each) for each in rows]
    while bare:
        bare = bare[: len(bare) // 2]
        body = {"checks": bare, **others, "cut": len(rows) - len(bare)}
        if _fits(body):
            return body
    return {"checks": [], "heartbeat": [], "accelerators": [], "cut": len(rows)}


def row(check: Check, now_ms: int) -> dict[str, object]:
    """One check."""
    pairs = zip(check.probes, check.detectors, strict=True)
    looked = [_looked_ms(probe.kind, found, now_ms) for probe, found in pairs]
    last_ms = [each for each in looked if each is not None]
    return {
        "name": check.plan.name,
        "verdict": check.verdict.value,
        "reason": check.text().removeprefix(f"{check.plan.name}: "),
        "since_boot_s": check.since_ms / 1000,
        "last_boot_s": max(last_ms) / 1000 if last_ms else None,
        "fail_count": check.fail_count,
        "on_fail": _on_fail(check),
        "when": check.plan.when,
        "probes": [
            _probe(probe.kind, found, each)
            for probe, found, each in zip(check.probes, check.detectors, looked, strict=True)
        ],
    }


def _looked_ms(kind: str, found: Detector, now_ms: int) -> int | None:
    """When it was looked last; a process is watched without a pause once it was looked for."""
    is_watched = kind == "process" and found.last_ms is not None
    return now_ms if is_watched else found.last_ms


def _probe(kind: str, found: Detector, looked_ms: int | None) -> dict[str, object]:
    return {
        "kind": kind,
        "verdict": found.verdict.value,
        "reason": found.detail,
        "last_boot_s": None if looked_ms is None else looked_ms / 1000,
        "runs": found.runs,
        "failures": found.failures,
    }


def _on_fail(check: Check) -> str:
    on_fail = check.plan.on_fail
    match on_fail.kind:
        case "priority":
            return f"priority:-{on_fail.by}"
        case "restart":
            return f"restart {check.restarts.count}/{on_fail.restarts}"
        case kind:
            return kind


def _as_is(each: dict[str, object]) -> dict[str, object]:
    return each


def _shortened(each: dict[str, object]) -> dict[str, object]:
    probes = each["probes"]
    assert isinstance(probes, list)
    short = [{**probe, "reason": str(probe["reason"])[:SHORT]} for probe in probes]
    return {**each, "reason": str(each["reason"])[:SHORT], "probes": short}


def _bare(each: dict[str, object]) -> dict[str, object]:
    return {**each, "reason": str(each["reason"])[:SHORT], "probes": []}


def _fits(body: dict[str, object]) -> bool:
    try:
        pack_request(NATIVE, {**body, "room": " " * ROOM_BYTES})
    except FramingError:
        return False
    return True
