"""Each planted bug is found within what the short run gives its target, from another seed."""

import pytest

from tests.fuzz import registry, stateful
from tests.fuzz.__main__ import INPUTS, SEQUENCES
from tests.fuzz.engine import BATCH, Fault, Run
from tests.fuzz.plants import PLANTS, Plant

SEED = 99
"""Not the seed of the short run: the plants were not made to fit it."""


def hunt(name: str, seed: int) -> list[Fault]:
    """The faults of the first batch that has any, if the budget finds one."""
    if name == stateful.NAME:
        numbers = range(1, SEQUENCES)
        return stateful.run(seed, numbers, float("inf"), stop_at_fault=True).faults
    target = registry.make(name)
    batches = range(int(INPUTS * target.share) // BATCH)
    return Run(target, seed, stop_at_fault=True).batches(batches).faults


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.name.replace(" ", "_"))
def test_a_planted_bug_is_found(plant: Plant) -> None:
    """By its target, and as the kind of fault that it is."""
    if plant.target in registry.PLACES:
        registry.make(plant.target)  # its module is imported before the patch, or would keep it
    registry.make.cache_clear()  # the target itself may hold on to functions from before it
    with plant.planted():
        found = hunt(plant.target, SEED)
    registry.make.cache_clear()
    assert {fault.kind for fault in found} == {plant.kind}, found


def test_the_plants_cover_most_targets_and_every_kind() -> None:
    """A kind of fault that nothing plants might never be seen."""
    assert {plant.kind for plant in PLANTS} == {"error", "memory", "slow"}
    assert len({plant.target for plant in PLANTS}) >= 10
