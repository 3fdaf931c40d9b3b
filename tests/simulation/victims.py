"""Whom a fault hits, and for how long: shared by everything that breaks things.

Half of all faults seek the holder of the VIP, because that is where a bug would show.
"""

from random import Random
from typing import Any, Final

from tests.simulation.machine import Machine
from watchdog.instant import MS, SECOND

World = Any
"""tests.simulation.world.World, which imports the faults."""
FREEZE_MAX_NS: Final = 10 * SECOND


def victim(world: World, rng: Random) -> Machine:
    """The holder of the VIP in half of all cases, else anybody."""
    voters: list[Machine] = world.voters
    holder: Machine | None = next((m for m in voters if m.is_on), None)
    if holder is not None and rng.random() < 0.5:
        return holder
    return rng.choice(voters)


def holder_or_any(world: World, rng: Random) -> Machine:
    """The holder of the VIP, if there is one."""
    voters: list[Machine] = world.voters
    return next((m for m in voters if m.is_on), None) or rng.choice(voters)


def freeze_ns(world: World, rng: Random) -> int:
    """From a blink to 10 s, with weight on what is near a promise."""
    if rng.random() < 0.1:
        return rng.randrange(100 * MS, FREEZE_MAX_NS)
    factor = rng.choice((0.1, 0.3, 0.8, 1.5, 4.0)) * rng.uniform(0.5, 1.5)
    return min(int(factor * world.mix.timing.promise_ns), FREEZE_MAX_NS)


def down_ns(rng: Random) -> int:
    """How long a machine is without power."""
    return 50 * MS + int(rng.expovariate(1 / (3 * SECOND)))
