"""`make bench`: measure, write the raw figures to bench/results, print tables. Needs root.

One part that fails does not keep the others from being measured.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench import (
    detection,
    failover,
    idle,
    ipc_rate,
    machine,
    postgres_killed,
    procd,
    report,
    scale,
)
from bench.peers import measure as peers
from bench.peers import table as peers_table
from bench.peers.faults import FAULTS
from watchdog.cli.demo.interrupt import InterruptedDemoError, TooLateError
from watchdog.cli.demo.lab import LabError
from watchdog.config.timing import PROFILES

FOLDER: Final = Path(__file__).parent / "results"
REPS: Final = {"service killed": 20, "postgres killed": 20}
REPS_OTHERS: Final = 10
KILLS: Final = 5
IDLE_S: Final = 60.0
DETECTION_IDLE_S: Final = 10.0
COUNTS: Final = ",".join(map(str, detection.COUNTS))


class Part(NamedTuple):
    """One thing to measure, and its table."""

    measure: Callable[[argparse.Namespace], dict[str, Any]]
    table: Callable[[Mapping[str, Any]], str]


def reps(chosen: argparse.Namespace, name: str) -> int:
    """How often a fault is done."""
    return int(chosen.reps or REPS.get(name, REPS_OTHERS))


def _detection(chosen: argparse.Namespace) -> dict[str, Any]:
    wanted = argparse.Namespace(
        kills=chosen.detections, idle=min(DETECTION_IDLE_S, chosen.idle), counts=chosen.counts
    )
    return asyncio.run(detection.measure(wanted))


def _peers(chosen: argparse.Namespace) -> dict[str, Any]:
    few = peers.REPS_QUICK if chosen.quick else peers.REPS
    idle_s = min(chosen.idle, peers.IDLE_S)
    wanted = frozenset(chosen.peer or ())
    return peers.measure(peers.Wanted(chosen.reps or few, idle_s, wanted, tuple(FAULTS)))


MORE: Final = {
    "postgres killed": Part(
        lambda chosen: postgres_killed.measure(reps(chosen, "postgres killed")), report.postgres
    ),
    "ipc": Part(lambda _: ipc_rate.measure(), report.ipc),
    "procd 2008": Part(lambda chosen: procd.measure(chosen.kills), report.procd),
    "detection": Part(_detection, report.detection),
    "scale": Part(lambda _: scale.measure(), scale.table),
    "peers": Part(_peers, peers_table.text),
}
PARTS: Final = (*failover.FAULTS, "idle", "status", *MORE)


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--reps", type=int, help="of each fault (20 of the kills, 10 of others)")
    parser.add_argument("--kills", type=int, default=KILLS, help="procd 2008 (%(default)s)")
    parser.add_argument("--detections", type=int, default=detection.KILLS, help="(%(default)s)")
    parser.add_argument("--counts", default=COUNTS, help="watched, of detection (%(default)s)")
    parser.add_argument("--only", choices=PARTS, action="append", help="may be repeated")
    parser.add_argument("--profile", default="default", help="of outages: default,fast")
    parser.add_argument("--idle", type=float, default=IDLE_S, help="seconds (%(default)s)")
    parser.add_argument("--quick", action="store_true", help="each fault once beside the peers")
    parser.add_argument("--peer", action="append", help="only this one of peers; may be repeated")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder of the raw figures")
    chosen = parser.parse_args()
    chosen.profiles = chosen.profile.split(",")
    if unknown := set(chosen.profiles) - set(PROFILES):
        parser.error(f"--profile: there is no {', '.join(sorted(unknown))}")
    return chosen


def parts(chosen: argparse.Namespace) -> dict[str, Part]:
    """What is wanted, by the name of its file; a piece of a part does not replace the whole."""
    wanted = tuple(chosen.only or PARTS)
    found: dict[str, Part] = {}
    faults = {name: reps(chosen, name) for name in failover.FAULTS if name in wanted}
    for profile in chosen.profiles if faults else ():
        some = "failover" if len(faults) == len(failover.FAULTS) else "-".join(faults)
        found[_file(f"{some}-{profile}")] = _outages(profile, faults)
    if {"idle", "status"} & set(wanted):
        seconds = chosen.idle if "idle" in wanted else 0.0
        found["idle" if seconds else "status"] = Part(lambda _: idle.measure(seconds), report.costs)
    found |= {_file(name): MORE[name] for name in MORE if name in wanted}
    return found


def _file(name: str) -> str:
    return name.replace(" ", "-")


def _outages(profile: str, faults: Mapping[str, int]) -> Part:
    return Part(lambda _: failover.measure(profile, faults), report.outages)


def main() -> int:
    """Entry: exit code 1 when two nodes ever held the VIP, 2 when something was not measured.

    Of the peers only ours is judged: `holders_most` is of our rows.  130: interrupted.
    """
    chosen = options()
    if os.geteuid() != 0:
        print("make bench needs root: it makes network namespaces", file=sys.stderr)
        return 2
    try:
        codes = [_measure(chosen, name, part) for name, part in parts(chosen).items()]
    except InterruptedDemoError:
        return 130
    print(report.conditions(machine.facts()))
    return max(codes)


def _measure(chosen: argparse.Namespace, name: str, part: Part) -> int:
    before = machine.facts()
    try:
        run = part.measure(chosen)
    except (LabError, TooLateError, RuntimeError, AssertionError, OSError) as error:
        print(f"\nmake bench: {name} was not measured: {error}", file=sys.stderr)
        return 2
    write(chosen.out, name, {"machine": before, **run})
    print(part.table(run), flush=True)
    return 0 if run.get("holders_most", 1) <= 1 else 1


def write(folder: Path, name: str, results: dict[str, Any]) -> None:
    """Keep raw figures as JSON, where somebody else can read them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
