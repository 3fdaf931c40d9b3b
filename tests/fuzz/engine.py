"""Runs a fuzz target: makes inputs in batches, judges them, weighs and times them, keeps faults.

Input `n` of a target depends on the seed and on `n` alone, so that any one can be made again.
A judge returns how far an input came; whatever it raises is a fault, for a judge itself takes the
errors that its parser declares.  Time is the processor's, so that a busy machine changes little;
it is taken per batch, and input by input only in a batch that took long.  Memory is traced in some
batches, and in each that made the process larger.
"""

import gc
import resource
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Final, Self

REFUSED: Final = 0
"""At the first check: the input did not look like one of ours at all."""
PAST: Final = 1
"""After the first check, by a later one."""
VALID: Final = 2
"""Taken."""

BATCH: Final = 50
TIME_MAX_NS: Final = 5_000_000
MEMORY_MAX: Final = 256 * 1024
"""Bytes that one input may cost while it is judged (the input itself not counted)."""
TRIES: Final = 3
"""Further runs of an input that was slow or heavy: one alone proves nothing."""
WEIGH_EVERY: Final = 40
GROWN_KIB: Final = 512
LEAK_MAX: Final = 16 * 1024 * 1024
WARM_BATCHES: Final = 200
FAULTS_MAX: Final = 10


@dataclass(frozen=True, slots=True)
class Target:
    """One parser: how its inputs are made and judged, and how many have to come far."""

    name: str
    make: Callable[[Random], bytes]
    judge: Callable[[bytes], int]
    past_min: float
    """Percent of all inputs that must come past the first check, or the fuzzer is useless."""
    valid_min: float
    """Percent that must be taken."""
    kinds: Counter[str] = field(default_factory=Counter)
    """What else the judge counts, for example the kinds of messages."""
    weigh: Callable[[bytes], object] | None = None
    """The parser alone, to be weighed, where the judge itself needs memory."""
    time_max_ns: int = TIME_MAX_NS
    memory_max: int = MEMORY_MAX
    share: float = 1.0
    """So many times the inputs of another target: it is several parsers, or a dear way to one."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What was wrong with one input."""

    target: str
    kind: str
    """error, slow, memory or leak."""
    where: str
    """The same for two inputs that meet the same bug."""
    text: str
    number: int
    data: bytes


@dataclass(slots=True)
class Tally:
    """What came of some inputs of one target."""

    target: str
    inputs: int = 0
    past: int = 0
    valid: int = 0
    weighed: int = 0
    heaviest: int = 0
    slowest_ns: int = 0
    seconds: float = 0.0
    """Of processor."""
    faults: list[Fault] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Tally") -> None:
        """Count another part of the same target."""
        self.inputs += other.inputs
        self.past += other.past
        self.valid += other.valid
        self.weighed += other.weighed
        self.heaviest = max(self.heaviest, other.heaviest)
        self.slowest_ns = max(self.slowest_ns, other.slowest_ns)
        self.seconds += other.seconds
        self.kinds += other.kinds
        for fault in other.faults:
            self.note(fault)

    def note(self, fault: Fault) -> None:
        """Keep a fault, unless its bug is known already."""
        known = {(kept.kind, kept.where) for kept in self.faults}
        if (fault.kind, fault.where) not in known and len(self.faults) < FAULTS_MAX:
            self.faults.append(fault)


def brief(text: str, most: int) -> str:
    """What a parser says of an input; it may stand in a line of log."""
    assert len(text) < most, f"{len(text)} characters about one input"
    return text


class Caught:
    """Holds whatever the block raised; only Ctrl-C passes."""

    error: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        self.error = error
        return not isinstance(error, KeyboardInterrupt)


def batch_of(target: Target, seed: int, number: int) -> list[bytes]:
    """The inputs of batch `number`."""
    rng = Random(f"{seed} {target.name} {number}")
    make = target.make
    return [make(rng) for _ in range(BATCH)]


def input_of(target: Target, seed: int, number: int) -> bytes:
    """Input `number` alone."""
    return batch_of(target, seed, number // BATCH)[number % BATCH]


class Run:
    """Batches of one target, one after the other."""

    def __init__(self, target: Target, seed: int, *, stop_at_fault: bool = False) -> None:
        self.tally = Tally(target.name)
        self._target = target
        self._seed = seed
        self._stops = stop_at_fault
        self._peak_kib = _peak_kib()
        self._chunk = BATCH
        """Inputs that are timed together: so few that all of them take less than one may."""

    def batches(self, numbers: Sequence[int], until: float = float("inf")) -> Tally:
        """Judge these batches, until the clock says `until` at the latest."""
        started, warm = time.process_time(), 0
        for done, number in enumerate(numbers):
            if done == WARM_BATCHES:
                warm = _resident()
            self._batch(number)
            if (self._stops and self.tally.faults) or time.monotonic() > until:
                break
        if warm and (grown := _resident() - warm) > LEAK_MAX:
            text = f"the process grew by {grown >> 20} MiB over {self.tally.inputs} inputs"
            self.tally.note(Fault(self._target.name, "leak", "", text, numbers[0] * BATCH, b""))
        self.tally.seconds += time.process_time() - started
        self.tally.kinds += self._target.kinds
        self._target.kinds.clear()
        return self.tally

    def replay(self, inputs: Sequence[bytes], first: int = 0) -> Tally:
        """Judge these very inputs, each timed and weighed."""
        self._judge(inputs, first)
        self._weigh(inputs, first)
        for at, data in enumerate(inputs):
            self._time(data, first + at)
        return self.tally

    def _batch(self, number: int) -> None:
        inputs, first = batch_of(self._target, self._seed, number), number * BATCH
        size = self._chunk
        for start in range(0, BATCH, size):
            self._clocked(inputs[start : start + size], first + start)
        peak_kib = _peak_kib()
        if peak_kib - self._peak_kib > GROWN_KIB or number % WEIGH_EVERY == 0:
            self._weigh(inputs, first)
            peak_kib = _peak_kib()
        self._peak_kib = peak_kib

    def _clocked(self, inputs: Sequence[bytes], first: int) -> None:
        """Judge inputs, and again one by one if any of them may have been slow."""
        began = time.thread_time_ns()
        self._judge(inputs, first)
        took_ns = time.thread_time_ns() - began
        if took_ns > self._target.time_max_ns:
            for at, data in enumerate(inputs):
                self._time(data, first + at)
        if took_ns > self._target.time_max_ns // 2:
            self._chunk = max(1, self._chunk // 2)

    def _judge(self, inputs: Sequence[bytes], first: int) -> None:
        tally, judge, at = self.tally, self._target.judge, 0
        counts = [0, 0, 0]
        while at < len(inputs):
            with Caught() as caught:
                while at < len(inputs):
                    counts[judge(inputs[at])] += 1
                    at += 1
            if caught.error is not None:
                self._note(caught.error, inputs[at], first + at)
                at += 1
        tally.inputs += len(inputs)
        tally.past += counts[PAST] + counts[VALID]
        tally.valid += counts[VALID]

    def _note(self, error: BaseException, data: bytes, number: int) -> None:
        text = f"{type(error).__name__}: {str(error)[:300]}"
        name = self._target.name
        self.tally.note(Fault(name, "error", signature(error), text, number, data))

    def _time(self, data: bytes, number: int) -> None:
        """A fault when the input was slow, and slow again each time."""
        most_ns = self._target.time_max_ns
        took_ns = self._once(data)
        if took_ns > most_ns:
            gc.collect()
            took_ns = min(took_ns, *(self._once(data) for _ in range(TRIES)))
        self.tally.slowest_ns = max(self.tally.slowest_ns, took_ns)
        if took_ns > most_ns:
            text = f"{took_ns / 1e6:.1f} ms, {TRIES + 1} times; allowed are {most_ns / 1e6:g}"
            self.tally.note(Fault(self._target.name, "slow", "", text, number, data))

    def _once(self, data: bytes) -> int:
        began = time.thread_time_ns()
        with Caught():
            self._target.judge(data)
        return time.thread_time_ns() - began

    def _weigh(self, inputs: Sequence[bytes], first: int) -> None:
        """A fault when an input cost too much each time: a collection may fall into one."""
        tally, most = self.tally, self._target.memory_max
        tracemalloc.start()
        for at, data in enumerate(inputs):
            cost = self._cost(data)
            if cost > most:
                gc.collect()
                cost = min(cost, *(self._cost(data) for _ in range(TRIES)))
            tally.heaviest = max(tally.heaviest, cost)
            if cost > most:
                text = f"{cost // 1024} KiB at the peak; allowed are {most // 1024}"
                tally.note(Fault(self._target.name, "memory", "", text, first + at, data))
        tracemalloc.stop()
        tally.weighed += len(inputs)

    def _cost(self, data: bytes) -> int:
        judge = self._target.weigh or self._target.judge
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        with Caught():
            judge(data)
        return tracemalloc.get_traced_memory()[1] - before


def signature(error: BaseException) -> str:
    """Type and place: file and line that raised it, of ours if there is one."""
    place, trace = "", error.__traceback__
    for _ in range(200):
        if trace is None:
            break
        name = trace.tb_frame.f_code.co_filename
        if "/tests/" not in name and "/lib/" not in name:
            place = f"{Path(name).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} at {place}"


def _peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _resident() -> int:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()
