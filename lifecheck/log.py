"""The log of lifecheck: one line per event on stderr, by a thread; no report waits for it."""

from lifecheck import clock
from watchdog.log.line import Style, Value
from watchdog.log.writer import LogWriter


class Log:
    """Writes events as lines to `fd`."""

    def __init__(self, node: str, *, as_json: bool = False, fd: int = 2) -> None:
        style = Style(node, "lifecheck", as_json)
        self._writer = LogWriter(style, fd, _now_s, clock.wall_text)

    def info(self, event: str, /, **fields: Value) -> None:
        """Say that `event` happened."""
        self._writer.put("info", event, fields)

    def warning(self, event: str, /, **fields: Value) -> None:
        """Say what somebody should look at in working hours."""
        self._writer.put("warning", event, fields)

    def error(self, event: str, /, **fields: Value) -> None:
        """Say what somebody should look at now."""
        self._writer.put("error", event, fields)

    def close(self) -> None:
        """Write what is queued, within a bound, and end the thread."""
        self._writer.close()


def _now_s() -> float:
    return clock.now_ms() / 1000
