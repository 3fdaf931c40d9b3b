"""The readable trace of one seed: who saw what, decided what, and which fault came when.

Keys, digests and incarnations are shortened to what a reader can tell apart.
"""

import re
from collections import deque
from collections.abc import Callable
from typing import Final

from tests.simulation.heap import Heap
from watchdog.instant import SECOND

LINES_MAX: Final = 200_000
_BYTES: Final = re.compile(r"b'(?:[^'\\]|\\.)*'|b\"(?:[^\"\\]|\\.)*\"")
_NOISE: Final = re.compile(r"(?:cluster_id|digest|config_digests|proto)=[^,)]*(?:\))?,? ?")
_INSTANT: Final = re.compile(r"Instant\(boot_ns=(\d+), raw_ns=\d+\)")


class Trace:
    """The last LINES_MAX lines of a run."""

    def __init__(self, heap: Heap) -> None:
        self._heap = heap
        self._known: dict[str, str] = {}
        self.lines: deque[str] = deque(maxlen=LINES_MAX)

    def __call__(self, machine: str, part: str, text: str) -> None:
        """Write one line."""
        self.lines.append(f"{self._heap.now / SECOND:12.6f} {machine:8} {part:11} {text}")

    def read(self, *, grep: Callable[[str], bool] | None = None) -> list[str]:
        """The lines, shortened."""
        return [self._short(line) for line in self.lines if grep is None or grep(line)]

    def _short(self, line: str) -> str:
        line = _NOISE.sub("", line)
        line = _INSTANT.sub(lambda m: f"@{int(m[1]) / 1e9:.6f}", line)
        return _BYTES.sub(self._nickname, line)

    def _nickname(self, found: re.Match[str]) -> str:
        return self._known.setdefault(found[0], f"#{len(self._known)}")
