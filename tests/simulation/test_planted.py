"""Every planted bug is caught, or the checkers are worth nothing.

Each is a patch of one shipped function; it must be caught within 2,000 seeds of the ordinary mix,
or by its directed story.  `pytest -s` prints which checker saw it and after how many seeds.
"""

import pytest

from tests.simulation.directed import tell
from tests.simulation.planted import PLANTS, Plant
from tests.simulation.swarm import run_seed

SEEDS_MAX = 2000
STORY_SEEDS_MAX = 100


def _caught(plant: Plant) -> tuple[str, str] | None:
    """Return (checker, how), or None when the bug survives."""
    for seed in range(STORY_SEEDS_MAX if plant.scenario else 0):
        violation = tell(str(plant.scenario), seed)
        if violation is not None:
            return violation.checker, f"story {plant.scenario!r}, {seed + 1} seeds"
    for seed in range(SEEDS_MAX):
        outcome = run_seed(seed)
        if outcome.checker:
            return outcome.checker, f"ordinary mix, {seed + 1} seeds"
    return None


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name)
def test_the_planted_bug_is_caught(plant: Plant) -> None:
    """A checker that never fails is no checker."""
    with plant.planted():
        caught = _caught(plant)
    assert caught is not None, f"{plant.name} survives {SEEDS_MAX} seeds"
    print(f"\n{plant.name}: caught by {caught[0]!r} ({caught[1]})")


def test_a_plant_is_taken_out_again() -> None:
    """A bug left behind would spoil every later test."""
    for plant in PLANTS:
        right = plant.owner.__dict__[plant.attribute]
        with plant.planted():
            assert plant.owner.__dict__[plant.attribute] is not right
        assert plant.owner.__dict__[plant.attribute] is right


def test_clients_would_see_it_too() -> None:
    """`never two on` needs no help of the checkers that watch conduct."""
    plant = next(plant for plant in PLANTS if plant.name == "RELEASE before off")
    with plant.planted():
        outcomes = (run_seed(seed, outcomes_only=True) for seed in range(SEEDS_MAX))
        first = next((outcome for outcome in outcomes if outcome.checker), None)
    assert first is not None, f"{plant.name} shows nothing to clients in {SEEDS_MAX} seeds"
    assert first.checker == "never two on"
