"""`python -m tests.simulation.loss`: a minute of heavy loss, again and again: does the VIP move?

Each seed is a quiet cluster that is led; then every segment and datagram is lost with the chance
asked for, each by itself, for 60 s, with TCP and with TCP stalled altogether.  Nothing may move.
Prints one JSON object a row; exit code 1 when anything moved.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Final

from tests.simulation.directed import led, quiet_world
from tests.simulation.machine import Machine
from tests.simulation.node_process import NodeProcess
from tests.simulation.world import World
from watchdog.core.effects import StateChanged
from watchdog.instant import SECOND

PROFILES: Final = ("default", "fast", "extreme")
LOSS: Final = 0.2
MINUTE_NS: Final = 60 * SECOND
SETTLES_NS: Final = 3 * SECOND


@dataclass(slots=True)
class LossRow:
    """What came of one profile."""

    profile: str
    nodes: str
    loss: float
    tcp_stalled: bool
    udp_blocked: bool
    minutes: int = 0
    minutes_with_a_lost_lease: int = 0
    moves: int = 0
    """Times that a coordinator ended, or that a guardian went off."""
    datagrams: int = 0
    rounds_a_second: float = 0.0
    cpu_s: float = 0.0


class Moves:
    """Counts what must not happen."""

    def __init__(self, world: World) -> None:
        self.count = 0
        world.stage.watch.changed_state.append(self._changed)
        world.stage.watch.went_off.append(self._off)

    def _changed(self, _: NodeProcess, change: StateChanged) -> None:
        self.count += change.old == "COORDINATOR"

    def _off(self, _: Machine) -> None:
        self.count += 1


def minute(row: LossRow, seed: int) -> None:
    """Run one seed of a row."""
    world = quiet_world(seed, profile=row.profile, topology=row.nodes)
    network = world.network
    network.is_udp_blocked = row.udp_blocked
    led(world)
    world.advance(SETTLES_NS)
    moves = Moves(world)
    network.loss, network.is_tcp_stalled = row.loss, row.tcp_stalled
    rounds, datagrams = world.stage.rounds, network.datagrams
    world.advance(MINUTE_NS)
    row.minutes += 1
    row.minutes_with_a_lost_lease += moves.count > 0
    row.moves += moves.count
    row.datagrams += network.datagrams - datagrams
    row.rounds_a_second += (world.stage.rounds - rounds) / (MINUTE_NS / SECOND)


def measure(row: LossRow, seeds: int) -> LossRow:
    """All minutes of a row."""
    started = time.process_time()
    for seed in range(seeds):
        minute(row, seed)
    row.rounds_a_second = round(row.rounds_a_second / seeds, 2)
    row.cpu_s = round(time.process_time() - started, 2)
    return row


def main(arguments: Sequence[str] | None = None) -> int:
    """Print every row; 1 when anything moved."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.loss", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="minutes of each row")
    parser.add_argument("--loss", type=float, default=LOSS)
    parser.add_argument("--nodes", default="3")
    parser.add_argument("--profile", choices=PROFILES, action="append")
    parser.add_argument("--udp-blocked", action="store_true", help="by TCP alone; it may move then")
    options = parser.parse_args(arguments)
    moved = 0
    for profile in options.profile or PROFILES:
        for is_stalled in (False,) if options.udp_blocked else (False, True):
            row = LossRow(profile, options.nodes, options.loss, is_stalled, options.udp_blocked)
            moved += measure(row, options.seeds).moves
            print(json.dumps(asdict(row)), flush=True)
    return 1 if moved and not options.udp_blocked else 0


if __name__ == "__main__":
    sys.exit(main())
