"""Small things that many tests need; a Fake lives here when more than one test uses it."""

import select
from pathlib import Path
from typing import Final, Protocol

from watchdog.instant import MS, Instant

REPOSITORY: Final = Path(__file__).resolve().parent.parent
"""The checkout under test."""


class HasFileno(Protocol):
    """A socket, or another object around a descriptor."""

    def fileno(self) -> int:
        """The descriptor."""


def at(boot_ms: float, raw_ms: float | None = None) -> Instant:
    """Return the instant `boot_ms` after the machine's start; both clocks agree unless told."""
    boot_ns = round(boot_ms * MS)
    return Instant(boot_ns, boot_ns if raw_ms is None else round(raw_ms * MS))


def readable(seconds: float, *files: int | HasFileno) -> bool:
    """Whether one of these can be read in time; select(2) knows no descriptor above 1023."""
    poll = select.poll()
    for file in files:
        poll.register(file, select.POLLIN)
    return bool(poll.poll(seconds * 1000))
