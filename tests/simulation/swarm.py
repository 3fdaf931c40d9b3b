"""Many seeds: each is one world, run to its end or to its first violation, on several processes.

Rule: a seed's outcome depends on nothing but the seed and what the command line fixed; workers take
seeds one by one and hand back plain data.
"""

import contextlib
import gc
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from tests.simulation.mix import draw, name_of
from tests.simulation.stage import Violation
from tests.simulation.world import World
from watchdog.instant import SECOND

REPLAYS_MAX: Final = 20
COLLECT_EVERY: Final = (50_000, 20, 50)
"""Thresholds of the collector: worlds make many objects and few cycles, so it looks seldom."""


@dataclass(slots=True)
class Outcome:
    """What came of one seed."""

    seed: int
    cluster: str
    simulated_ns: int = 0
    cpu_s: float = 0.0
    crc: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    escalations: int = 0
    steps: int = 0
    liveness: tuple[int, ...] = ()
    """Time from healing to a coordinator that serves, in ns, of each check."""
    excused: Counter[str] = field(default_factory=Counter)
    checker: str = ""
    text: str = ""
    """Checker and text of the violation; empty when there was none."""


Log = Callable[[str, str, str], None]


def run_seed(
    seed: int,
    profile: str | None = None,
    topology: str | None = None,
    log: Callable[[World], Log] | None = None,
    *,
    outcomes_only: bool = False,
) -> Outcome:
    """Run one seed to its end, or to its first violation."""
    mix = draw(seed, profile=profile, topology=topology)
    world = World(mix, outcomes_only=outcomes_only)
    if log is not None:
        world.stage.log = log(world)
    outcome = Outcome(seed, f"{name_of(mix.profile, has_hook=mix.has_hook)} {mix.topology}")
    started = time.process_time()
    try:
        world.run()
    except Violation as violation:
        outcome.checker, outcome.text = violation.checker, violation.text
    stage = world.stage
    outcome.cpu_s = time.process_time() - started
    outcome.simulated_ns = world.heap.now
    outcome.crc = stage.crc
    outcome.faults = stage.faults
    outcome.escalations = stage.escalations
    outcome.steps = stage.steps
    outcome.liveness = tuple(world.live_after_ns)
    outcome.excused = stage.excused
    return outcome


def run_many(
    seeds: Iterable[int],
    *,
    jobs: int,
    profile: str | None = None,
    topology: str | None = None,
    hours: float | None = None,
    minutes: float = float("inf"),
) -> Iterator[Outcome]:
    """Run seeds in turn on `jobs` processes (1: in this one), until `hours` are simulated.

    Or until it has taken so many `minutes`: a slow machine simulates less, and says how much.
    """
    until_s = time.monotonic() + minutes * 60
    gc.set_threshold(*COLLECT_EVERY)
    run = partial(run_seed, profile=profile, topology=topology)
    left_ns = float("inf") if hours is None else hours * 3600 * SECOND
    with contextlib.ExitStack() as stack:
        results: Iterator[Outcome] = map(run, seeds)
        if jobs > 1:
            workers = ProcessPoolExecutor(jobs, None, gc.set_threshold, COLLECT_EVERY)
            pool = stack.enter_context(workers)
            results = _in_batches(pool, run, seeds, 8 * jobs)
        for outcome in results:
            yield outcome
            left_ns -= outcome.simulated_ns
            if left_ns <= 0 or time.monotonic() > until_s:
                return


def _in_batches(
    pool: ProcessPoolExecutor,
    run: Callable[[int], Outcome],
    seeds: Iterable[int],
    ahead: int,
) -> Iterator[Outcome]:
    """In the order of the seeds, with at most `ahead` of them begun."""
    waiting: deque[Future[Outcome]] = deque()
    for seed in seeds:
        waiting.append(pool.submit(run, seed))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


@dataclass(slots=True)
class Total:
    """The sum of many outcomes."""

    seeds: int = 0
    simulated_ns: int = 0
    cpu_s: float = 0.0
    escalations: int = 0
    steps: int = 0
    liveness: list[int] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    excused: Counter[str] = field(default_factory=Counter)
    clusters: Counter[str] = field(default_factory=Counter)
    failed: list[Outcome] = field(default_factory=list)
    traces: dict[int, int] = field(default_factory=dict)
    """seed -> hash of its trace."""
    replayed: int = 0
    differ: list[int] = field(default_factory=list)
    """Seeds that gave another trace when they were run a second time."""

    def add(self, outcome: Outcome) -> None:
        """Count one more."""
        self.seeds += 1
        self.traces[outcome.seed] = outcome.crc
        self.simulated_ns += outcome.simulated_ns
        self.cpu_s += outcome.cpu_s
        self.escalations += outcome.escalations
        self.steps += outcome.steps
        self.liveness += outcome.liveness
        self.faults += outcome.faults
        self.excused += outcome.excused
        self.clusters[outcome.cluster] += 1
        if outcome.checker:
            self.failed.append(outcome)

    def to_replay(self) -> list[int]:
        """Which seeds to run a second time: REPLAYS_MAX of them, or every tenth of a short run."""
        every = max(10, self.seeds // REPLAYS_MAX)
        return sorted(self.traces)[::every][:REPLAYS_MAX]

    def add_replay(self, outcome: Outcome) -> None:
        """Compare a second run with the first."""
        self.replayed += 1
        if self.traces[outcome.seed] != outcome.crc:
            self.differ.append(outcome.seed)

    @property
    def hours(self) -> float:
        """Cluster-hours simulated."""
        return self.simulated_ns / SECOND / 3600

    @property
    def rate(self) -> float:
        """Cluster-seconds per CPU-second."""
        return self.simulated_ns / SECOND / max(self.cpu_s, 1e-9)
