"""When a sentinel may tell the voters that all is over (the rest is in tests/shell)."""

import pytest

from tests.support import at
from watchdog.guardian.page import NEVER, Watched
from watchdog.guardian.sentinel_life import may_send_will
from watchdog.instant import SECOND


@pytest.mark.parametrize("is_on", [True, False])
def test_without_a_de_escalation_hook_off_is_all_there_is(*, is_on: bool) -> None:
    """The VIPs were read back as gone, and every process of a hook."""
    watched = Watched(is_on, at(0), SECOND)
    assert may_send_will(watched, at(1), has_de_escalation=False)


def test_an_owed_hook_forbids_it_until_the_promises_are_over() -> None:
    """What it ends may live elsewhere, and nobody was left to run it."""
    watched = Watched(is_on=True, s=at(0), hard_ns=SECOND)
    assert not may_send_will(watched, at(999), has_de_escalation=True)
    assert may_send_will(watched, at(1000), has_de_escalation=True)
    assert not may_send_will(watched._replace(is_on=False), at(999), has_de_escalation=True)


def test_who_was_never_on_owes_nothing() -> None:
    """Since the guardian's start."""
    assert may_send_will(NEVER, at(0), has_de_escalation=True)
