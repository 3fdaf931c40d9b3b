"""How soon the death of a watched process is told, and what watching costs when nothing happens.

`python -m bench.detection` (root). The latency is from the kill, made by another process, to the
callback `changed` of the process watch; both read the same clock.  Everything runs on this
machine, in its first namespaces; nothing is left behind.
"""

import argparse
import asyncio
import contextlib
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Final

from bench import machine
from lifecheck import clock
from lifecheck.processes import procfs
from lifecheck.processes.accelerators import NAMES
from lifecheck.processes.matching import Matcher, Rule
from tests.shell.process_lab import (
    Watching,
    nursery,
    prefix,
    read_line,
    script,
    script_prefix,
    state,
    title,
    watching,
)

COUNTS: Final = (1, 1_000, 10_000)
KILLS: Final = 200
IDLE_S: Final = 20.0
PAUSE_S: Final = 0.01
SCANS: Final = 5
OLD_S: Final = 4.0
"""After this nobody is young."""
BIG_MIB: Final = 1024
BIG_TIMES: Final = 5
VARIANTS: Final[dict[str, Sequence[str]]] = {"plain": (), "accelerated": NAMES}

KILLER: Final = """
import os, sys, time
for line in sys.stdin:
    pid = int(line)
    at = time.monotonic_ns()
    os.kill(pid, 9)
    print(at, flush=True)
"""
BIG: Final = f"""
import sys
held = bytearray(b"x") * ({BIG_MIB} << 20)
print("ready", flush=True)
sys.stdin.read()
"""


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.detection", description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS, help="of each row (%(default)s)")
    parser.add_argument("--idle", type=float, default=IDLE_S, help="seconds (%(default)s)")
    parser.add_argument("--counts", default=",".join(map(str, COUNTS)), help="(%(default)s)")
    parser.add_argument("--out", type=Path, help="file for the raw figures")
    return parser.parse_args()


@contextlib.asynccontextmanager
async def killer() -> AsyncIterator[asyncio.subprocess.Process]:
    """Another process, which kills whom it is told and says when."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", "-c", KILLER, stdin=-1, stdout=-1
    )
    try:
        yield process
    finally:
        process.kill()
        await process.wait()


async def kill(process: asyncio.subprocess.Process, pid: int) -> int:
    """Have it killed; return when, in ns."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(f"{pid}\n".encode())
    return int(await process.stdout.readline())


async def latency(count: int, kills: int, names: Sequence[str], idle_s: float) -> dict[str, Any]:
    """One row: so many watched, so many killed one after the other."""
    name = title("bench")
    with nursery() as parent:
        pids = parent.spawn(count, name)
        async with watching(prefix(name), names=names) as watched, killer() as assassin:
            await watched.until_alive(count)
            await settled(pids)
            cpu = await idle(idle_s)
            taken_ns: list[int] = []
            for _ in range(kills):
                taken_ns.append(await one(watched, assassin, pids.pop(0)))
                if count < kills:
                    pids += parent.spawn(1, name)
                    await watched.until_alive(count)
            return {"watched": count, **spread(taken_ns), "idle_cpu_percent": cpu}


async def settled(pids: Sequence[int]) -> None:
    """Wait until all have finished their own start, and nobody is young any more."""
    for _ in range(600):
        if all(state(pid) == "S" for pid in pids):
            break
        await asyncio.sleep(0.1)
    await asyncio.sleep(OLD_S)


async def one(watched: Watching, assassin: asyncio.subprocess.Process, victim: int) -> int:
    """Nanoseconds from the kill until the watch says that a process is gone."""
    heard_ns: list[int] = []
    before = watched.alive()

    def changed() -> None:
        seen = watched.seen()
        if seen.alive - seen.early < before and not heard_ns:
            heard_ns.append(time.monotonic_ns())

    watched.on_change = changed
    killed_ns = await kill(assassin, victim)
    await watched.until(lambda: bool(heard_ns))
    watched.on_change = lambda: None
    await asyncio.sleep(PAUSE_S)
    return heard_ns[0] - killed_ns


async def idle(seconds: float) -> float:
    """CPU percent of this process while nothing happens."""
    before, started = cpu_s(), time.monotonic()
    await asyncio.sleep(seconds)
    return round(100 * (cpu_s() - before) / (time.monotonic() - started), 3)


def cpu_s() -> float:
    """What this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def spread(taken_ns: Sequence[int]) -> dict[str, Any]:
    """Median, p99 and worst in ms."""
    ordered = sorted(ns / 1e6 for ns in taken_ns)
    return {
        "kills": len(ordered),
        "median_ms": round(statistics.median(ordered), 3),
        "p99_ms": round(ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))], 3),
        "worst_ms": round(ordered[-1], 3),
    }


async def scans(count: int) -> dict[str, Any]:
    """CPU milliseconds of one look at every process, and of a look at the new ones."""
    name = title("bench")
    with nursery() as parent:
        parent.spawn(count, name)
        matcher = Matcher([prefix(name)])
        costs, found = [], 0
        for _ in range(SCANS):
            before = time.process_time_ns()
            found = sum(bool(matcher.find(pid)) for pid in procfs.pids())
            costs.append((time.process_time_ns() - before) / 1e6)
        async with watching(prefix(name)) as watched:
            census = watched.watch._census
            looks = []
            await asyncio.sleep(OLD_S)
            for _ in range(100):
                before = time.process_time_ns()
                census.look(clock.now_ms())
                looks.append((time.process_time_ns() - before) / 1e6)
    return {
        "watched": count,
        "found": found,
        "scan_cpu_ms": round(statistics.median(costs), 1),
        "look_cpu_ms": round(statistics.median(looks), 4),
    }


async def big(names: Sequence[str]) -> dict[str, Any]:
    """A process with much memory: when its death is foreseen, and when it is over."""
    early_ns, ended_ns = [], []
    async with killer() as assassin:
        for _ in range(BIG_TIMES):
            mark = title("big")
            with script(BIG, mark) as process:
                read_line(process)
                rule = Rule(prefixes=(script_prefix(mark),))
                async with watching(rule, names=names) as watched:
                    await watched.until_alive(1)
                    stamps = stamped(watched)
                    killed_ns = await kill(assassin, process.pid)
                    await watched.until_alive(0)
            early_ns.append(stamps["early"] - killed_ns)
            ended_ns.append(stamps["ended"] - killed_ns)
    return {
        "mib": BIG_MIB,
        "early_ms": round(statistics.median(early_ns) / 1e6, 2),
        "ended_ms": round(statistics.median(ended_ns) / 1e6, 2),
    }


def stamped(watched: Watching) -> dict[str, int]:
    """When the watch first says that the process is dying, and that it has ended."""
    stamps: dict[str, int] = {}

    def changed() -> None:
        seen = watched.seen()
        if seen.early or not seen.alive:
            stamps.setdefault("early", time.monotonic_ns())
        if not seen.alive:
            stamps.setdefault("ended", time.monotonic_ns())

    watched.on_change = changed
    return stamps


async def measure(chosen: argparse.Namespace) -> dict[str, Any]:
    """Everything."""
    counts = [int(word) for word in chosen.counts.split(",")]
    rows = []
    for count in counts:
        for variant, names in VARIANTS.items():
            row = await latency(count, chosen.kills, names, chosen.idle)
            rows.append({"variant": variant, **row})
            print(line(rows[-1]), flush=True)
    return {
        "death": rows,
        "scan": await scans(max(counts)),
        "big": {variant: await big(names) for variant, names in VARIANTS.items()},
    }


def head() -> str:
    """Titles of the table."""
    return (
        f"{'':12}{'watched':>8}{'kills':>7}{'median ms':>11}{'p99 ms':>9}{'worst ms':>10}"
        f"{'idle CPU %':>12}"
    )


def line(row: dict[str, Any]) -> str:
    """One row of the table."""
    return (
        f"{row['variant']:12}{row['watched']:>8}{row['kills']:>7}{row['median_ms']:>11.3f}"
        f"{row['p99_ms']:>9.3f}{row['worst_ms']:>10.3f}{row['idle_cpu_percent']:>12.3f}"
    )


def rest(results: dict[str, Any]) -> str:
    """What is not a row of the table."""
    scan = results["scan"]
    costs = f"{scan['scan_cpu_ms']} ms of CPU; one look at the new: {scan['look_cpu_ms']} ms"
    lines = [f"one scan of {scan['watched']} processes: {costs}"]
    lines += [
        f"{row['mib']} MiB killed, {variant}: foreseen after {row['early_ms']} ms,"
        f" ended after {row['ended_ms']} ms"
        for variant, row in results["big"].items()
    ]
    return "\n".join(lines)


def main() -> int:
    """Entry: exit code 2 when nothing can be measured."""
    chosen = options()
    if os.geteuid() != 0:
        print("bench.detection needs root: the accelerators do", file=sys.stderr)
        return 2
    before = machine.facts()
    print(head(), flush=True)
    results = {"machine": before, **asyncio.run(measure(chosen))}
    print(rest(results))
    if chosen.out is not None:
        chosen.out.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    else:
        print(json.dumps(results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
