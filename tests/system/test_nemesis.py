"""A short run of the nemesis (docs/nemesis.md), and the proof that its judge sees two holders.

The long one, with every fault on three kinds of cluster, is `python -m tests.nemesis`.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.nemesis import plan, verdict
from tests.nemesis.__main__ import main
from tests.nemesis.engine import Result, judge
from tests.nemesis.stage import SETTLE_S, Shape, opened
from tests.nemesis.wires import both_ways
from tests.system.exclusion import TwoHoldersError
from tests.system.test_split_brain import LIAR, start_with_the_bug
from watchdog.cli.demo.journal import now_ns

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
    if any(one["two_answered_s"] for one in said["faults"]):
        raise TwoHoldersError(str(said["problems"]))
    assert code == 0, said["problems"]


def test_the_judge_sees_two_nodes_that_answer_when_there_is_no_gate(tmp_path: Path) -> None:
    """Everything of the leader is frozen: only its kernel is left, and that answers."""
    code, said = run(tmp_path, "--gate", "none", "--only", "cgroup-freeze@leader")
    assert code == 0, said["problems"]
    assert said["faults"][0]["two_answered_s"] > 0.1


def test_two_holders_that_a_bug_made_are_found() -> None:
    """A voter forgets its promises, so both have a lease and an open gate."""
    with opened(Shape(nodes="2w"), 0) as stage:
        cluster = stage.cluster
        assert cluster.stop(LIAR) == 0
        start_with_the_bug(cluster, LIAR)
        step = plan.step("cut-from-peers@leader", 1)
        leader = stage.wait_healthy(30.0)
        result = Result(step.name, "2w", 1, leader=leader, begin_ns=now_ns())
        stage.wires.cut(both_ways(["alpha"], ["beta"]))
        stage.wait("two hold it", lambda: len(verdict.holding(stage.look())) == 2, 20.0)
        stage.pause(0.2)
        result.end_ns = now_ns()
        stage.pause(SETTLE_S)
        judge(stage, step, result)
        stage.wires.mend_all()
    assert result.two_answered_s > 0.1
    assert any("TWO ANSWERED for fd77::100" in text for text in result.failures)
