"""When a peer is dialled again."""

import random

from watchdog.instant import MS, SECOND
from watchdog.shell.backoff import DELAY_MAX_NS, DELAY_MIN_NS, Backoff


def test_delays_double_up_to_five_seconds_with_jitter() -> None:
    """A peer that returns is found soon; a dead one costs little."""
    backoff = Backoff(random.Random(3))
    delays = [backoff.failed() for _ in range(12)]
    wanted = [min(DELAY_MIN_NS << n, DELAY_MAX_NS) for n in range(12)]
    assert all(3 * want // 4 < delay <= want for delay, want in zip(delays, wanted, strict=True))
    assert len(set(delays[6:])) > 1


def test_a_working_link_that_was_lost_is_dialled_at_once() -> None:
    """The peer was there a moment ago."""
    backoff = Backoff(random.Random(3))
    for _ in range(5):
        backoff.failed()
    assert backoff.lost(lasted_ns=60 * SECOND) == 0
    assert backoff.failed() <= DELAY_MIN_NS


def test_a_link_that_breaks_at_once_does_not_make_a_storm() -> None:
    """A peer that accepts and drops would be dialled without a pause."""
    backoff = Backoff(random.Random(3))
    assert all(backoff.lost(lasted_ns=5 * MS) > 100 * MS for _ in range(4))
    assert backoff.failed() > SECOND
