"""Small things that many tests need; a Fake lives here when more than one test uses it."""

from pathlib import Path
from typing import Final

from watchdog.instant import MS, Instant

REPOSITORY: Final = Path(__file__).resolve().parent.parent
"""The checkout under test."""


def at(boot_ms: float, raw_ms: float | None = None) -> Instant:
    """Return the instant `boot_ms` after the machine's start; both clocks agree unless told."""
    boot_ns = round(boot_ms * MS)
    return Instant(boot_ns, boot_ns if raw_ms is None else round(raw_ms * MS))
