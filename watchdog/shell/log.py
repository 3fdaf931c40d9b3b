"""The node's log: one line per event on stderr, written by a thread; nothing holds up the lease."""

from watchdog.instant import SECOND
from watchdog.log.line import Style, Value
from watchdog.log.writer import LogWriter
from watchdog.shell import clock


class Log:
    """Writes events as lines to `fd`."""

    def __init__(self, node: str, *, as_json: bool = False, fd: int = 2) -> None:
        self._writer = LogWriter(Style(node, "node", as_json), fd, _now_s, _stamp)

    @property
    def dropped(self) -> int:
        """Lines that were lost and not told of yet."""
        return self._writer.dropped

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
    return clock.now().boot_ns / SECOND


def _stamp() -> str:
    return clock.timestamp(clock.wall_ms())
