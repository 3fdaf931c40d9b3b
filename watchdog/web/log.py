"""Log lines of the health port on stderr: `event=listening ... part=web`, or JSON objects.

A line that cannot be written now is dropped and counted: a health check must not wait for
whoever reads the log.  Values may come from strangers, so what could forge a field is quoted.
"""

import json
import os
import select
from typing import Final, Literal

from watchdog.web import clock

LINE_SIZE_MAX: Final = 4096
"""Bytes of a line: a pipe that polls writable takes so much without waiting."""
VALUE_SIZE_MAX: Final = 2000

Level = Literal["info", "warning", "error"]
Value = str | int | float | bool | None


class Log:
    """Writes events as lines to `fd`."""

    def __init__(self, node: str, *, as_json: bool = False, fd: int = 2) -> None:
        self._node = node
        self._as_json = as_json
        self._fd = fd
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)
        self.dropped = 0

    def info(self, event: str, /, **fields: Value) -> None:
        """Say that `event` happened."""
        self._put("info", event, fields)

    def warning(self, event: str, /, **fields: Value) -> None:
        """Say what somebody should look at in working hours."""
        self._put("warning", event, fields)

    def error(self, event: str, /, **fields: Value) -> None:
        """Say what somebody should look at now."""
        self._put("error", event, fields)

    def _put(self, level: Level, event: str, fields: dict[str, Value]) -> None:
        head: dict[str, Value] = {"event": event, "level": level, "node": self._node, "part": "web"}
        if self.dropped:
            fields = {**fields, "dropped_before": self.dropped}
        # Nothing that is logged can take the place of who says it.
        everything = {**head, **fields, "at": clock.timestamp(), **head}
        text = render_json(everything) if self._as_json else render(everything)
        if self._write(text.encode(errors="replace")[: LINE_SIZE_MAX - 1] + b"\n"):
            self.dropped = 0
        else:
            self.dropped += 1

    def _write(self, line: bytes) -> bool:
        try:
            return bool(self._poll.poll(0)) and os.write(self._fd, line) > 0
        except OSError:
            return False  # nobody reads any more, or the disk is full


def render(fields: dict[str, Value]) -> str:
    """One line of key=value; a value that is not one plain word is quoted as in JSON."""
    return " ".join(f"{key}={_word(value)}" for key, value in fields.items())


def render_json(fields: dict[str, Value]) -> str:
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
            plain = text and all(
                33 <= ord(letter) < 127 and letter not in '"=\\' for letter in text
            )
            return text if plain else json.dumps(text)
        case _:
            return str(value)


def _cut(value: Value) -> Value:
    if isinstance(value, str) and len(value) > VALUE_SIZE_MAX:
        return f"{value[:VALUE_SIZE_MAX]}... ({len(value)} characters)"
    return value
