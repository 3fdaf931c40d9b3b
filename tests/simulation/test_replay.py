"""A seed means one run, in every process: else a failure could not be replayed."""

import os
import re
import subprocess
import sys

import pytest

from tests.simulation.swarm import run_seed
from tests.support import REPOSITORY


@pytest.mark.parametrize("seed", [0, 2, 20, 26])
def test_a_seed_run_twice_gives_the_same_trace(seed: int) -> None:
    """Nothing may be left over from one run to the next."""
    first, second = run_seed(seed), run_seed(seed)
    assert (first.crc, first.steps, first.faults) == (second.crc, second.steps, second.faults)


def test_two_seeds_give_different_traces() -> None:
    """A hash that never changes would make the other tests worthless."""
    assert run_seed(0).crc != run_seed(26).crc


def _hash_with(hash_seed: str) -> str:
    command = [sys.executable, "-m", "tests.simulation", "--seed", "20", "--no-trace"]
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True
    )
    found = re.search(r"trace hash ([0-9a-f]{8})", done.stdout)
    assert found is not None, done.stdout
    return found[1]


def test_the_order_of_sets_does_not_matter() -> None:
    """Python orders sets of texts anew in each process: no decision may depend on that."""
    assert _hash_with("1") == _hash_with("2")
