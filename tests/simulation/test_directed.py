"""The shipped code survives every directed story; `test_planted` shows that the stories bite."""

import pytest

from tests.simulation.directed import STORIES, tell

SEEDS = range(8)


@pytest.mark.parametrize("name", STORIES)
def test_the_story_ends_well(name: str) -> None:
    """Schedules too rare for the random mix (docs of the election, "What was checked")."""
    for seed in SEEDS:
        violation = tell(name, seed)
        assert violation is None, f"seed {seed}: {violation}"
