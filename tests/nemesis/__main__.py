"""`python -m tests.nemesis`: breaks clusters of real daemons, and looks from outside.

Needs root.  Exit code 0: nothing failed and no floor was missed; 1 otherwise; 2: wrong arguments.
docs/nemesis.md says what is injected and how to read the table.
"""

import argparse
import os
import platform
import random
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.nemesis import plan, report
from tests.nemesis.engine import Result, Run
from tests.nemesis.faults import BY_NAME
from tests.nemesis.stage import Shape
from watchdog.config.timing import PROFILES


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as asked; the exit code."""
    parser = _parser()
    options = parser.parse_args(arguments)
    if os.geteuid() != 0:
        parser.error("needs root: it makes network namespaces")
    only = list(plan.SHORT) if options.short else options.only
    try:
        steps = plan.steps(options.nodes, options.seed, options.faults, only)
    except plan.PlanError as error:
        parser.error(str(error))
    command = repeat(options)
    print(f"seed {options.seed}, {len(steps)} faults; to repeat: {command}", flush=True)
    run = Run(Shape(nodes=options.nodes, gate=options.gate, timing=options.timing))
    began = time.monotonic()
    print(report.head(), flush=True)
    run.play(steps, _say)
    return _end(options, run.results, len(steps), command, time.monotonic() - began)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.nemesis", description=__doc__)
    parser.add_argument("--faults", type=int, help="how many; more than the list: pairs at random")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().getrandbits(31))
    parser.add_argument(
        "--only", action="append", default=[], metavar="NAME", help=f"of {', '.join(BY_NAME)}"
    )
    parser.add_argument("--nodes", choices=("3", "5", "2w"), default="3")
    parser.add_argument("--timing", choices=tuple(PROFILES), default="default")
    parser.add_argument("--gate", choices=("auto", "none"), default="auto")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything there")
    parser.add_argument("--short", action="store_true", help="a few faults, in about a minute")
    return parser


def repeat(options: argparse.Namespace) -> str:
    """The command that does the same again."""
    words = ["python -m tests.nemesis", f"--seed {options.seed}", f"--nodes {options.nodes}"]
    words += [f"--timing {options.timing}", f"--gate {options.gate}"]
    words += [f"--faults {options.faults}"] if options.faults is not None else []
    words += [f'--only "{name}"' for name in options.only]
    return " ".join([*words, "--short"] if options.short else words)


def _say(result: Result) -> None:
    print(report.row(result), flush=True)
    if result.failures:
        print(*report.failure(result), sep="\n", flush=True)


def _end(
    options: argparse.Namespace, results: list[Result], asked: int, command: str, took_s: float
) -> int:
    is_full = not options.short and not options.only
    problems = list(report.problems(results, options.nodes, asked, is_full=is_full))
    facts: dict[str, Any] = {
        "seed": options.seed,
        "command": command,
        "nodes": options.nodes,
        "timing": options.timing,
        "gate": options.gate,
        "kernel": platform.release(),
        "processors": os.cpu_count(),
        "seconds": round(took_s, 1),
        "repeated": sum(one.again for one in results),
        "problems": problems,
    }
    if options.json is not None:
        options.json.write_text(report.document(results, facts), encoding="utf-8")
    print(report.summary(results, took_s))
    print(*(f"PROBLEM: {text}" for text in problems), sep="\n")
    if problems:
        print(f"to repeat: {command}")
    return 1 if problems else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was made is removed all the same
    sys.exit(main())
