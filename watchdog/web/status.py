"""What the node said of itself, checked: the fields of a status body that answers depend on. Pure.

Rule: the node is ours, but what answers at its socket may be an older version or a stranger; a
body without what an answer needs is no answer.  Metrics take the rest of the body as it comes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

SCHEMA: Final = 1
TEXT_SIZE_MAX: Final = 200
WHOLE_MAX: Final = (1 << 63) - 1


class StatusError(ValueError):
    """A status body that lacks what an answer needs; the text says what."""


@dataclass(frozen=True, slots=True)
class Status:
    """One node's word about itself and the cluster."""

    local: str
    state: str
    phase: str
    coordinator: str | None
    epoch: int
    is_on: bool
    lease_left_s: float
    has_quorum: bool
    weight_have: int
    weight_need: int
    memory: str
    unfit: str
    uplink: str
    is_healthy: bool
    """What the lifecheck says of this node: false while it says DEAD."""
    body: Mapping[str, Any]
    """Everything, as the node sent it."""


def parse(body: Mapping[str, Any]) -> Status:
    """The status in `body`. Raises StatusError."""
    if body.get("schema") != SCHEMA:
        raise StatusError(f"its status has schema {str(body.get('schema'))[:TEXT_SIZE_MAX]}, not 1")
    local = _text(body, "local")
    quorum = body.get("quorum")
    if not isinstance(quorum, dict):
        raise StatusError("its status lacks quorum")
    return Status(
        local=local,
        state=_text(body, "state"),
        phase=_text(body, "phase"),
        coordinator=None if body.get("coordinator") is None else _text(body, "coordinator"),
        epoch=_whole(body, "epoch"),
        is_on=_fact(body, "escalated"),
        lease_left_s=_whole(body, "lease_left_ms") / 1000,
        has_quorum=_fact(quorum, "ok"),
        weight_have=_whole(quorum, "have"),
        weight_need=_whole(quorum, "need"),
        memory=_text(body, "memory"),
        unfit=_text(body, "unfit"),
        uplink=_text(body, "uplink"),
        is_healthy=_fact(_own_row(body, local), "healthy"),
        body=body,
    )


def _own_row(body: Mapping[str, Any], local: str) -> Mapping[str, Any]:
    rows = body.get("nodes")
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and row.get("name") == local:
            return row
    raise StatusError("its status has no row of itself in nodes")


def _text(body: Mapping[str, Any], field: str) -> str:
    value = body.get(field)
    if not isinstance(value, str):
        raise StatusError(f"its status lacks {field}")
    return " ".join(value.split())[:TEXT_SIZE_MAX]


def _whole(body: Mapping[str, Any], field: str) -> int:
    value = body.get(field)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= WHOLE_MAX:
        raise StatusError(f"its status lacks {field}")
    return value


def _fact(body: Mapping[str, Any], field: str) -> bool:
    value = body.get(field)
    if not isinstance(value, bool):
        raise StatusError(f"its status lacks {field}")
    return value
