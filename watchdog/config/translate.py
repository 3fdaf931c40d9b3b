"""From pydantic's errors to faults in our own words.

Rule: a message says what, why and what to type; it never shows the value of an unknown key,
which may be a secret in the wrong place.
"""

from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from watchdog.config.errors import Path, Problem, dotted
from watchdog.config.options import did_you_mean, hint_for_unknown
from watchdog.config.values import ERROR, shown, type_word

_WANTED: Final = {
    "int_type": "an integer",
    "string_type": "a string",
    "list_type": "an array",
    "dict_type": "a table",
    "model_type": "a table",
    "model_attributes_type": "a table",
}
UNKNOWN_WHY: Final = "a misspelt key would silently leave the default in force"


def problems(error: ValidationError, prefix: Path) -> list[Problem]:
    """One problem per error of a table that stands at `prefix`."""
    return [
        _problem(prefix + tuple(str(part) for part in item["loc"]), item)
        for item in error.errors(include_url=False)
    ]


def unknown(path: Path) -> Problem:
    """A key or table that does not exist."""
    what = f"unknown key `{path[-1]}` in [{dotted(path[:-1])}]"
    if len(path) == 1:
        what = f"unknown table [{path[0]}]"
    return Problem(path, what, UNKNOWN_WHY, hint_for_unknown(path))


def wrong_type(path: Path, wanted: str, value: object) -> Problem:
    """A value of another type than the option has; tables are not printed."""
    found = f"a {type_word(value)}" if isinstance(value, dict | list) else shown(value)
    found = found.replace("a array", "an array")
    return Problem(path, f"`{dotted(path)}` needs {wanted}, found {found}")


def _problem(path: Path, item: Mapping[str, Any]) -> Problem:
    context = item.get("ctx", {})
    match item["type"]:
        case "extra_forbidden":
            return unknown(path)
        case "missing":
            return Problem(
                path,
                f"`{dotted(path)}` is missing",
                "it has no default",
                f"add `{path[-1]} = ...` to [{dotted(path[:-1])}]",
            )
        case kind if kind == ERROR:
            return Problem(
                path, f"`{dotted(path)}` {context['what']}", context["why"], context["hint"]
            )
        case "literal_error":
            return _choice(path, item["input"], context["expected"])
        case kind if kind in _WANTED:
            return wrong_type(path, _WANTED[kind], item["input"])
        case _:
            return _range(path, item["input"], str(item["msg"]))


def _choice(path: Path, value: object, expected: str) -> Problem:
    allowed = [word.strip("' ") for word in expected.replace(" or ", ", ").split(", ")]
    hint = did_you_mean(value, allowed) if isinstance(value, str) else ""
    quoted = ", ".join(f'"{word}"' for word in allowed)
    return Problem(
        path, f"`{dotted(path)}` must be one of {quoted}, found {shown(value)}", "", hint
    )


def _range(path: Path, value: object, message: str) -> Problem:
    bound = message.removeprefix("Input ").replace("should be", "must be")
    return Problem(path, f"`{dotted(path)}` {bound}, found {shown(value)}")
