"""What is remembered of a peer."""

import random

from watchdog.shell.backoff import Backoff
from watchdog.shell.link import NEVER_TRIED, REPLACED_MAX, Link


def link() -> Link:
    """The link of alpha to beta."""
    return Link("beta", "10.0.0.12", 9000, "alpha", Backoff(random.Random(1)))


def test_an_incarnation_that_gave_way_is_remembered_and_the_current_one_is_not() -> None:
    """Only the current one may come back."""
    beta = link()
    for inc in (b"a", b"a", b"b", b"b", b"c"):
        beta.remember(inc)
    assert list(beta.replaced) == [b"a", b"b"]


def test_the_memory_of_replaced_incarnations_is_bounded() -> None:
    """A peer that restarts for ever costs sixteen entries."""
    beta = link()
    for number in range(1000):
        beta.remember(number.to_bytes(16, "big"))
    assert len(beta.replaced) == REPLACED_MAX
    assert beta.replaced[-1] == (998).to_bytes(16, "big")


def test_a_link_without_connection_is_idle_and_says_why() -> None:
    """The dialler waits for `idle`; `status` prints the reason."""
    beta = link()
    assert beta.idle.is_set()
    shown = beta.stats(0)
    assert not shown["connected"]
    assert shown["error"] == NEVER_TRIED
    assert (shown["rtt_ms"], shown["since_s"], shown["opened_by"]) == (None, None, None)
