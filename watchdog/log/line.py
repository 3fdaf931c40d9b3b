"""A line of the log, as every process of a node writes it: `event=off level=info ...`. Pure.

Rule: values come from peers, operators, strangers and watched programs, so whatever could forge a
field or a line is quoted and escaped, and a long one is cut and says so.  How a line gets out
without holding anybody up is each process's own matter (`log.py` in its room).
"""

import json
from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

VALUE_SIZE_MAX: Final = 2000
PIPE_LINE_MAX: Final = 4096
"""Bytes that a pipe which polls writable takes without waiting (PIPE_BUF)."""

Level = Literal["info", "warning", "error", "alarm"]
Value = str | int | float | bool | None


class Style(NamedTuple):
    """What all lines of one process have in common."""

    node: str
    part: str
    as_json: bool


def line(style: Style, level: Level, event: str, fields: Mapping[str, Value], at: str) -> bytes:
    """The line as it is written, with its end; `at` is the time of day."""
    head = {"event": event, "level": level, "node": style.node, "part": style.part}
    # Nothing that is logged can take the place of who says it.
    everything: dict[str, Value] = {**head, **fields, "at": at, **head}
    return (render_json(everything) if style.as_json else render(everything)).encode() + b"\n"


def cut_for_pipe(line: bytes) -> bytes:
    """The line, in at most PIPE_LINE_MAX bytes."""
    return line if len(line) <= PIPE_LINE_MAX else line[: PIPE_LINE_MAX - 1] + b"\n"


def render(fields: Mapping[str, Value]) -> str:
    """One line of key=value; a value that is not one plain word is quoted as in JSON."""
    return " ".join(f"{key}={_word(value)}" for key, value in fields.items())


def render_json(fields: Mapping[str, Value]) -> str:
    """The same line as a JSON object."""
    return json.dumps({key: _cut(value) for key, value in fields.items()}, separators=(",", ":"))


def _word(value: Value) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case str():
            text = str(_cut(value))
            plain = text and all(33 <= ord(char) < 127 and char not in '"=\\' for char in text)
            return text if plain else json.dumps(text)
        case _:
            return str(value)


def _cut(value: Value) -> Value:
    if isinstance(value, str) and len(value) > VALUE_SIZE_MAX:
        return f"{value[:VALUE_SIZE_MAX]}... ({len(value)} characters)"
    return value
