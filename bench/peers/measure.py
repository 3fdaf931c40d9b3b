"""Run every variant through every fault: waves of clusters at once, one thread for each cluster.

What fails in one cluster is told in its row and stops no other.  A cluster that does not come
back from a fault is thrown away and made anew: the next fault meets a well one.
"""

import itertools
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from bench import machine
from bench.peers import cost
from bench.peers.faults import FAULTS, Fault
from bench.peers.judge import judge
from bench.peers.stage import NODES, Stage, stage
from bench.peers.variants import WAVES, Cluster, Variant
from watchdog import __version__
from watchdog.cli.demo.interrupt import Interrupt, TooLateError
from watchdog.cli.demo.lab import VIP, LabError

REPS: Final = 3
REPS_QUICK: Final = 1
IDLE_S: Final = 30.0
CALM_S: Final = 1.5
"""How long one holder must stay the only one before a fault, and after it."""
WATCH_MS: Final = 100.0
"""How often the client asks while nothing is measured."""
WARM_S: Final = 0.3
POLL_S: Final = 0.05
LOOK_S: Final = 0.2
"""How often a cluster is looked at while it settles: there are many at once."""
FAILURES_MAX: Final = 3
"""Clusters of a copy that may fail."""
BEGINS_S: Final = 360.0
"""A wave begins no fault later than that: the command ends in time on a slow machine too."""
_number = itertools.count()
Task = tuple[str, int]


class Wanted(NamedTuple):
    """What of the whole is to be done."""

    reps: int
    idle_s: float
    peers: frozenset[str]
    faults: tuple[str, ...]


class Work:
    """One variant: its tasks, taken by its copies, and what was found."""

    def __init__(self, variant: Variant, wanted: Wanted, interrupt: Interrupt) -> None:
        self.variant = variant
        self.interrupt = interrupt
        self.idle_s = wanted.idle_s
        self._until = time.monotonic() + BEGINS_S
        reps = min(wanted.reps, variant.reps_max)
        self.tasks = [(name, rep) for rep in range(reps) for name in wanted.faults]
        self.row: dict[str, Any] = {
            "peer": variant.peer,
            "variant": variant.name,
            "settings": variant.says,
            "client_asks_every_ms": variant.ask_ms,
            "copies": variant.copies,
            "load_1m": [machine.facts()["load_1m"]],
            "idle": None,
            "faults": {name: [] for name in wanted.faults},
            "problems": [],
        }
        self._lock = threading.Lock()

    def next(self) -> Task | None:
        """One task, for whoever is free."""
        with self._lock:
            return self.tasks.pop(0) if self.is_on() else None

    def is_on(self) -> bool:
        """Whether there are tasks, and the time to begin one."""
        return bool(self.tasks) and time.monotonic() < self._until

    def found(self, name: str, result: dict[str, Any]) -> None:
        """Keep a result."""
        with self._lock:
            self.row["faults"][name].append(result)

    def problem(self, text: str) -> None:
        """Keep what went wrong."""
        with self._lock:
            self.row["problems"].append(text)


def measure(wanted: Wanted) -> dict[str, Any]:
    """Everything, one wave after the other; the rows of the table."""
    interrupt = Interrupt()
    rows: list[dict[str, Any]] = []
    try:
        for wave in WAVES:
            chosen = [one for one in wave if not wanted.peers or one.peer in wanted.peers]
            rows += _wave([Work(one, wanted, interrupt) for one in chosen])
        interrupt.check()
    finally:
        interrupt.release()
    overlaps = [
        one["two_holders_s"]
        for row in rows
        if row["peer"] == "quorumdog"
        for done in row["faults"].values()
        for one in done
    ]
    most = 2 if any(overlaps) else 1
    return {"reps": wanted.reps, "idle_s": wanted.idle_s, "holders_most": most, "rows": rows}


def _wave(works: Sequence[Work]) -> Iterator[dict[str, Any]]:
    jobs = [
        (work, number)
        for work in works
        for number in range(min(work.variant.copies, len(work.tasks)))
    ]
    if not jobs:
        return
    with ThreadPoolExecutor(len(jobs)) as pool:
        list(pool.map(_copy, jobs))
    for work in works:
        if work.tasks:
            work.problem(f"{len(work.tasks)} faults were not done: they were too late")
        yield work.row


def _copy(job: tuple[Work, int]) -> None:
    work, number = job
    started = time.monotonic()
    if missing := [name for name in work.variant.packages if not _version(name)]:
        work.problem(f"not installed: {', '.join(missing)}")
        return
    work.row["version"] = _versions(work.variant)
    for _ in range(FAILURES_MAX):
        try:
            _clusters(work, measures_idle=number == 0)
            break
        except (LabError, TooLateError, OSError, ValueError, AssertionError) as error:
            work.problem(str(error))
    work.row["seconds"] = round(time.monotonic() - started, 1)


def _clusters(work: Work, *, measures_idle: bool) -> None:
    """One cluster after the other, while there are tasks and time."""
    while work.is_on():
        measures_idle = measures_idle and work.row["idle"] is None
        more = work.variant.make_more or work.variant.make
        with _cluster(work, work.variant.make if measures_idle else more) as (where, cluster):
            if measures_idle:
                work.row["idle"] = _idle(work, where)
            _tasks(work, where, cluster)


@contextmanager
def _cluster(work: Work, make: Callable[[Stage], Cluster]) -> Iterator[tuple[Stage, Cluster]]:
    """A well cluster on a stage of its own."""
    with stage(f"qp{os.getpid()}x{next(_number)}", work.interrupt) as where:
        cluster = make(where)
        try:
            where.ask(WATCH_MS)
            cluster.start_all()
            _settled(work, where, cluster, work.variant.ready_s)
            yield where, cluster
        finally:
            cluster.stop()


def _settled(
    work: Work, where: Stage, cluster: Cluster, within_s: float, *, asks: bool = True
) -> str:
    """Wait until one node, and always the same, holds and answers; its name.

    `asks`: and the peer says itself that all is well.
    """
    since: dict[str, float] = {}

    def is_calm() -> bool:
        holders = where.holders()
        name = next(iter(holders), "")
        is_well = len(holders) == 1 and where.answered_by() == name
        if not is_well or (asks and not cluster.is_ready()):
            since.clear()
            return False
        for other in set(since) - {name}:
            del since[other]
        return time.monotonic() - since.setdefault(name, time.monotonic()) >= CALM_S

    who = f"{work.variant.peer} ({work.variant.name})"
    end = time.monotonic() + within_s
    while not is_calm():
        if time.monotonic() > end:
            raise TooLateError(f"{who}: not well within {within_s:g} s: {where.say()}")
        work.interrupt.pause(LOOK_S)
    return next(iter(since))


def _tasks(work: Work, where: Stage, cluster: Cluster) -> None:
    """Take tasks until none is left, or the cluster needs to be made anew."""
    while work.is_on():
        holder = _settled(work, where, cluster, work.variant.recovers_s)
        task = work.next()
        if task is None:
            return
        name, rep = task
        result = _fault(work, where, cluster, (name, holder))
        work.found(name, {"rep": rep, "holder": holder, **result})
        if work.variant.is_fresh_each or not result["recovered"]:
            return


def _fault(work: Work, where: Stage, cluster: Cluster, what: tuple[str, str]) -> dict[str, Any]:
    """Do one fault to the holder, end it, wait until all is well again; what it did."""
    name, holder = what
    fault = FAULTS[name]
    where.ask(work.variant.ask_ms)
    work.interrupt.pause(WARM_S)
    begin = where.mark(name)
    fault.begin(where, cluster, holder)
    has_moved = _lasts(work, where, fault, holder)
    over = where.mark(f"{name}: over")
    fault.end(where, cluster, holder)
    try:
        is_last = work.variant.is_fresh_each
        _settled(work, where, cluster, work.variant.recovers_s, asks=not is_last)
        recovered = True
    except TooLateError as error:
        work.problem(f"{name}: {error}")
        recovered = False
    end = where.mark("end")
    where.ask(WATCH_MS)
    verdict = judge(where.observations(), VIP, begin, end)
    lasted_s = round((over - begin) / 1e9, 2)
    return {**verdict._asdict(), "moved": has_moved, "lasted_s": lasted_s, "recovered": recovered}


def _lasts(work: Work, where: Stage, fault: Fault, holder: str) -> bool:
    """Wait as long as the fault lasts; whether another node has held the VIP meanwhile."""
    started = time.monotonic()
    moved_at = 0.0
    while True:
        now = time.monotonic()
        if not moved_at and where.holders() - {holder}:
            moved_at = now
        if now - started >= fault.lasts_s:
            is_seen = moved_at and now - moved_at >= fault.linger_s
            if fault.is_fixed or is_seen or now - started >= work.variant.waits_s:
                return bool(moved_at)
        work.interrupt.pause(POLL_S)


def _idle(work: Work, where: Stage) -> dict[str, Any]:
    """What the holder's node and another one cost while nothing happens."""
    holder = next(iter(where.holders()))
    nodes = {"holder": holder, "other": next(name for name in NODES if name != holder)}
    where.ask(0)
    before = {role: cost.spent_s(where.daemons(name)) for role, name in nodes.items()}
    started = time.monotonic()
    work.interrupt.pause(work.idle_s)
    minutes = (time.monotonic() - started) / 60
    found: dict[str, Any] = {}
    for role, name in nodes.items():
        pids = where.daemons(name)
        spent = cost.grown_s(before[role], cost.spent_s(pids)) / minutes
        found[role] = {"cpu_s_per_minute": round(spent, 3), **cost.held(pids)}
    found["copies_on_machine"] = cost.copies(found["holder"]["programs"])
    where.ask(WATCH_MS)
    return found


def _versions(variant: Variant) -> str:
    """The versions of its packages, or our own."""
    if not variant.packages:
        return __version__
    return ", ".join(f"{name} {_version(name)}" for name in variant.packages)


def _version(package: str) -> str:
    command = ["dpkg-query", "-W", "-f=${Version}", package]
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""
