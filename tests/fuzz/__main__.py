"""`python -m tests.fuzz`: every parser with inputs from a seed, and sequences against a live node.

Exit code 0: no fault, and every target had its inputs and took enough of them; 1 otherwise.
"""

import argparse
import resource
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from tests.fuzz import corpus, registry, report, stateful
from tests.fuzz.engine import BATCH, Fault, Run, Tally, input_of
from tests.fuzz.shrink import shrunk

INPUTS: Final = 200_000
SEQUENCES: Final = 2_000
SEED: Final = 1
PART: Final = 1000
"""Batches that a process takes at a time."""
ADDRESS_SPACE: Final = 2 << 30
"""Bytes: whoever allocates what an input declares meets the end of it."""


class Part(NamedTuple):
    """Some batches of one target, or some sequences."""

    target: str
    first: int
    size: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as asked; the exit code."""
    options = _parser().parse_args(arguments)
    if options.file is not None:
        options.hex = corpus.parse(options.file).hex()
    if options.hex is not None or options.input is not None:
        return _one(options)
    return _all(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    names = [*registry.PLACES, stateful.NAME]
    parser.add_argument("--inputs", type=int, default=INPUTS, help="for each parser")
    parser.add_argument("--sequences", type=int, default=SEQUENCES, help="against a live node")
    parser.add_argument("--seconds", type=float, help="stop then, however many there were")
    parser.add_argument("--only", choices=names, action="append", help="may be repeated")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--input", type=int, help="judge input number N of --only again")
    parser.add_argument("--hex", help="judge these bytes")
    parser.add_argument("--file", type=Path, help="judge the input in this file of the corpus")
    parser.add_argument(
        "--keep", action=argparse.BooleanOptionalAction, default=True, help="faults in the corpus"
    )
    return parser


# --- everything


def _all(options: argparse.Namespace) -> int:
    names = options.only or [*registry.PLACES, stateful.NAME]
    started = time.monotonic()
    until = started + options.seconds if options.seconds else float("inf")
    tallies = {name: Tally(name) for name in names}
    print(report.head())
    faults, weak = [], []
    for name in names:
        tallies[name].faults += _replayed(name)
    with ProcessPoolExecutor(options.jobs, initializer=_confine) as pool:
        parts = [part for name in names for part in _parts(name, options)]
        left = {name: sum(part.target == name for part in parts) for name in names}
        run = partial(_run, seed=options.seed, until=until)
        for part, tally in _in_turn(pool, run, parts, 2 * options.jobs):
            tallies[part.target].add(tally)
            left[part.target] -= 1
            if not left[part.target]:
                weak += _tell(tallies[part.target], options)
    for name in names:
        faults += [_finished(fault, options) for fault in tallies[name].faults]
    for sentence in weak:
        print(f"TOO LITTLE {sentence}")
    took_s, inputs = time.monotonic() - started, sum(t.inputs for t in tallies.values())
    print(f"{inputs:,} inputs in {took_s:.0f} s, seed {options.seed}: {len(faults)} faults")
    return 1 if faults or (weak and not options.seconds) else 0


def _replayed(name: str) -> list[Fault]:
    """Faults that have come back."""
    kept = corpus.read(name)
    return Run(registry.make(name), 0).replay(kept, -len(kept)).faults if kept else []


def _parts(name: str, options: argparse.Namespace) -> Iterator[Part]:
    if name == stateful.NAME:
        size = stateful.PART
        for first in range(0, options.sequences, size):
            yield Part(name, first, min(size, options.sequences - first))
        return
    batches = -(-_wanted(name, options) // BATCH)
    for first in range(0, batches, PART):
        yield Part(name, first, min(PART, batches - first))


def _wanted(name: str, options: argparse.Namespace) -> int:
    if name == stateful.NAME:
        return int(options.sequences)
    return int(options.inputs * registry.make(name).share)


def _in_turn(
    pool: ProcessPoolExecutor, run: partial[Tally], parts: Sequence[Part], ahead: int
) -> Iterator[tuple[Part, Tally]]:
    waiting: deque[tuple[Part, Future[Tally]]] = deque()
    for part in parts:
        waiting.append((part, pool.submit(run, part)))
        if len(waiting) >= ahead:
            first, future = waiting.popleft()
            yield first, future.result()
    for first, future in waiting:
        yield first, future.result()


def _confine() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _run(part: Part, *, seed: int, until: float) -> Tally:
    """In a process of its own."""
    if part.target == stateful.NAME:
        return stateful.run(seed, range(part.first, part.first + part.size), until)
    run = Run(registry.make(part.target), seed)
    return run.batches(range(part.first, part.first + part.size), until)


# --- what is said


def _tell(tally: Tally, options: argparse.Namespace) -> list[str]:
    print(report.line(tally, len(corpus.read(tally.target))))
    for text in report.kinds(tally):
        print(text)
    sys.stdout.flush()
    wanted = _wanted(tally.target, options)
    if tally.target == stateful.NAME:
        return list(stateful.weak(tally, wanted))
    return list(report.weak(registry.make(tally.target), tally, wanted))


def _finished(fault: Fault, options: argparse.Namespace) -> Fault:
    """Shrunk, kept and told."""
    kept: Path | None = None
    if fault.target != stateful.NAME:
        fault = shrunk(registry.make(fault.target), fault)
        if options.keep and fault.data and fault.kind != "slow":
            kept = corpus.keep(fault)
    for text in report.fault(fault, options.seed, kept):
        print(text)
    return fault


def _one(options: argparse.Namespace) -> int:
    (name,) = options.only or [None]
    if name is None:
        print("say of which target: --only NAME", file=sys.stderr)
        return 2
    if name == stateful.NAME:
        tally = stateful.run(options.seed, [options.input], float("inf"))
    else:
        target = registry.make(name)
        data = bytes.fromhex(options.hex or "")
        if options.hex is None:
            data = input_of(target, options.seed, options.input)
        print(f"{len(data)} bytes: {data.hex()}")
        tally = Run(target, options.seed).replay([data], options.input or 0)
    for fault in tally.faults:
        for text in report.fault(fault, options.seed, None):
            print(text)
    print(
        "fault" if tally.faults else ("refused", "past the first check", "valid")[_reached(tally)]
    )
    return 1 if tally.faults else 0


def _reached(tally: Tally) -> int:
    return bool(tally.past) + bool(tally.valid)


if __name__ == "__main__":
    sys.exit(main())
