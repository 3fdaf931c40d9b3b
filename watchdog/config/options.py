"""The list of all options, read off the schema: for suggestions, environment and documentation.

Rule: one list, made from the models, so that nothing about an option is written down twice.
A `*` in a path stands for a name that the user chose.  The options of a probe's kind have the
kind before their own name, as ("check", "*", "tcp", "send"), which the file does not.
"""

import difflib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from watchdog.config.check_schema import KINDS, CheckOptions, Pace, ProbeKind
from watchdog.config.check_values import Endpoint
from watchdog.config.errors import Path
from watchdog.config.schema import NAMED, TABLES
from watchdog.config.values import Kind, format_ms

ANY: Final = "*"
CHECK_KEY: Final = 3
"""Parts of the path of a key that stands in [check.NAME] itself."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option: where it stands, what kind of value it takes, its default as people write it."""

    path: Path
    kind: str
    default: str | None
    required: bool


def _walk(model: type[BaseModel], prefix: Path) -> Iterator[Option]:
    for name, field in model.model_fields.items():
        inner = _model_of(field.annotation)
        if inner is not None:
            yield from _walk(inner, (*prefix, name))
            continue
        kind = _kind(field)
        required = field.is_required()
        default = None if required else _written(field.default, kind)
        yield Option((*prefix, name), kind, default, required)


def _model_of(annotation: object) -> type[BaseModel] | None:
    for part in (annotation, *get_args(annotation)):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
    return None


def _kind(field: FieldInfo) -> str:
    for item in (*field.metadata, field.annotation):
        word = _word(item)
        if word:
            return word
    raise AssertionError(f"an option of no known kind: {field}")


def _word(item: object) -> str | None:
    """The word for one piece of an annotation, looking inside unions and Annotated."""
    if isinstance(item, Kind):
        return item.word
    if get_origin(item) is Literal:
        return " | ".join(get_args(item))
    if get_origin(item) in {Union, UnionType, Annotated}:
        inner = (*getattr(item, "__metadata__", ()), *get_args(item))
        return next((word for part in inner if (word := _word(part))), None)
    return None


def _written(value: object, kind: str) -> str | None:
    """A default as it would stand in the file; None when it follows from other options."""
    if value is None:
        return None
    if kind == "duration":
        assert isinstance(value, int)
        return f'"{format_ms(value)}"'
    if isinstance(value, Endpoint):
        return f'"{value.host}:{value.port}"'
    if kind == "percentage":
        return f'"{value:g}%"'
    return json.dumps(value)


def _all() -> Iterator[Option]:
    for table, model in TABLES.items():
        yield from _walk(model, (table,))
    for table, model in NAMED.items():
        yield from _walk(model, (table, ANY))
    yield from _walk(Pace, ("check", ANY))
    yield from _walk(ProbeKind, ("check", ANY, "probe"))
    for kind, model in KINDS.items():
        yield from _walk(model, ("check", ANY, kind))


OPTIONS: Final = {option.path: option for option in _all()}
"""Every option of the file."""
FAMILIAR: Final = {
    "deesc": "it is `de_escalation_timeout` in [hooks]",
    "sitout": "it always equals `promise`",
    "rho": "the bound on clock errors is fixed at 1 %",
    "delegate_ip": "a virtual address is a [vip.NAME] table with `address` and `interface`",
    "vip": "a virtual address is a [vip.NAME] table with `address` and `interface`",
    "wd_port": "it is `port` in [cluster]",
    "wd_priority": "it is `priority` in [nodes]",
    "wd_lifecheck_method": "it is `method` in [lifecheck]",
    "wd_heartbeat_port": "it is `heartbeat_port` in [lifecheck]",
    "wd_heartbeat_deadtime": "it is `deadtime` in [lifecheck]",
    "wd_interval": "it is `interval` in [lifecheck]",
    "profile": "the timing profile is `timing` in [cluster]",
    "host": "a node has an `address`",
    "hostname": "a node has an `address`",
}
"""Names that people bring along, and what they are called here."""
FAMILIAR_IN: Final[dict[str, dict[str, str]]] = {
    "http": dict.fromkeys(("port", "address", "host"), 'write listen = "127.0.0.1:8780"'),
    "lifecheck": {"port": "it is `heartbeat_port`"},
    "check": {
        **dict.fromkeys(("host", "port", "address"), 'write for example tcp = "127.0.0.1:5432"'),
        "path": "the key of the kind names the file: file, log_growth, log_match, disk",
        "url": "it is `http`",
        "argv": "it is `command`",
        "interval": "it is `every`",
        "retries": "it is `fails`",
    },
}
"""The same, where the table says what is meant."""
SECRETS: Final = frozenset(
    {"authkey", "auth_key", "key", "password", "passphrase", "psk", "secret"}
)


def lookup(path: Path) -> Option | None:
    """The option at `path`, whatever names the user chose in it."""
    if len(path) > 1 and path[0] in NAMED:
        path = (path[0], ANY, *path[2:])
    if path not in OPTIONS and path[0] == "check":
        return next(
            (o for p, o in OPTIONS.items() if p[:2] == path[:2] and p[-1] == path[-1]), None
        )
    return OPTIONS.get(path)


def siblings(path: Path) -> list[str]:
    """The keys that may stand where `path` stands."""
    if len(path) == 1:
        return [*TABLES, *NAMED]
    if path[0] == "check":
        return _keys_of_a_check(inside_probe=len(path) > CHECK_KEY)
    if path[0] in NAMED:
        path = (path[0], ANY, *path[2:])
    inside = len(path) - 1
    return list(
        dict.fromkeys(p[inside] for p in OPTIONS if p[:inside] == path[:inside] and p[inside:])
    )


def _keys_of_a_check(*, inside_probe: bool) -> list[str]:
    own = ProbeKind if inside_probe else CheckOptions
    kinds = [name for model in KINDS.values() for name in model.model_fields]
    return list(dict.fromkeys([*own.model_fields, *kinds, *Pace.model_fields, "probe"]))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean `priority`?`, or an empty string when nothing is close."""
    close = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else ""


def hint_for_unknown(path: Path) -> str:
    """What to type instead of a key that does not exist."""
    word = path[-1]
    if word in SECRETS:
        return "keys stand in files only: `authkey_file` names one made by `quorumdog key gen`"
    familiar = FAMILIAR_IN.get(path[0], {}).get(word) or FAMILIAR.get(word)
    if familiar is not None:
        return familiar
    for other in OPTIONS:
        if other[-1] == word and other[:-1] != path[:-1]:
            table = other[:2] if other[0] == "check" else other[:-1]
            return f"`{word}` belongs to [{'.'.join(table)}]"
    known = siblings(path)
    if hint := did_you_mean(word, known):
        return hint
    return f"there are: {', '.join(known)}" if known else "remove it"
