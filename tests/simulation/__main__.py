"""`python -m tests.simulation`: replay one seed with its trace, or run many and count.

Exit code 0: no violation, and nothing below its floor; 1 otherwise; 2: wrong arguments.
"""

import argparse
import itertools
import sys
import time
from collections.abc import Iterator, Sequence

from tests.simulation import report
from tests.simulation.mix import PROFILES, TOPOLOGIES, name_of
from tests.simulation.swarm import Outcome, Total, run_many, run_seed
from tests.simulation.trace import Trace
from tests.simulation.world import World

FAILURES_SHOWN = 20
TRACE_SHOWN = 400


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as asked; the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if options.seed is not None:
        return _one(options)
    if options.hours is None and options.seeds is None:
        parser.error("say --seed N, --seeds A..B or --hours H")
    return _many(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    profiles = sorted({name_of(profile, has_hook=hook) for profile, hook, _ in PROFILES})
    parser.add_argument("--seed", type=int, help="run this seed alone")
    parser.add_argument(
        "--trace",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="print what happened in --seed",
    )
    parser.add_argument("--lines", type=int, default=TRACE_SHOWN, help="of the trace, 0: all")
    parser.add_argument("--seeds", type=_range, help="N: the first N seeds; A..B: from A to B")
    parser.add_argument("--hours", type=float, help="stop after so many cluster-hours")
    parser.add_argument("--minutes", type=float, help="end then, whatever was reached by then")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--profile", choices=profiles, help="instead of the seed's own")
    parser.add_argument("--nodes", choices=[name for name, _ in TOPOLOGIES], help="likewise")
    return parser


def _range(text: str) -> tuple[int, int]:
    first, dots, last = text.partition("..")
    return (int(first), int(last)) if dots else (0, int(first) - 1)


def _one(options: argparse.Namespace) -> int:
    traces: list[Trace] = []

    def log(world: World) -> Trace:
        traces.append(Trace(world.heap))
        return traces[0]

    outcome = run_seed(options.seed, options.profile, options.nodes, log if options.trace else None)
    if options.trace:
        lines = traces[0].read()
        for line in lines[-options.lines :]:
            print(line)
    total = Total()
    total.add(outcome)
    kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(outcome.faults.items()))
    print(f"seed {outcome.seed}: {outcome.cluster}; faults: {kinds}")
    print(f"{outcome.escalations} escalations, trace hash {outcome.crc:08x}")
    return _verdict(total, options)


def _seeds(options: argparse.Namespace) -> Iterator[int]:
    first, last = options.seeds or (0, None)
    return iter(itertools.count(first) if last is None else range(first, last + 1))


def _many(options: argparse.Namespace) -> int:
    total, started = Total(), time.monotonic()
    for outcome in run_many(
        _seeds(options),
        jobs=options.jobs,
        profile=options.profile,
        topology=options.nodes,
        hours=options.hours,
        minutes=options.minutes or float("inf"),
    ):
        total.add(outcome)
        if outcome.checker and len(total.failed) <= FAILURES_SHOWN:
            _tell(outcome, options)
    for outcome in run_many(
        total.to_replay(), jobs=options.jobs, profile=options.profile, topology=options.nodes
    ):
        total.add_replay(outcome)
    for line in report.summary(total, time.monotonic() - started):
        print(line)
    return _verdict(total, options, tell=False)


def _tell(outcome: Outcome, options: argparse.Namespace) -> None:
    command = report.command_for(outcome, options.profile, options.nodes)
    for line in report.failure(outcome, command):
        print(line, flush=True)


def _verdict(total: Total, options: argparse.Namespace, *, tell: bool = True) -> int:
    if tell:
        for outcome in total.failed:
            _tell(outcome, options)
    is_fixed = options.profile or options.nodes
    hours = report.hours_owed(total, options.hours, is_bounded=options.minutes is not None)
    if hours != options.hours:
        print(f"the time was up after {total.hours:.1f} of {options.hours:g} cluster-hours")
    short = [] if is_fixed else report.below_floor(total, hours)
    for line in short:
        print(f"below the floor: {line}")
    for seed in total.differ:
        print(f"seed {seed} gave another trace when it was run again: something is not its own")
    return 1 if total.failed or short or total.differ else 0


if __name__ == "__main__":
    sys.exit(main())
