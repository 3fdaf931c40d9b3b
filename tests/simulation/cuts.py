"""What can go wrong with the network: cuts of every shape, loss, and messages that misbehave.

Every fault here first opens all paths, as a real network is repaired before it breaks anew; most
last until the next one or until `World.heal`.
"""

from random import Random
from typing import Any

from tests.simulation.machine import Machine
from watchdog.instant import MS, SECOND

World = Any


def _all_pairs(world: World) -> list[tuple[int, int]]:
    size = len(world.machines)
    return [(a, b) for a in range(size) for b in range(size) if a != b]


def _fresh(world: World) -> None:
    for row in world.network.up:
        row[:] = [True] * len(row)


def _later(world: World, rng: Random, name: str) -> None:
    """Let a rate fall back to 0 after a while."""
    late = int(rng.expovariate(1 / (10 * SECOND)))
    world.later(late, setattr, world.network, name, 0.0)


def loss(world: World, rng: Random) -> bool:
    """Segments get lost."""
    world.network.loss = rng.choice((0.02, 0.05, 0.2, 0.3))
    _later(world, rng, "loss")
    return True


def long_loss(world: World, rng: Random) -> bool:
    """Every fifth segment and datagram gets lost for a minute, in half of all cases without TCP."""
    world.network.loss = 0.2
    world.later(60 * SECOND, setattr, world.network, "loss", 0.0)
    if rng.random() < 0.5:
        tcp_stalled(world, rng)
    return True


def tcp_stalled(world: World, rng: Random) -> bool:
    """No segment of any link gets through, and datagrams do."""
    world.network.is_tcp_stalled = True
    late = int(rng.expovariate(1 / (10 * SECOND)))
    world.later(late, setattr, world.network, "is_tcp_stalled", False)
    return True


def udp_blocked(world: World, rng: Random) -> bool:
    """A firewall drops every datagram: all must still work by TCP."""
    world.network.is_udp_blocked = True
    late = int(rng.expovariate(1 / (20 * SECOND)))
    world.later(late, setattr, world.network, "is_udp_blocked", False)
    return True


def duplication(world: World, rng: Random) -> bool:
    """Messages arrive twice."""
    world.network.duplication = rng.choice((0.05, 0.2))
    _later(world, rng, "duplication")
    return True


def reordering(world: World, rng: Random) -> bool:
    """Messages overtake each other."""
    world.network.reordering = rng.choice((0.05, 0.2))
    _later(world, rng, "reordering")
    return True


def delay(world: World, rng: Random) -> bool:
    """Messages, and all behind them, are late by up to seconds."""
    world.network.stall = rng.choice((0.02, 0.1))
    world.network.stall_ns = rng.choice((100, 500, 2000)) * MS
    _later(world, rng, "stall")
    return True


def late_grants(world: World, rng: Random) -> bool:
    """The last grants arrive late, then nothing does."""
    holder = next((m for m in world.voters if m.is_on), None) or rng.choice(world.voters)
    beacon = world.mix.timing.beacon_ns
    _fresh(world)
    world.network.stall, world.network.stall_ns = 0.7, 500 * MS
    cut_in = int(rng.uniform(0.3, 1.2) * beacon)
    world.later(cut_in, world.network.isolate, holder.index)
    world.later(2 * beacon, setattr, world.network, "stall", 0.0)
    return True


def one_way(world: World, rng: Random) -> bool:
    """One machine hears nobody, or nobody hears it, or one path of two is closed."""
    _fresh(world)
    kind = rng.random()
    machine = rng.choice(world.voters)
    if kind < 0.6:
        out = kind < 0.3
        for a, b in _all_pairs(world):
            if machine.index == (a if out else b):
                world.network.up[a][b] = False
    else:
        world.network.cut([rng.choice(_all_pairs(world))])
    return True


def symmetric(world: World, rng: Random) -> bool:
    """Two sides that do not hear each other."""
    _fresh(world)
    side = {m.index for m in world.machines if rng.random() < 0.5}
    world.network.cut([(a, b) for a, b in _all_pairs(world) if (a in side) != (b in side)])
    return True


def bridge(world: World, rng: Random) -> bool:
    """All hear one machine only."""
    _fresh(world)
    hub = rng.choice(world.voters).index
    world.network.cut([(a, b) for a, b in _all_pairs(world) if hub not in (a, b)])
    return True


def ring(world: World, rng: Random) -> bool:
    """Each hears its two neighbours only: majorities that overlap, none the same."""
    _fresh(world)
    order = [m.index for m in world.voters]
    rng.shuffle(order)
    size = len(order)
    if size < 4:
        chain = {(order[i], order[i + 1]) for i in range(size - 1)}
    else:
        chain = {(order[i], order[(i + 1) % size]) for i in range(size)}
    near = chain | {(b, a) for a, b in chain}
    world.network.cut([pair for pair in _all_pairs(world) if pair not in near])
    return True


def random_cuts(world: World, rng: Random) -> bool:
    """Every path is closed with chance 0.3."""
    _fresh(world)
    world.network.cut([pair for pair in _all_pairs(world) if rng.random() < 0.3])
    return True


def uplink_lost(world: World, machine: Machine, duration: int) -> None:
    """The machine is cut off and sees it; the path is back before the carrier is believed."""
    world.network.isolate(machine.index)
    world.later(3 * MS, lambda: machine.set_uplink(up=False))
    world.later(duration, world.network.restore, machine.index)
    world.later(duration + 5 * MS, lambda: machine.set_uplink(up=True))


def hangs_on_one(world: World, rng: Random) -> bool:
    """The holder hears one voter only, whose uplink then blinks."""
    voters: list[Machine] = world.voters
    holder = next((m for m in voters if m.is_on), None) or rng.choice(voters)
    others = [m for m in voters if m is not holder]
    if not others:
        return False
    one = rng.choice(others)
    _fresh(world)
    for other in others:
        if other is not one:
            world.network.cut([(holder.index, other.index), (other.index, holder.index)])
    late = int(1.5 * world.mix.timing.promise_ns)
    world.later(late, uplink_lost, world, one, 10 * MS)
    return True
