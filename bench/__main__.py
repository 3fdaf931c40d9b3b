"""`make bench`: measure, write the raw figures to bench/results, print one table. Needs root."""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any, Final

from bench import failover, idle, machine, report
from watchdog.cli.demo.lab import LabError
from watchdog.config.timing import PROFILES

FOLDER: Final = Path(__file__).parent / "results"
PARTS: Final = (*failover.FAULTS, "idle", "status")
REPS: Final = 10
IDLE_S: Final = 60.0


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--reps", type=int, default=REPS, help="of each fault (%(default)s)")
    parser.add_argument("--only", choices=PARTS, action="append", help="may be repeated")
    parser.add_argument("--profile", default="default,fast", help="timings (%(default)s)")
    parser.add_argument("--idle", type=float, default=IDLE_S, help="seconds (%(default)s)")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the raw figures")
    chosen = parser.parse_args()
    chosen.profiles = chosen.profile.split(",")
    if unknown := set(chosen.profiles) - set(PROFILES):
        parser.error(f"--profile: there is no {', '.join(sorted(unknown))}")
    return chosen


def write(folder: Path, name: str, results: dict[str, Any]) -> None:
    """Keep raw figures as JSON, where somebody else can read them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    """Entry: exit code 1 when two nodes ever held the VIP, 2 when nothing can be measured."""
    chosen = options()
    if os.geteuid() != 0:
        print("make bench needs root: it makes network namespaces", file=sys.stderr)
        return 2
    wanted = tuple(chosen.only or PARTS)
    try:
        return _measure(chosen, wanted)
    except LabError as error:
        print(f"make bench: {error}", file=sys.stderr)
        return 2


def _measure(chosen: argparse.Namespace, wanted: tuple[str, ...]) -> int:
    faults = [name for name in failover.FAULTS if name in wanted]
    runs = []
    for profile in chosen.profiles if faults else ():
        before = machine.facts()
        run = failover.measure(profile, faults, chosen.reps)
        write(chosen.out, f"failover-{profile}", {"machine": before, **run})
        runs.append(run)
        print(report.outages(run), flush=True)
    if {"idle", "status"} & set(wanted):
        before = machine.facts()
        quiet = idle.measure(chosen.idle if "idle" in wanted else 0.0)
        write(chosen.out, "idle", {"machine": before, **quiet})
        print(report.costs(quiet))
    print(report.conditions(machine.facts()))
    return 0 if all(run["holders_most"] <= 1 for run in runs) else 1


if __name__ == "__main__":
    sys.exit(main())
