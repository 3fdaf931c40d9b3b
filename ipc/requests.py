"""Turns a frame of the control socket into one request, or into a sentence about its fault. Pure.

Rule: whatever a client sends ends here as a dataclass or as BadRequestError, never otherwise.
Unknown fields are ignored, known ones are checked.  A reason is cleaned rather than refused:
a verdict must not be lost because of the words beside it.
"""

from collections.abc import Mapping
from typing import Final, cast

from ipc.framing import Frame, parse_body
from ipc.messages import (
    Answer,
    BadRequestError,
    CheckReset,
    CheckSet,
    Form,
    Inform,
    Judgement,
    Native,
    NodeList,
    Own,
    Ping,
    Register,
    Report,
    Request,
    Status,
    StatusChange,
    Switchover,
    Variable,
    Verb,
    Verdict,
)
from ipc.words import (
    ALIVE_STATUS,
    DEAD_STATUS,
    NAME_MAX,
    NATIVE,
    NODE_LIST,
    REGISTER,
    STARTED_STATUS,
    STATUS_CHANGE,
    TEXT_MAX,
    VARIABLE,
    find,
)

SERVED: Final = frozenset((REGISTER, STATUS_CHANGE, NODE_LIST, VARIABLE, NATIVE))
INTERNAL: Final = frozenset("dfrci")
"""Types that pgpool's own processes use among themselves, with a key of their shared memory."""
VERBS: Final = "status, ping, form, switchover, inform, report, answer, check_set, check_reset"
INT_MAX: Final = 2**31 - 1
EPOCH_MAX: Final = 2**63 - 1
ROWS_MAX: Final = 64
VALID_DEFAULT_MS: Final = 15_000
VALID_MAX_MS: Final = 3_600_000
DEFAULT_NAME: Final = "client"


def body_of(frame: Frame) -> dict[str, object]:
    """The object in the body of a request. Raises FramingError.

    A registration may come without one.
    """
    if frame.kind == REGISTER and frame.data in (b"", b"\0"):
        return {}
    return parse_body(frame.data)


def parse_request(kind: str, body: dict[str, object]) -> Request:
    """The request of type `kind` in `body`. Raises BadRequestError."""
    match kind:
        case "3":
            return NodeList(_int(body, "NodeID", -INT_MAX - 1, INT_MAX))
        case "2":
            return _status_change(body)
        case "v":
            name = find(body, "VarName")
            if not isinstance(name, str) or not name:
                raise BadRequestError("requested variable name is null")
            return Variable(_clean(name))
        case "0":
            return Register(_text(body, "Name", NAME_MAX) or DEFAULT_NAME, _flag(body, "Native"))
        case "q":
            return Native(parse_verb(body))
        case _ if kind in INTERNAL:
            what = f"request type '{kind}' is for pgpool's own processes and is not served here"
            raise BadRequestError(what)
        case _:
            raise BadRequestError("unknown IPC command type")


def parse_verb(body: Mapping[str, object]) -> Verb:
    """The native verb in `body`. Raises BadRequestError with what is wrong and what would do."""
    match find(body, "verb"):
        case "status":
            return Status()
        case "ping":
            return Ping()
        case "form":
            return Form()
        case "switchover":
            reason = _text(body, "reason") or "operator"
            return Switchover(_text(body, "to"), reason, _flag(body, "dry_run"))
        case "inform":
            return _inform(body)
        case "report":
            return _report(body)
        case "answer":
            rid = _int(body, "rid", 0, EPOCH_MAX)
            return Answer(rid, _flag(body, "ok"), dict(_object(body, "body")))
        case "check_set":
            return CheckSet(_name(body, "name"), _settings(body))
        case "check_reset":
            return CheckReset(_name(body, "name"))
        case None:
            raise BadRequestError(f"no verb given; known verbs: {VERBS}")
        case _:
            raise BadRequestError(f"unknown verb; known verbs: {VERBS}")


def _status_change(body: Mapping[str, object]) -> StatusChange:
    node_id = _int(body, "NodeID", -INT_MAX - 1, INT_MAX)
    status = _int(body, "NodeStatus", -INT_MAX - 1, INT_MAX)
    if status not in (DEAD_STATUS, ALIVE_STATUS, STARTED_STATUS):
        raise BadRequestError("NodeStatus must be 1 (dead), 2 (alive) or 3 (lifecheck started)")
    return StatusChange(node_id, status, _reason(body, "Message"))


def _inform(body: Mapping[str, object]) -> Inform:
    verdict = find(body, "verdict")
    if verdict not in ("dead", "alive"):
        raise BadRequestError('verdict must be "dead" or "alive"')
    return Inform(_name(body, "node"), verdict, _reason(body, "message"))


def _report(body: Mapping[str, object]) -> Report:
    own = _object(body, "own")
    peers = _object(body, "peers")
    if len(peers) > ROWS_MAX:
        raise BadRequestError(f"peers must hold at most {ROWS_MAX} nodes")
    valid_ms = find(body, "valid_ms")
    return Report(
        Own(
            verdict=_verdict(own),
            reason=_reason(own, "reason"),
            epoch=_int(own, "epoch", 0, EPOCH_MAX, default=0),
            veto=_reason(own, "veto"),
            handicap=_int(own, "handicap", 0, INT_MAX, default=0),
        ),
        {name: _judgement(name, value) for name, value in peers.items()},
        VALID_DEFAULT_MS if valid_ms is None else _int(body, "valid_ms", 1, VALID_MAX_MS),
        mute=_flag(body, "mute"),
    )


def _judgement(name: str, value: object) -> Judgement:
    if not isinstance(value, dict):
        raise BadRequestError('peers must be {"name": {"verdict": ..., "reason": ...}}')
    _refuse_odd_name("the name of a peer", name, TEXT_MAX)
    return Judgement(_verdict(value), _reason(value, "reason"))


def _verdict(body: Mapping[str, object]) -> Verdict:
    verdict = find(body, "verdict")
    if verdict not in ("alive", "dead", "unknown"):
        raise BadRequestError('verdict must be "alive", "dead" or "unknown"')
    return verdict


def _settings(body: Mapping[str, object]) -> dict[str, str]:
    settings = _object(body, "settings")
    if not 0 < len(settings) <= ROWS_MAX:
        raise BadRequestError(f'settings must hold 1 to {ROWS_MAX} entries, as {{"every": "1s"}}')
    for key, value in settings.items():
        if not isinstance(value, str):
            raise BadRequestError(f"the setting {_clean(key)} must be a text")
        _refuse_odd_name("a setting", key, NAME_MAX)
        _refuse_odd_name(f"the setting {key}", value, TEXT_MAX)
    return cast("dict[str, str]", dict(settings))


def _object(body: Mapping[str, object], field: str) -> dict[str, object]:
    value = find(body, field)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRequestError(f"{field} must be an object")
    return value


def _int(
    body: Mapping[str, object], field: str, least: int, most: int, default: int | None = None
) -> int:
    value = find(body, field)
    if value is None and default is not None:
        return default
    if type(value) is not int or not least <= value <= most:
        raise BadRequestError(f"{field} must be an integer from {least} to {most}")
    return value


def _flag(body: Mapping[str, object], field: str) -> bool:
    value = find(body, field)
    if value is None or (type(value) in (bool, int) and value in (0, 1)):
        return bool(value)
    raise BadRequestError(f"{field} must be true or false")


def _name(body: Mapping[str, object], field: str, most: int = TEXT_MAX) -> str:
    value = find(body, field)
    if not isinstance(value, str):
        raise BadRequestError(f"{field} must be a printable text of 1 to {most} characters")
    _refuse_odd_name(field, value, most)
    return value


def _refuse_odd_name(what: str, text: str, most: int) -> None:
    if not 0 < len(text) <= most or not text.isprintable():
        raise BadRequestError(f"{what} must be a printable text of 1 to {most} characters")


def _text(body: Mapping[str, object], field: str, most: int = TEXT_MAX) -> str | None:
    value = find(body, field)
    return None if value is None or value == "" else _name(body, field, most)


def _reason(body: Mapping[str, object], field: str) -> str:
    value = find(body, field)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRequestError(f"{field} must be a text")
    return _clean(value)


def _clean(text: str) -> str:
    """`text`, cut, and without what could forge a line of a log."""
    cut = text[:TEXT_MAX]
    return "".join(c if c.isprintable() else " " for c in cut).strip()
