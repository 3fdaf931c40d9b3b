"""What the daemon hands to the core of a membership that changes (docs/election.md, 9)."""

from dataclasses import replace

import pytest

from tests.unit.watchdog.shell import samples
from watchdog.core.effects import HardState
from watchdog.shell.daemon import StartError, settings_for

OLD = (("alpha", 1), ("beta", 1), ("gamma", 1))
FIVE = (*OLD, ("delta", 1), ("epsilon", 1))


def stored(*, old: tuple[tuple[str, int], ...]) -> HardState:
    """A record under the list of five."""
    return HardState(3, 7, None, 1250, b"5" * 32, FIVE, old)


def test_the_list_that_is_replaced_is_waited_for() -> None:
    """The node obeys the stored list until enough of its members have moved."""
    plan = replace(samples.plan(), accept_membership=True)
    assert settings_for(plan, stored(old=())).old_members == FIVE


def test_a_change_within_a_change_is_refused() -> None:
    """3 -> 5 -> 7 on one node before the 5 is obeyed: waiting for three of the five is not enough.

    They may be this node and the two new ones, while the others are a quorum of the three.
    """
    plan = replace(samples.plan(), accept_membership=True)
    with pytest.raises(StartError, match="alpha, beta, gamma, delta, epsilon is not finished"):
        settings_for(plan, stored(old=OLD))


def test_a_change_is_carried_on_by_every_later_start() -> None:
    """The option stays in the unit file, and the stored list is the file's already."""
    plan = replace(samples.plan(), accept_membership=True, digest=b"5" * 32)
    assert settings_for(plan, stored(old=OLD)).old_members is None
