"""What lifecheck, uplink and operators do at any moment: verdicts, commands, new configurations.

None of this is a fault of the machine, and all of it happens in the middle of faults.
"""

from dataclasses import replace
from random import Random
from typing import Any

from tests.simulation import cuts
from tests.simulation.machine import Machine
from tests.simulation.mix import timing_of
from tests.simulation.victims import down_ns, holder_or_any, victim
from watchdog.core.events import Command
from watchdog.instant import MS, SECOND

World = Any
"""tests.simulation.world.World, which imports this module."""

# --- lifecheck, uplink, operators


def health_flap(world: World, rng: Random) -> bool:
    """Lifecheck calls the node itself dead, and alive again."""
    machine = victim(world, rng)
    machine.lifecheck.set_health(healthy=False)
    late = int(rng.expovariate(1 / (4 * SECOND)))
    world.later(late, lambda: machine.lifecheck.set_health(healthy=True))
    return True


def verdicts(world: World, rng: Random) -> bool:
    """Lifechecks call members dead: the holder, or everybody but themselves."""
    voters: list[Machine] = world.voters
    holder = holder_or_any(world, rng)
    only_holder = rng.random() < 0.6
    for machine in voters:
        if rng.random() < 0.8:
            dead = [holder] if only_holder else [m for m in voters if m is not machine]
            machine.lifecheck.set_dead(frozenset(m.name for m in dead if m is not machine))
            late = int(rng.expovariate(1 / (5 * SECOND)))
            world.later(late, machine.lifecheck.set_dead, frozenset())
    return True


def vetoes(world: World, rng: Random) -> bool:
    """Ping targets fall silent: for the holder, or for most members at once."""
    holder, only_holder = holder_or_any(world, rng), rng.random() < 0.5
    for machine in world.voters:
        if machine is holder or (not only_holder and rng.random() < 0.7):
            _stand(world, machine, rng, machine.lifecheck.handicap, "targets are silent")
    return True


def priority_lowered(world: World, rng: Random) -> bool:
    """A failing check takes something off a priority."""
    machine = victim(world, rng)
    _stand(world, machine, rng, rng.choice((5, 15, 100)), machine.lifecheck.veto)
    return True


def _stand(world: World, machine: Machine, rng: Random, handicap: int, veto: str) -> None:
    machine.lifecheck.set_standing(handicap, veto)
    late = int(rng.expovariate(1 / (4 * SECOND)))
    world.later(late, machine.lifecheck.set_standing, 0, "")


def lifecheck_gone(world: World, rng: Random) -> bool:
    """The lifecheck process dies, and is back at once or only after a while."""
    machine = victim(world, rng)
    machine.lifecheck.stop()
    world.later(int(rng.expovariate(1 / (2 * SECOND))), machine.lifecheck.start)
    return True


def service_dies(world: World, rng: Random) -> bool:
    """What the escalation hook started is gone; or an old report of that comes late."""
    machine = holder_or_any(world, rng)
    if machine.node is None:
        return False
    epoch = int(machine.node.node.status()["epoch"])
    machine.lifecheck.service_died(max(1, epoch - (rng.random() < 0.2)))
    world.escalation_failed = True
    return True


def uplink_down(world: World, rng: Random) -> bool:
    """The cluster's interface loses its carrier."""
    machine = victim(world, rng)
    cuts.uplink_lost(world, machine, int(rng.choice((0.01, 0.3, 1, 3)) * rng.uniform(5e8, 15e8)))
    return True


def switchover(world: World, rng: Random) -> bool:
    """An operator names the next coordinator, anywhere."""
    target = rng.choice(world.voters).name
    rng.choice(world.voters).command(Command.SWITCHOVER, target)
    return True


def resigns(world: World, rng: Random) -> bool:
    """An operator asks for a switchover to whoever is best."""
    rng.choice(world.voters).command(Command.SWITCHOVER)
    return True


def stop(world: World, rng: Random) -> bool:
    """An operator stops the service and starts it again."""
    machine = victim(world, rng)
    machine.stop_service()
    world.later(SECOND + down_ns(rng), machine.start_service)
    return True


def escalation_fails(world: World, rng: Random) -> bool:
    """The next escalation hooks fail or hang, or the VIP cannot be added."""
    machine = victim(world, rng)
    machine.hook_fails = rng.randint(1, 2)
    world.escalation_failed = True
    return True


# --- changes of configuration


def membership_edit(world: World, rng: Random) -> bool:
    """A rolling edit from 3 to 5 nodes: one node more restarts with the new file and accepts it."""
    if world.is_edited or not world.mix.spare:
        return False
    for machine in world.machines[world.mix.size :]:
        machine.file = world.edited
        machine.power_on()
    machine = rng.choice(world.machines[: world.mix.size])
    machine.file = world.edited
    machine.accept_membership = rng.random() < 0.8
    machine.stop_service()
    world.later(rng.randrange(SECOND, 2 * SECOND), machine.start_service)
    return True


def _roll_timing(world: World, rng: Random, *, growing: bool) -> bool:
    """Another timing, restarted node by node: the holder first, last, or anywhere."""
    profile = "default" if world.mix.profile == "watchdog" else world.mix.profile
    timing = timing_of(profile, has_hook=growing)
    file = replace(world.file, timing=timing, has_hook=growing)
    if file == world.file:
        return False
    voters = sorted(world.voters, key=lambda m: rng.random())
    order = rng.choice((-1, 0, 1))
    voters.sort(key=lambda m: order * m.is_on)
    world.file = file
    world.edited = replace(world.edited, timing=timing, has_hook=growing)
    step = rng.randrange(SECOND, SECOND + 3 * timing.promise_ns)
    for number, machine in enumerate(voters):
        world.later(number * step, _restart_with, world, machine)
    return True


def _restart_with(world: World, machine: Machine) -> None:
    file = replace(world.file, members=machine.file.members)
    if machine.file != file:
        machine.file = file
        machine.stop_service()
        world.later(900 * MS, machine.start_service)


def timing_growing(world: World, rng: Random) -> bool:
    """`hard` and `promise` grow: a de-escalation hook is configured."""
    return _roll_timing(world, rng, growing=True)


def timing_shrinking(world: World, rng: Random) -> bool:
    """`hard` and `promise` shrink: the de-escalation hook goes."""
    return _roll_timing(world, rng, growing=False)
