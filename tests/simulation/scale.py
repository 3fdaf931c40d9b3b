"""`python -m tests.simulation.scale --nodes 3,101`: clusters of many nodes, in the simulator.

The leader dies silently (its machine loses power); how long until another node leads, and until it
serves?  And what does a quiet second cost: messages of a node, and its CPU on this machine, which
is the time of the shipped steps, codec and guardian as simulated, without sockets and TLS.
Prints one JSON object a row; exit code 1 when an election took longer than `--most` seconds.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from tests.simulation.directed import led, quiet_world
from tests.simulation.stage import Violation
from tests.simulation.world import World
from watchdog.instant import MS, SECOND

STEP_NS: Final = MS
SETTLES_NS: Final = 2 * SECOND
QUIET_NS: Final = 5 * SECOND
WAIT_NS: Final = 30 * SECOND
NODES: Final = "3,5,9,31,101"


@dataclass(slots=True)
class ScaleRow:
    """One size of cluster."""

    nodes: int
    profile: str
    promise_s: float
    elect_s: float = 0.0
    """From the silent death of the leader to the next coordinator."""
    serve_s: float = 0.0
    """And until the VIP is served again."""
    first_leader_s: float = 0.0
    """From the start of all machines, with blank disks."""
    messages_per_node_second: float = 0.0
    steps_per_node_second: float = 0.0
    cpu_ms_per_node_second: float = 0.0
    election_messages_per_node: float = 0.0
    election_cpu_ms_per_node: float = 0.0


def _leader(world: World) -> str | None:
    return next((m.name for m in world.voters if m.node and m.node.is_coordinator), None)


def _wait(world: World, is_there: str) -> float:
    start = world.heap.now
    while world.heap.now - start < WAIT_NS:
        if (_leader(world) if is_there == "leader" else world.holder) is not None:
            return (world.heap.now - start) / SECOND
        world.advance(STEP_NS)
    raise Violation("progress", f"no {is_there} within {WAIT_NS // SECOND} s")


def measure(nodes: int, profile: str, seed: int) -> ScaleRow:
    """Run one cluster."""
    world = quiet_world(seed, profile=profile, topology=str(nodes))
    row = ScaleRow(nodes, profile, world.mix.timing.promise_ns / SECOND)
    led(world)
    row.first_leader_s = round(world.heap.now / SECOND, 3)
    world.advance(SETTLES_NS)
    stage, node_seconds = world.stage, nodes * QUIET_NS / SECOND
    sends, steps, cpu = stage.sends, stage.steps, time.process_time()
    world.advance(QUIET_NS)
    row.messages_per_node_second = round((stage.sends - sends) / node_seconds, 1)
    row.steps_per_node_second = round((stage.steps - steps) / node_seconds, 1)
    row.cpu_ms_per_node_second = round((time.process_time() - cpu) * 1000 / node_seconds, 3)
    leader = led(world)
    sends, cpu = stage.sends, time.process_time()
    leader.lose_power()
    row.elect_s = round(_wait(world, "leader"), 3)
    row.serve_s = round(row.elect_s + _wait(world, "holder"), 3)
    row.election_messages_per_node = round((stage.sends - sends) / nodes, 1)
    row.election_cpu_ms_per_node = round((time.process_time() - cpu) * 1000 / nodes, 1)
    return row


def main(arguments: Sequence[str] | None = None) -> int:
    """Print every row; 1 when an election was too slow."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.scale", description=__doc__)
    parser.add_argument("--nodes", default=NODES, help="sizes, separated by commas")
    parser.add_argument("--profile", default="default")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--most", type=float, default=3.0, help="seconds that an election may take")
    options = parser.parse_args(arguments)
    slowest = 0.0
    for nodes in map(int, options.nodes.split(",")):
        row = measure(nodes, options.profile, options.seed)
        slowest = max(slowest, row.elect_s)
        print(json.dumps(asdict(row)), flush=True)
    return 1 if slowest > options.most else 0


if __name__ == "__main__":
    sys.exit(main())
