"""What is said over the control socket, as data: types, native verbs, replies. Pure.

Native verbs travel under type `q` as `{"verb": ...}`; unknown fields are ignored, known ones are
checked here, once.  The other types are pgpool's; this version answers them with a refusal.
"""

from dataclasses import dataclass
from typing import Final

NATIVE: Final = "q"
BAD: Final = "6"
OK: Final = "7"
TIMED_OUT: Final = "8"
PGPOOL_REQUESTS: Final = frozenset("023vdfrci")
"""Request types of pgpool's clients that are known, and not served in this version."""

AUTH_KEY_FIELD: Final = "IPCAuthKey"
TEXT_MAX: Final = 200
"""Most characters in a name or a reason that a client gives."""


class BadRequestError(ValueError):
    """A request that cannot be obeyed as it stands; the text is for the client."""


@dataclass(frozen=True, slots=True)
class Status:
    """What does this node know?"""


@dataclass(frozen=True, slots=True)
class Ping:
    """Is anybody there?"""


@dataclass(frozen=True, slots=True)
class Form:
    """Form a fresh cluster without waiting for every configured node; once."""


@dataclass(frozen=True, slots=True)
class Switchover:
    """Move the coordinator to `to`, or to the best other node when it is None."""

    to: str | None
    reason: str
    dry_run: bool


Verb = Status | Ping | Form | Switchover


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one request: a type and the object of its body."""

    kind: str
    body: dict[str, object] | None


def ok(body: dict[str, object] | None = None) -> Reply:
    """The reply for a request that was obeyed."""
    return Reply(OK, body)


def bad(message: str) -> Reply:
    """The reply for a request that was refused, malformed, or that failed."""
    return Reply(BAD, {"MESSAGE": message})


def timed_out(message: str) -> Reply:
    """The reply when others did not answer in time."""
    return Reply(TIMED_OUT, {"MESSAGE": message})


def find(body: dict[str, object], field: str) -> object:
    """The value of `field` in any case, as pgpool looks it up; None when it is missing."""
    if field in body:
        return body[field]
    wanted = field.lower()
    return next((value for key, value in body.items() if key.lower() == wanted), None)


def parse_verb(body: dict[str, object]) -> Verb:
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
        case None:
            what = "no verb given; known verbs: status, ping, form, switchover"
        case _:
            what = "unknown verb; known verbs: status, ping, form, switchover"
    raise BadRequestError(what)


def _text(body: dict[str, object], field: str) -> str | None:
    value = find(body, field)
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > TEXT_MAX or not value.isprintable():
        what = f"{field} must be a printable text of at most {TEXT_MAX} characters"
        raise BadRequestError(what)
    return value


def _flag(body: dict[str, object], field: str) -> bool:
    value = find(body, field)
    if value is None or value in (0, 1):
        return bool(value)
    what = f"{field} must be true or false"
    raise BadRequestError(what)
