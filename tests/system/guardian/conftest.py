"""The bench of each guardian test, made and removed around it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.guardian.bench import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Two namespaces and a guardian that is not started yet."""
    if os.geteuid() != 0:
        pytest.skip("needs root: network namespaces")
    made = Bench(tmp_path)
    try:
        made.make()
        yield made
    finally:
        made.remove()
