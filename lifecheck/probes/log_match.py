"""Probe `log_match`: a pattern has not appeared in a log lately.

Rule: a line in which the pattern is fails this probe for `hold_ms`; only lines that were written
while it watched count.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final

from lifecheck.probes import Outcome, words
from lifecheck.probes.follow import Follower
from lifecheck.probes.lines import LINE_MAX
from lifecheck.probes.offload import HangingError, Offload
from lifecheck.probes.pattern import TOO_SLOW, Pattern, TooSlowError

BATCHES_MAX: Final = 16
LINES_AT_ONCE: Final = 64


class LogMatchProbe:
    """Reads what is new and remembers the last match."""

    def __init__(self, path: str, pattern: Pattern, hold_ms: int) -> None:
        self.doing = f"reading {words.clean(path, 100)}"
        self._path, self._pattern, self._hold_ms = path, pattern, hold_ms
        self._follower = Follower(path)
        self._offload: Offload[None] = Offload(self.doing)
        self._matched_ms = float("-inf")
        self._line = ""

    async def run(self) -> Outcome:
        """Read once to the end."""
        try:
            count, note = await self._read()
        except TooSlowError:
            return Outcome(False, TOO_SLOW)
        except HangingError as error:
            return Outcome(False, str(error))
        except OSError as error:
            return Outcome(False, words.fault(error, self._path))
        except ValueError as error:
            return Outcome(False, words.clean(f"{self._path}: {error}"))
        since_ms = _now_ms() - self._matched_ms
        if since_ms <= self._hold_ms:
            said = f"{since_ms / 1000:.1f} s ago: {self._line}"
            return Outcome(False, words.clean(f"{self._path} said {said}"))
        state = f" ({note})" if note else ""
        return Outcome(True, words.clean(f"{self._path}{state}: {count} new lines, no match"))

    def close(self) -> None:
        """Close the file."""
        self._offload.afterwards(self._follower.close)

    async def _read(self) -> tuple[int, str]:
        count, note = 0, ""
        for _ in range(BATCHES_MAX):
            await self._offload.call(self._follower.read)
            batch = self._follower.take()
            count, note = count + len(batch.lines), batch.note or note
            for lines in _portions(batch.lines):
                found = self._pattern.first_of(lines)
                if found is not None:
                    self._matched_ms, self._line = _now_ms(), words.clean(found, 100)
                    break  # the rest of the batch could only say the same
                await asyncio.sleep(0)
            if not batch.more:
                break
        return count, note


def _portions(lines: list[bytes]) -> Iterator[list[str]]:
    """Yield so little at once that the loop is never held for long, one line at least."""
    portion: list[str] = []
    size = 0
    for line in lines:
        if portion and (size + len(line) > LINE_MAX or len(portion) == LINES_AT_ONCE):
            yield portion
            portion, size = [], 0
        portion.append(words.decoded(line))
        size += len(line)
    if portion:
        yield portion


def _now_ms() -> float:
    return time.monotonic() * 1000


def make(options: Mapping[str, Any]) -> LogMatchProbe:
    """Options: path, pattern, hold_ms."""
    return LogMatchProbe(options["path"], Pattern(options["pattern"]), options["hold_ms"])
