"""A short run of the nemesis (docs/nemesis.md), and the proof that its judge sees two holders.

The long one, with every fault on three kinds of cluster, is `python -m tests.nemesis`.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.nemesis.__main__ import main

pytestmark = pytest.mark.root
SEED = "20261121"


def run(tmp_path: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """The exit code and what was written."""
    file = tmp_path / "nemesis.json"
    code = main([*words, "--seed", SEED, "--json", str(file)])
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return code, found


def test_no_fault_of_the_short_run_makes_two_nodes_answer(tmp_path: Path) -> None:
    """The gate is in use on every node, nothing moves without need, and all recover."""
    code, said = run(tmp_path, "--short")
    assert code == 0, said["problems"]
    assert sum(one["two_answered_s"] for one in said["faults"]) == 0


def test_the_judge_sees_two_nodes_that_answer_when_there_is_no_gate(tmp_path: Path) -> None:
    """Everything of the leader is frozen: only its kernel is left, and that answers."""
    code, said = run(tmp_path, "--gate", "none", "--only", "cgroup-freeze@leader")
    assert code == 0, said["problems"]
    assert said["faults"][0]["two_answered_s"] > 0.1
