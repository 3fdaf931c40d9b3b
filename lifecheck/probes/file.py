"""Probe `file`: it is there and, when asked, not too old.

Theory: a file on a dead mount answers nothing at all, so the look is a thread's and its silence
is a failure.
"""

import os
import time
from collections.abc import Mapping
from typing import Any

from lifecheck.probes import Outcome, words
from lifecheck.probes.offload import HangingError, Offload


class FileProbe:
    """Looks whether a path exists and when it was last written to."""

    def __init__(self, path: str, age_max_ms: int | None) -> None:
        self.doing = f"looking at {words.clean(path, 100)}"
        self._path, self._age_max_ms = path, age_max_ms
        self._offload: Offload[os.stat_result] = Offload(self.doing)

    async def run(self) -> Outcome:
        """Look once."""
        try:
            seen = await self._offload.call(lambda: os.stat(self._path))
        except HangingError as error:
            return Outcome(False, str(error))
        except OSError as error:
            return Outcome(False, words.fault(error, self._path))
        except ValueError as error:
            return Outcome(False, words.clean(f"{self._path}: {error}"))
        return judge(self._path, time.time() - seen.st_mtime, self._age_max_ms)

    def close(self) -> None:
        """Nothing is kept."""


def judge(path: str, age_s: float, age_max_ms: int | None) -> Outcome:
    """Return the outcome for a file that was written to `age_s` ago (by the wall clock)."""
    age_s = max(0.0, age_s)
    if age_max_ms is not None and age_s * 1000 > age_max_ms:
        allowed = f"{age_max_ms / 1000:g} s allowed"
        return Outcome(False, words.clean(f"{path} was written {age_s:.1f} s ago, {allowed}"))
    return Outcome(True, words.clean(f"{path} was written {age_s:.1f} s ago"))


def make(options: Mapping[str, Any]) -> FileProbe:
    """Options: path, age_max_ms (or null)."""
    return FileProbe(options["path"], options.get("age_max_ms"))
