"""A claim's end, and the backstop of its addresses."""

from tests.support import at
from watchdog.guardian.policy import Claim, Policy
from watchdog.instant import MS, SECOND


def claim(hard_ms: int) -> Claim:
    """Return a claim that counts from 100 ms."""
    return Claim(1, 1, 1, 1, at(100), 900 * MS, hard_ms * MS)


def test_a_claim_ends_softly_after_its_sending() -> None:
    """Not after its acceptance: delay may only shorten a lease."""
    assert not claim(1200).soft.is_past(at(999))
    assert claim(1200).soft.is_past(at(1000))


def test_the_lifetime_of_an_address_is_beyond_hard_in_whole_seconds() -> None:
    """It is a backstop outside the proof, so it must never come first."""
    assert claim(1000).lifetime_s == 2
    assert claim(1001).lifetime_s == 3
    assert claim(180).lifetime_s == 2


def test_hooks_are_there_when_either_is() -> None:
    """Then there is a group of processes that must be empty before OFF is confirmed."""
    for up, down in ((False, False), (True, False), (False, True), (True, True)):
        policy = Policy(1, 1, 1, SECOND, False, has_escalation=up, has_de_escalation=down)
        assert policy.has_hooks == (up or down)
    policy = Policy(1, 1, 1, SECOND, False, False, False, has_escalated_restarts=True)
    assert policy.has_hooks
