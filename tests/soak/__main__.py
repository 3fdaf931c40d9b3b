"""`python -m tests.soak`: all profiles at once, under ten times too much work; nothing may move.

Needs root.  Exit code 0: no move, and the load was really there.

What is claimed is taken from outside: the kernels' own address events, and what the guardians'
logs say of gate and sentinel.  A move of the VIP without a fault is a false one, whatever its
reason; the longest time without an answer is the client's, who suffers from the load himself.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.soak.load import LEAST, Load
from tests.system.cluster import SystemCluster, run_cluster
from watchdog.cli.demo.journal import now_ns
from watchdog.cli.demo.timeline import Change

SETTLE_S: Final = 5.0
PATIENCE_S: Final = 120.0
EVENTS: Final = ("gate_refused", "guardian_stalled", "sentinel_acted", "going_off")


class Kind(NamedTuple):
    """One cluster of the run."""

    timing: str
    scheduling: str


GROUPS: Final = {
    "rt": (Kind("default", "rt"), Kind("fast", "rt"), Kind("extreme", "rt")),
    "nice": (Kind("default", "nice"), Kind("fast", "nice")),
}
"""What runs side by side: a class of its own each, or the one would starve the other."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, print, and write the JSON; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--only", choices=GROUPS, help="one scheduling class")
    parser.add_argument("--json", type=Path, help="write the result there")
    options = parser.parse_args(arguments)
    groups = [options.only] if options.only else list(GROUPS)
    result = {name: soak(GROUPS[name], options.minutes * 60) for name in groups}
    print(json.dumps(result, indent=2))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    found = [fault for run in result.values() for fault in faults(run)]
    for fault in found:
        print(f"failed: {fault}")
    return 1 if found else 0


def soak(kinds: Sequence[Kind], seconds: float) -> dict[str, Any]:
    """Run these clusters side by side, the load on top; what was seen."""
    with ExitStack() as stack:
        clusters = {
            kind: stack.enter_context(
                run_cluster(3, timing=kind.timing, scheduling=kind.scheduling)
            )
            for kind in kinds
        }
        first = {kind: one.wait_healthy(PATIENCE_S) for kind, one in clusters.items()}
        load = Load()
        with load:
            time.sleep(SETTLE_S)
            began = now_ns()
            time.sleep(seconds)
            ended = now_ns()
        rows = [judge(kind, one, first[kind], (began, ended)) for kind, one in clusters.items()]
        return {"seconds": seconds, "load": load.seen(), "clusters": rows}


def judge(
    kind: Kind, cluster: SystemCluster, leader: str, window: tuple[int, int]
) -> dict[str, Any]:
    """What happened to one cluster between two instants."""
    began, ended = window
    moves = [c for c in real_changes(cluster) if began <= c.t <= ended]
    answers = [
        one["t"]
        for one in cluster.observations()
        if one["kind"] == "answer" and began <= one["t"] <= ended
    ]
    gaps = [later - t for t, later in pairwise(answers)]
    return {
        **kind._asdict(),
        "coordinator": leader,
        "changes_of_a_vip": len(moves),
        "holders_most": cluster.holders().most,
        "longest_gap_ms": round(max(gaps, default=ended - began) / 1e6, 1),
        "events": {event: _count(cluster, event) for event in EVENTS},
    }


def real_changes(cluster: SystemCluster) -> Iterator[Change]:
    """Every time a VIP came or went; a kernel also tells of each renewed lifetime."""
    held: set[tuple[str, str]] = set()
    for change in cluster.changes():
        key = change.node, change.what
        if change.is_up != (key in held):
            held ^= {key}
            yield change


def _count(cluster: SystemCluster, event: str) -> int:
    return sum(cluster.log(name).count(f"event={event} ") for name in cluster.names)


def faults(result: dict[str, Any]) -> list[str]:
    """Why this run proves nothing, or disproves the claim."""
    found = []
    mean = result["load"]["runnable_per_processor_mean"]
    if mean < LEAST:
        found.append(f"only {mean} processes wanted each processor, {LEAST} are needed")
    for row in result["clusters"]:
        name = f"{row['timing']} with {row['scheduling']}"
        if row["changes_of_a_vip"]:
            found.append(f"{name}: {row['changes_of_a_vip']} changes of a VIP")
        if row["holders_most"] > 1:
            found.append(f"{name}: {row['holders_most']} holders")
    return found


if __name__ == "__main__":
    sys.exit(main())
