"""Each checker that no planted bug reaches bites by hand here, and its excuse is narrow."""

from random import Random
from types import SimpleNamespace as Fake

import pytest

from tests.simulation import checkers
from tests.simulation.heap import Heap
from tests.simulation.network import Network
from tests.simulation.stage import Stage, Violation, Watch
from watchdog import guardian_protocol as protocol
from watchdog.core.effects import HardState
from watchdog.core.messages import Beacon, Tenure
from watchdog.instant import Instant

NOW = Instant(0, 0)


def _stage(*offsets_ms: int) -> Stage:
    heap = Heap()
    network = Network(heap, Random(0), 3)
    return Stage(0, heap, network, Watch(), {}, list(offsets_ms) or [0, 0, 0])


def _machine(name: str, *, on: bool = False, serving: bool = False, exempt: bool = False) -> Fake:
    kernel = Fake(exempt=exempt, was_late=lambda now: on)
    return Fake(name=name, is_on=on, is_serving=serving, kernel=kernel, index=0)


def _escalate(epoch: int) -> protocol.Escalate:
    return protocol.Escalate(1, 1, epoch, 1, NOW, 900, 1200)


def _record(term: int) -> HardState:
    return HardState(1, term, None, 1250, b"", ())


def test_two_that_are_on_are_seen() -> None:
    """By the guardians' own view, although no client could tell."""
    stage = _stage()
    checkers.NeverTwoOn(stage)
    stage.machines += [_machine("a", on=True), _machine("b", on=True)]
    with pytest.raises(Violation, match="never two on"):
        stage.watch.tell(stage.watch.held, stage.machines[0])


def test_a_frozen_guardian_counts_by_its_gate_only() -> None:
    """The exemption covers `on`, never what clients see."""
    stage = _stage()
    checkers.NeverTwoOn(stage)
    stage.machines += [_machine("a", on=True), _machine("b", on=True, exempt=True)]
    stage.watch.tell(stage.watch.held, stage.machines[0])
    stage.machines[:] = [
        _machine("a", serving=True),
        _machine("b", serving=True, exempt=True),
    ]
    with pytest.raises(Violation, match="never two on"):
        stage.watch.tell(stage.watch.held, stage.machines[0])


def _beacon(term: int) -> Beacon:
    return Beacon(term, Tenure("x", b"", 1), 1, NOW, 1200, b"", term)


def test_a_term_led_by_two_is_seen() -> None:
    """The second node that leads it is the violation; the first may go on."""
    stage = _stage()
    checkers.OneWinnerPerTerm(stage, checkers.Excuse(stage))
    look = stage.watch.sent[Beacon][0]
    look(Fake(name="a"), "c", _beacon(5))
    look(Fake(name="a"), "c", _beacon(5))
    look(Fake(name="b"), "c", _beacon(6))
    with pytest.raises(Violation, match="one winner per term"):
        look(Fake(name="b"), "c", _beacon(5))


def test_an_epoch_that_falls_is_seen() -> None:
    """A fencing token must never be below an earlier one."""
    stage = _stage()
    checkers.EpochsRise(stage, checkers.Excuse(stage))
    stage.watch.tell(stage.watch.accepted, _machine("a"), _escalate(5))
    stage.watch.tell(stage.watch.accepted, _machine("b"), _escalate(6))
    with pytest.raises(Violation, match="epochs only rise"):
        stage.watch.tell(stage.watch.accepted, _machine("a"), _escalate(5))


def _falls(stage: Stage) -> None:
    checkers.EpochsRise(stage, checkers.Excuse(stage))
    stage.watch.tell(stage.watch.accepted, _machine("a"), _escalate(6))


@pytest.mark.parametrize(
    ("offsets_ms", "lost", "how", "excused"),
    [
        ((0, 0, 5000), ["a", "b"], "lost", True),
        ((0, 0, 0), ["a", "b"], "lost", False),
        ((0, 0, 5000), ["a"], "lost", False),
        ((0, 0, 0), ["a"], "old copy", True),
        ((0, 0, 5000), [], "", False),
    ],
)
def test_an_epoch_is_excused_only_for_the_documented_residuals(
    offsets_ms: tuple[int, ...], lost: list[str], how: str, excused: bool
) -> None:
    """A majority wiped with wrong wall clocks, or an old copy put back; and it is counted."""
    stage = _stage(*offsets_ms)
    _falls(stage)
    for name in lost:
        stage.watch.tell(stage.watch.state_gone, _machine(name), how)
    if excused:
        stage.watch.tell(stage.watch.accepted, _machine("b"), _escalate(5))
        assert stage.excused["epochs only rise"] == 1
    else:
        with pytest.raises(Violation, match="epochs only rise"):
            stage.watch.tell(stage.watch.accepted, _machine("b"), _escalate(5))


@pytest.mark.parametrize(
    ("offsets_ms", "lost", "term", "excused"),
    [
        ((0, 0, 5000), ["a"], 4, True),
        ((0, 0, 5000), ["a"], 5, False),
        ((0, 0, 0), ["a"], 4, False),
        ((0, 0, 5000), [], 4, False),
    ],
)
def test_a_term_won_twice_is_excused_if_a_wiped_node_came_back_below_it(
    offsets_ms: tuple[int, ...], lost: list[str], term: int, excused: bool
) -> None:
    """It was the only voter that both quorums share; with clocks that agree it asks nobody else."""
    stage = _stage(*offsets_ms)
    checkers.OneWinnerPerTerm(stage, checkers.Excuse(stage))
    look = stage.watch.sent[Beacon][0]
    look(Fake(name="a"), "c", _beacon(5))
    for name in lost:
        stage.watch.tell(stage.watch.state_gone, _machine(name), "lost")
    stage.watch.tell(stage.watch.saved, _machine("a"), _record(term))
    if excused:
        look(Fake(name="b"), "c", _beacon(5))
        assert stage.excused["one winner per term"] == 1
    else:
        with pytest.raises(Violation, match="one winner per term"):
            look(Fake(name="b"), "c", _beacon(5))


def test_a_term_that_falls_on_a_disk_is_seen() -> None:
    """Unless somebody touched that disk."""
    stage = _stage()
    checkers.TermNeverFalls(stage)
    stage.watch.tell(stage.watch.saved, _machine("a"), _record(5))
    stage.watch.tell(stage.watch.state_gone, _machine("a"), "lost")
    stage.watch.tell(stage.watch.saved, _machine("a"), _record(4))
    with pytest.raises(Violation, match="terms only rise"):
        stage.watch.tell(stage.watch.saved, _machine("a"), _record(3))


def test_a_guardian_that_is_late_is_seen() -> None:
    """Off by `hard`, unless it was frozen."""
    stage = _stage()
    checkers.OffByHard(stage)
    stage.watch.tell(stage.watch.went_off, _machine("a", on=True, exempt=True))
    with pytest.raises(Violation, match="off by hard"):
        stage.watch.tell(stage.watch.went_off, _machine("a", on=True))
