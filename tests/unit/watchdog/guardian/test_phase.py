"""The phases of the guardian."""

from watchdog.guardian.phase import CLAIMED, GOING, WAITING, Phase


def test_every_phase_but_off_belongs_to_a_claim_or_to_its_end() -> None:
    """Whoever adds a phase must say which; while a claim waits nothing is on yet."""
    assert {Phase.OFF, *CLAIMED, *GOING} == set(Phase)
    assert not set(CLAIMED) & set(GOING)
    assert set(WAITING) < set(CLAIMED)
