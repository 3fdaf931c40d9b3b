"""What is injected follows from the seed; a run that did too little or saw too much fails."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest

from tests.nemesis import engine, plan, report
from tests.nemesis.__main__ import _parser, repeat
from tests.nemesis.engine import (
    TRIES_MAX,
    Result,
    lateness,
    may_be_tried_again,
    proofs_missing,
)
from tests.nemesis.faults import BY_NAME, FAULTS
from tests.nemesis.plan import PlanError
from tests.nemesis.stage import Shape

GOOD = Result(
    "silent-cut@leader",
    "3",
    7,
    victims=("alpha",),
    injected=True,
    moves=1,
    moves_allowed=(1, 1),
    recovery_s=1.0,
    outage_s=1.1,
    gates={"alpha": "nft", "beta": "nft"},
)
VIP = "10.77.0.100"
STEP = plan.step("silent-cut@leader", 7)
FROZEN = plan.step("cgroup-freeze@leader", 7)
GATED = Shape()
BARE = Shape(gate="none")


def names(nodes: str, seed: int, count: int | None = None) -> list[tuple[str, int]]:
    """The plan of a run."""
    return [(step.name, step.seed) for step in plan.steps(nodes, seed, count, ())]


def test_a_seed_says_everything() -> None:
    """The same order and the same dice for the victims; another seed, another order."""
    assert names("3", 7, 60) == names("3", 7, 60)
    assert names("3", 7, 60) != names("3", 8, 60)


@pytest.mark.parametrize("nodes", ["3", "5", "2w"])
def test_a_full_run_has_every_fault_that_fits(nodes: str) -> None:
    """No fault is below its floor, whatever the seed."""
    planned = [name for name, _ in names(nodes, 1)]
    assert plan.below_floor(nodes, planned) == []
    assert ("ring" in planned) == (nodes == "5")


def test_more_than_the_list_are_pairs() -> None:
    """Two faults at once, of which the second strikes a follower."""
    count = sum(fault.floor for fault in FAULTS if "3" in fault.nodes)
    extra = [step for step in plan.steps("3", 3, count + 20, ()) if len(step.faults) == 2]
    assert len(extra) == 20
    assert all(step.faults[1].strikes == "follower" and step.kind == "plain" for step in extra)
    assert all(step.moves == plan.PAIR_MOVES for step in extra)


def test_what_a_run_printed_can_be_asked_for() -> None:
    """Also a pair; and the command to repeat says it all."""
    (pair,) = plan.steps("3", 7, None, ["kill-node@leader + silent-cut@follower"])
    assert [fault.name for fault in pair.faults] == ["kill-node@leader", "silent-cut@follower"]
    words = ["--seed", "7", "--nodes", "5", "--only", pair.name, "--gate", "none"]
    said = repeat(_parser().parse_args(words))
    assert "--seed 7" in said
    assert '--only "kill-node@leader + silent-cut@follower"' in said
    assert "--nodes 5" in said
    assert "--gate none" in said


def test_the_stages_come_one_after_the_other() -> None:
    """A cluster with special disks is made once."""
    kinds = [step.kind for step in plan.steps("3", 5, None, ())]
    assert kinds == sorted(kinds, key=plan.KINDS.index)
    assert set(kinds) == set(plan.KINDS)


@pytest.mark.parametrize(
    ("nodes", "count", "only"), [("3", 3, ()), ("3", None, ("nonsense",)), ("3", None, ("ring",))]
)
def test_what_cannot_be_planned_is_refused(
    nodes: str, count: int | None, only: tuple[str, ...]
) -> None:
    """Too few, unknown, or not for this cluster."""
    with pytest.raises(PlanError):
        plan.steps(nodes, 1, count, only)


def test_the_short_run_names_faults_that_exist() -> None:
    """And that fit three nodes."""
    assert all("3" in BY_NAME[name].nodes for name in plan.SHORT)


def wrong_with(result: Result, shape: Shape, step: plan.Step) -> list[str]:
    """Everything that the figures say against it, but for two that answered."""
    return [*proofs_missing(result, shape, step), *lateness(result, step)]


def test_a_good_result_has_no_fault() -> None:
    """The counterpart of the next one."""
    assert wrong_with(GOOD, GATED, STEP) == []


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"moves": 0}, "0 moves"),
        ({"moves": 2}, "2 moves"),
        ({"blind_s": 1.5}, "held up"),
        ({"gates": {"alpha": "nft", "beta": "none"}}, "'beta': 'none'"),
    ],
)
def test_what_is_wrong_with_a_result_is_said(changed: dict[str, object], text: str) -> None:
    """Too few moves, too many, a blind judge, a node without its gate."""
    wrong = replace(GOOD, **changed)  # type: ignore[arg-type]
    assert any(text in said for said in wrong_with(wrong, GATED, STEP))


def test_a_fault_that_nobody_may_notice_must_not_touch_the_vips() -> None:
    """Off and on again at the same node is no move, and a failure all the same."""
    step = plan.step("silent-cut@follower", 7)
    touched = replace(GOOD, name=step.name, moves=0, moves_allowed=(0, 0), disturbances=4)
    assert any("touched 4 times" in said for said in wrong_with(touched, GATED, step))


def test_without_a_gate_the_frozen_node_must_be_seen_to_answer() -> None:
    """A judge that sees nothing there proves nothing elsewhere."""
    unseen = replace(GOOD, name=FROZEN.name, gates={"alpha": "none"})
    assert any("blind" in said for said in wrong_with(unseen, BARE, FROZEN))
    seen = replace(unseen, two_answered_s=0.9)
    assert wrong_with(seen, BARE, FROZEN) == []


def test_a_run_below_its_floor_says_which() -> None:
    """And one that injected less than asked for."""
    said = list(report.problems([GOOD], "3", 2, is_full=True))
    assert any("only 1 faults were injected, 2 were asked for" in text for text in said)
    assert any("kill-node@leader: 0 of 1" in text for text in said)
    assert not any("silent-cut@leader:" in text for text in said)
    assert list(report.problems([GOOD], "3", 1, is_full=False)) == []


def test_a_failed_fault_fails_the_run() -> None:
    """With its name, and its reasons and log where it is printed."""
    bad = replace(GOOD, failures=["TWO ANSWERED"], log="last words")
    assert "1 of 1 faults failed" in next(report.problems([bad], "3", 1, is_full=False))
    assert "FAILED" in report.row(bad)
    assert "last words" in list(report.failure(bad))


def test_the_json_has_every_result() -> None:
    """One object for each, with the facts of the run."""
    said = json.loads(report.document([GOOD], {"seed": 7}))
    assert said["seed"] == 7
    assert said["faults"][0]["name"] == GOOD.name
    assert said["faults"][0]["ok"] is True
    assert said["faults"][0]["two_answered_s"] == 0


TOO_MANY = "2 moves, allowed are 1 to 1"
LATE = replace(GOOD, moves=2, failures=[TOO_MANY], late=[TOO_MANY], stolen_ms=180)


def test_what_was_only_late_while_the_machine_stood_still_is_tried_again() -> None:
    """Twice; the third time it counts."""
    assert may_be_tried_again(LATE)
    assert may_be_tried_again(replace(LATE, number=TRIES_MAX - 1))
    assert not may_be_tried_again(replace(LATE, number=TRIES_MAX))
    assert not may_be_tried_again(replace(LATE, stolen_ms=99)), "nobody stole enough"
    assert not may_be_tried_again(GOOD), "it did not fail"


@pytest.mark.parametrize(
    "grave",
    [
        f"TWO ANSWERED for {VIP}: alpha and beta for 0.001 ms",
        f"alpha answered for {VIP} without having it",
        "the observer lost kernel events: no figure is valid",
        "status must say gate=nft on every node, but: {'beta': 'none'}",
        "not injected: there is no such process",
    ],
)
def test_nothing_but_lateness_is_excused(grave: str) -> None:
    """However long the machine stood still, and whatever else was late."""
    assert not may_be_tried_again(replace(LATE, failures=[grave], late=[]))
    assert not may_be_tried_again(replace(LATE, failures=[TOO_MANY, grave]))
    assert not may_be_tried_again(replace(LATE, injected=False))


def test_a_try_that_was_repeated_is_shown_and_does_not_count() -> None:
    """Neither as failed nor as injected; the last line says how many there were."""
    excused = replace(LATE, again=True)
    assert "again" in report.row(excused)
    assert "180" in report.row(excused)
    said = "\n".join(report.failure(excused))
    assert "again: this machine stood still for 180 ms" in said
    assert TOO_MANY in said
    assert list(report.problems([excused, GOOD], "3", 1, is_full=False)) == []
    assert any("only 0 faults" in t for t in report.problems([excused], "3", 1, is_full=False))
    assert report.summary([excused, GOOD], 9.0).startswith("1 faults in 9 s; ")
    assert "; 1 tries were repeated" in report.summary([excused, GOOD], 9.0)
    told = json.loads(report.document([excused], {}))["faults"][0]
    assert (told["again"], told["number"], told["stolen_ms"]) == (True, 1, 180)


def test_a_try_is_repeated_on_a_new_cluster_and_the_third_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same fault with the same dice; the next one comes after it."""
    other = plan.step("kill-node@leader", 8)
    left = {STEP.name: [LATE, LATE, LATE], other.name: [LATE, GOOD]}
    opened: list[int] = []

    @contextmanager
    def cluster(shape: Shape, number: int) -> Iterator[SimpleNamespace]:
        opened.append(number)
        yield SimpleNamespace(shape=shape)

    def inject(_: object, step: plan.Step) -> Result:
        return replace(left[step.name].pop(0), name=step.name, seed=step.seed)

    monkeypatch.setattr(engine, "opened", cluster)
    monkeypatch.setattr(engine, "inject", inject)
    run, shown = engine.Run(GATED), list[str]()
    run.play([STEP, other], lambda one: shown.append(report.row(one).split()[-1]))
    assert shown == ["again", "again", "FAILED", "again", "ok"]
    assert opened == [0, 1, 2, 3, 4]
    assert [one.number for one in run.results] == [1, 2, 3, 1, 2]
    assert [one.seed for one in run.results] == [7, 7, 7, 8, 8]
