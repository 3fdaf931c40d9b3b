"""Log lines on stderr, as the node's: `event=check_down ... check=postgres`, or JSON objects.

Nothing here may hold up a report: a line goes into a bounded queue and a thread writes it, so a
stuck terminal or a full disk costs lines (which are counted) and nothing else.  Texts come from
the programs that are watched, so whatever could forge a field or a line is quoted and escaped.
"""

import json
import os
import queue
import threading
from typing import Final, Literal

from lifecheck import clock

LINES_MAX: Final = 500
VALUE_SIZE_MAX: Final = 2000
CLOSE_TIMEOUT_S: Final = 0.5
STACK_SIZE: Final = 128 * 1024

Level = Literal["info", "warning", "error"]
Value = str | int | float | bool | None


class Log:
    """Writes events as lines to `fd` from a thread of its own."""

    def __init__(self, node: str, *, as_json: bool = False, fd: int = 2) -> None:
        self._node = node
        self._as_json = as_json
        self._fd = fd
        self._lines: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write, name="log", daemon=True)
        before = threading.stack_size(STACK_SIZE)
        self._writer.start()
        threading.stack_size(before)
        self._is_open = True
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

    def close(self) -> None:
        """Write what is queued, within CLOSE_TIMEOUT_S, and end the thread."""
        if self._is_open:
            self._is_open = False
            self._lines.put(None)
            self._writer.join(CLOSE_TIMEOUT_S)

    def _put(self, level: Level, event: str, fields: dict[str, Value]) -> None:
        if not self._is_open:
            return
        if self._lines.qsize() >= LINES_MAX:
            self.dropped += 1
            return
        if self.dropped:
            lost, self.dropped = self.dropped, 0
            self._lines.put(self._line("warning", "log_lines_dropped", {"count": lost}))
        self._lines.put(self._line(level, event, fields))

    def _line(self, level: Level, event: str, fields: dict[str, Value]) -> bytes:
        head: dict[str, Value] = {
            "event": event,
            "level": level,
            "node": self._node,
            "part": "lifecheck",
        }
        # Nothing that is logged can take the place of who says it.
        everything = {**head, **fields, "at": clock.wall_text(), **head}
        return (render_json(everything) if self._as_json else render(everything)).encode() + b"\n"

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                os.write(self._fd, line)
            except OSError:
                self.dropped += 1


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
            plain = text and all(33 <= ord(char) < 127 and char not in '"=\\' for char in text)
            return text if plain else json.dumps(text)
        case _:
            return str(value)


def _cut(value: Value) -> Value:
    if isinstance(value, str) and len(value) > VALUE_SIZE_MAX:
        return f"{value[:VALUE_SIZE_MAX]}... ({len(value)} characters)"
    return value
