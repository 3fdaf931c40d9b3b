"""Log lines on stderr: `event=stepped_down ... term=7 reason=quorum_lost`, or JSON objects.

Nothing here may hold up the lease: a line goes into a bounded queue and a thread writes it, so a
stuck terminal or a full disk costs lines (which are counted) and nothing else.  Values come from
peers and operators as well, so whatever could forge a field or a line is quoted and escaped.
"""

import json
import os
import queue
import threading
from typing import Final, Literal

from watchdog.shell import clock

LINES_MAX: Final = 1000
VALUE_SIZE_MAX: Final = 2000
CLOSE_TIMEOUT_S: Final = 0.5

Level = Literal["info", "warning", "error"]
Value = str | int | float | bool | None


class Log:
    """Writes events as lines to `fd` from a thread of its own."""

    def __init__(self, node: str, *, as_json: bool = False, fd: int = 2) -> None:
        self._node = node
        self._as_json = as_json
        self._fd = fd
        self._lines: queue.Queue[bytes | None] = queue.Queue(LINES_MAX)
        # Inherited scheduling does no harm: the thread sleeps or is blocked in write.
        self._writer = threading.Thread(target=self._write, name="log", daemon=True)
        self._is_open = True
        self._writer.start()
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
        self._is_open = False
        try:
            if self.dropped:
                self._lines.put(self._drop_line(), timeout=CLOSE_TIMEOUT_S)
            self._lines.put(None, timeout=CLOSE_TIMEOUT_S)
        except queue.Full:
            return
        self._writer.join(CLOSE_TIMEOUT_S)

    def _put(self, level: Level, event: str, fields: dict[str, Value]) -> None:
        if not self._is_open:
            return
        if self.dropped and not self._lines.full():
            self._queue(self._drop_line())
        self._queue(self._line(level, event, fields))

    def _drop_line(self) -> bytes:
        lost, self.dropped = self.dropped, 0
        return self._line("warning", "log_lines_dropped", {"count": lost})

    def _queue(self, line: bytes) -> None:
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self.dropped += 1

    def _line(self, level: Level, event: str, fields: dict[str, Value]) -> bytes:
        head: dict[str, Value] = {
            "event": event,
            "level": level,
            "node": self._node,
            "part": "node",
        }
        # Nothing that is logged can take the place of who says it.
        everything = {**head, **fields, "at": clock.timestamp(clock.wall_ms()), **head}
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
