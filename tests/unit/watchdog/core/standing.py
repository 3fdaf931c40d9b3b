"""Nodes about to stand for election, or standing; instants count from READY."""

from typing import Final

from tests.unit.watchdog.core.support import READY, TIMING, hear_all, ready, save_all
from watchdog.core.parts import Parts
from watchdog.instant import MS

JITTER_MS: Final = TIMING.jitter_ns / MS
SLOT_MS: Final = TIMING.slot_ns / MS
WINDOW_MS: Final = TIMING.window_ns / MS


def free(parts: Parts, ms: float = 0) -> Parts:
    """The same node, whose last promise ended at that moment."""
    parts.voter.free_since = ready(ms)
    hear_all(parts, ready(ms))
    return parts


def start_ms(parts: Parts, ms: float = 0) -> float:
    """When it may ask for pre-votes, in ms after READY."""
    return (parts.candidacy.start_ns(ready(ms)) - READY.boot_ns) / MS


def standing(parts: Parts) -> Parts:
    """The same node as a candidate whose vote is durable and whose first round is out."""
    parts.stand(READY)
    save_all(parts, READY)
    parts.candidacy.vote_is_durable(READY)
    parts.candidacy.round_opened(1, 1, READY)
    return parts
