"""The node's log: one line per event on stderr, written by a thread; nothing holds up the lease."""

from watchdog import logline
from watchdog.floods import Floods
from watchdog.instant import SECOND
from watchdog.log_writer import LogWriter
from watchdog.logline import Level, Style, Value
from watchdog.shell import clock


class Log:
    """Writes events as lines to `fd`."""

    def __init__(self, node: str, *, as_json: bool = False, fd: int = 2) -> None:
        self._style = Style(node, "node", as_json)
        self._writer = LogWriter(fd, self._lost)
        self._floods = Floods()

    @property
    def dropped(self) -> int:
        """Lines that were lost and not told of yet."""
        return self._writer.dropped

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
        """Write what is queued, within a bound, and end the thread."""
        self._writer.close()

    def _put(self, level: Level, event: str, fields: dict[str, Value]) -> None:
        held_back = self._floods.admit(event, clock.now().boot_ns / SECOND)
        if held_back is not None:
            more: dict[str, Value] = {"held_back": held_back} if held_back else {}
            self._writer.put(self._line(level, event, fields | more))

    def _lost(self, count: int) -> bytes:
        return self._line("warning", "log_lines_dropped", {"count": count})

    def _line(self, level: Level, event: str, fields: dict[str, Value]) -> bytes:
        return logline.line(self._style, level, event, fields, clock.timestamp(clock.wall_ms()))
