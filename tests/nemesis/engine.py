"""Injects one fault after the other into a cluster, and judges each by what was seen from outside.

Rule: whatever a fault leaves behind is not handed on: after one that failed, the next begins on a
new cluster.  What the nodes say is used to know when all is well again, and for the gate.  A fault
that was only late while this machine stood still is tried again: `may_be_tried_again`.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Final

from tests.nemesis import verdict
from tests.nemesis.faults import Fault, Injection
from tests.nemesis.plan import Step
from tests.nemesis.stage import SETTLE_S, START_S, Shape, Stage, opened
from tests.nemesis.victims import NotInjectedError
from tests.system.stolen import STOOD_STILL_MS, Sampler
from watchdog.cli.demo.interrupt import TooLateError
from watchdog.cli.demo.journal import now_ns
from watchdog.cli.demo.lab import LabError

LOG_LINES: Final = 25
BEFORE_S: Final = 0.5
"""How long a healthy cluster is watched before each fault."""
BLIND_S: Final = 1.0
"""A judge that was held up for longer has seen too little."""
GATED: Final = "nft"
PICKS_MAX: Final = 100
TRIES_MAX: Final = 3
"""How often a fault is injected, if the machine stands still each time."""


@dataclass
class Result:
    """One injection: what was done, and what was seen."""

    name: str
    nodes: str
    seed: int
    leader: str = ""
    victims: tuple[str, ...] = ()
    begin_ns: int = 0
    healed_ns: int = 0
    end_ns: int = 0
    injected: bool = False
    two_answered_s: float = 0.0
    two_present_s: float = 0.0
    outage_s: float | None = None
    moves: int = 0
    moves_allowed: tuple[int, int] = (0, 0)
    disturbances: int = 0
    recovery_s: float | None = None
    blind_s: float = 0.0
    stolen_ms: int = 0
    """The most that one processor lost to other machines within one second."""
    number: int = 1
    """Which try it was."""
    again: bool = False
    """It failed, and does not count: it was tried again."""
    alarms: list[str] = field(default_factory=list)
    """What the nodes still remember at the end."""
    gates: dict[str, str] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    """Those of the failures that a machine which stands still may cause: who is late, or moves."""
    log: str = ""


@dataclass
class Run:
    """All results of a run."""

    shape: Shape
    results: list[Result] = field(default_factory=list)

    def play(self, steps: Sequence[Step], say: Callable[[Result], None]) -> None:
        """Inject everything; `say` is told of each result."""
        waiting = list(steps)
        for number in range(len(steps) * TRIES_MAX):  # each cluster has at least one try
            if not waiting:
                return
            shape = replace(self.shape, kind=waiting[0].kind)
            try:
                with opened(shape, number) as stage:
                    self._on(stage, waiting, say)
            except (TooLateError, LabError, OSError) as error:
                step = waiting.pop(0)
                result = Result(step.name, shape.nodes, step.seed, number=self._tried(step) + 1)
                result.failures.append(f"no healthy cluster to begin with: {error}")
                self.results.append(result)
                say(result)

    def _on(self, stage: Stage, waiting: list[Step], say: Callable[[Result], None]) -> None:
        """As many as this cluster can take."""
        while waiting and waiting[0].kind == stage.shape.kind:
            result = inject(stage, waiting[0])
            result.number = self._tried(waiting[0]) + 1
            result.again = may_be_tried_again(result)
            if not result.again:
                del waiting[0]
            self.results.append(result)
            say(result)
            if result.failures:
                return

    def _tried(self, step: Step) -> int:
        """How often this step was tried in a row."""
        before = takewhile(lambda one: one.again, reversed(self.results))
        return sum(1 for one in before if (one.name, one.seed) == (step.name, step.seed))


def may_be_tried_again(result: Result) -> bool:
    """Whether it failed only by being late, while this machine stood still, and not too often.

    What was seen of two nodes, or not seen by the observer, never is a matter of time.
    """
    return (
        result.injected
        and bool(result.failures)
        and set(result.failures) <= set(result.late)
        and result.stolen_ms >= STOOD_STILL_MS
        and result.number < TRIES_MAX
    )


def inject(stage: Stage, step: Step) -> Result:
    """One fault, from a healthy cluster to a healthy cluster."""
    result = Result(step.name, stage.shape.nodes, step.seed, moves_allowed=step.moves)
    leader = stage.wait_healthy(START_S)
    result.leader, result.gates = leader, stage.gates()
    stage.look().forget(now_ns() - int(BEFORE_S * 1e9))
    sizes = {name: stage.cluster.cluster.log(name).stat().st_size for name in stage.names}
    with Sampler() as sampler:
        stage.pause(BEFORE_S)
        result.begin_ns = now_ns()
        _strike(stage, step, result)
        result.end_ns = now_ns()
        result.stolen_ms = sampler.worst_ms()
    result.alarms = stage.alarms()
    stage.pause(SETTLE_S)
    judge(stage, step, result)
    if result.failures:
        result.log = "\n".join(_logs(stage, sizes))
    return result


def _strike(stage: Stage, step: Step, result: Result) -> None:
    """Do it, undo it, and wait until all is well."""
    try:
        with _struck(stage, step, result.leader, result):
            stage.pause(step.hold_s)
        result.injected = True
        result.healed_ns = now_ns()
        stage.wait_healthy(step.recovery_s)
        result.recovery_s = (now_ns() - result.healed_ns) / 1e9
    except NotInjectedError as error:
        result.failures.append(f"not injected: {error}")
    except TooLateError as error:
        _is_late(result, f"not recovered: {error}")
    except (LabError, AssertionError, OSError) as error:
        result.failures.append(f"not recovered: {error}")


def _is_late(result: Result, *texts: str) -> None:
    result.failures += texts
    result.late += texts


@contextmanager
def _struck(stage: Stage, step: Step, leader: str, result: Result) -> Iterator[None]:
    """All faults of a step at once, on different nodes."""
    dice = random.Random(step.seed)
    taken: list[str] = []
    with ExitStack() as stack:
        for fault in step.faults:
            picked = _untaken(fault, stage, leader, dice, taken)
            taken += picked[:1]
            result.victims += picked
            stack.enter_context(fault.does(Injection(stage, leader, picked, fault.hold_s)))
        yield


def _untaken(
    fault: Fault, stage: Stage, leader: str, dice: random.Random, taken: Sequence[str]
) -> tuple[str, ...]:
    """Victims of whom the first is not struck yet."""
    for _ in range(PICKS_MAX):
        picked = fault.pick(stage, leader, dice)
        if picked[0] not in taken:
            return picked
    raise NotInjectedError("there is no node left to strike")


def judge(stage: Stage, step: Step, result: Result) -> None:
    """Figures, and what is wrong with them."""
    record = stage.look()
    window = stage.window(result.begin_ns, result.end_ns)
    overlaps = verdict.overlaps(record, window)
    result.two_answered_s = verdict.seconds(overlaps)
    result.two_present_s = verdict.seconds(verdict.overlaps(record, window, gates=False))
    result.outage_s = verdict.outage_s(record, window)
    result.moves = verdict.moves(record, window, result.leader)
    result.disturbances = verdict.disturbances(record, window)
    result.blind_s = verdict.unwatched_s(record, window)
    result.failures += verdict.strays(record, window) + record.problems
    result.failures += proofs_missing(result, stage.shape, step)
    _is_late(result, *lateness(result, step))
    result.failures += [
        f"TWO ANSWERED for {one.vip}: {' and '.join(one.nodes)} for {one.seconds * 1000:.3f} ms, "
        f"{(one.begin.t - result.begin_ns) / 1e9:.3f} s after the fault"
        for one in overlaps[:4]
        if not _must_be_two(stage.shape, step)
    ]


def _must_be_two(shape: Shape, step: Step) -> bool:
    return shape.gate == "none" and any(fault.two_without_gate for fault in step.faults)


def proofs_missing(result: Result, shape: Shape, step: Step) -> Iterator[str]:
    """Without what nothing is proven, however steady the machine is."""
    if _must_be_two(shape, step) and not result.two_answered_s:
        yield "without a gate two nodes must answer here, and none were seen: is the judge blind?"
    if shape.gate != "none" and (open_ := {n: g for n, g in result.gates.items() if g != GATED}):
        yield f"status must say gate={GATED} on every node, but: {open_}"


def lateness(result: Result, step: Step) -> Iterator[str]:
    """What is wrong with moves and times: a machine that stands still may be the cause."""
    least, most = step.moves
    if result.injected and result.recovery_s is not None and not least <= result.moves <= most:
        yield f"{result.moves} moves, allowed are {least} to {most}"
    if most == 0 and result.disturbances and result.moves == 0:
        yield f"the VIPs were touched {result.disturbances} times, and nothing may happen"
    if result.blind_s > BLIND_S:
        yield f"the judge was held up for {result.blind_s:.1f} s: nothing is proven"


def _logs(stage: Stage, sizes: dict[str, int]) -> Iterator[str]:
    for name in stage.names:
        yield f"--- {name}, the last lines since the fault:"
        whole = stage.cluster.cluster.log(name).read_bytes()[sizes[name] :]
        yield from whole.decode(errors="replace").splitlines()[-LOG_LINES:]
    yield "--- the VIPs:"
    yield from (str(change) for change in stage.record.changes[-12:])
