"""What can go wrong with machines, disks, clocks and by operators; the network is in `cuts`.

Each fault is a function (world, rng) that returns whether it happened; its name is its key in
`FAULTS`.  A fault ends by itself, or by `World.heal`.  Half of them seek the holder of the VIP.
"""

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any, Final

from tests.simulation import cuts
from tests.simulation.files import FOREIGN_CLUSTER_ID
from tests.simulation.kinds import KINDS
from tests.simulation.machine import Machine
from tests.simulation.mix import timing_of
from watchdog import slots
from watchdog.core.events import Command
from watchdog.instant import MS, SECOND

World = Any
"""tests.simulation.world.World, which imports this module."""
Fault = Callable[[World, Random], bool]
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


# --- processes and power


def node_crash(world: World, rng: Random) -> bool:
    """SIGKILL the node process."""
    machine = victim(world, rng)
    machine.kill_node()
    return True


def guardian_crash(world: World, rng: Random) -> bool:
    """SIGKILL the guardian."""
    victim(world, rng).crash_guardian()
    return True


def both_crash(world: World, rng: Random) -> bool:
    """SIGKILL both at once."""
    machine = victim(world, rng)
    machine.kill_node()
    machine.crash_guardian()
    return True


def cycle_power(world: World, machine: Machine, down: int) -> None:
    """Take the power away and give it back."""
    machine.lose_power()
    world.heap.after(down, machine.power_on)


def power_loss(world: World, rng: Random) -> bool:
    """The power goes, and comes back."""
    cycle_power(world, victim(world, rng), down_ns(rng))
    return True


def node_freeze(world: World, rng: Random) -> bool:
    """SIGSTOP the node process."""
    machine = victim(world, rng)
    if machine.node is not None:
        machine.node.freeze(freeze_ns(world, rng))
    return machine.node is not None


def guardian_freeze(world: World, rng: Random) -> bool:
    """SIGSTOP the guardian."""
    machine = victim(world, rng)
    if machine.guardian is not None:
        machine.guardian.freeze(freeze_ns(world, rng))
    return machine.guardian is not None


def freeze_both(world: World, rng: Random) -> bool:
    """All of user space stands still, the kernel does not."""
    machine = victim(world, rng)
    duration = freeze_ns(world, rng)
    if machine.guardian is not None:
        machine.guardian.freeze(duration)
    if machine.node is not None:
        machine.node.freeze(duration)
    return machine.guardian is not None


def freeze_at_act(world: World, rng: Random) -> bool:
    """SIGSTOP the guardian exactly between its decision to go on and the act."""
    machine = rng.choice(world.voters)
    if machine.guardian is not None:
        machine.guardian.freeze_at_act = freeze_ns(world, rng)
    return machine.guardian is not None


def freeze_and_cut(world: World, rng: Random) -> bool:
    """Guardian stopped, then its node, then the network: old grants wait for the guardian."""
    machine = holder_or_any(world, rng)
    if machine.guardian is None or machine.node is None:
        return False
    promise = world.mix.timing.promise_ns
    duration = int(rng.uniform(0.2, 0.7) * promise)
    machine.guardian.freeze(duration)
    world.heap.after(rng.randrange(duration), machine.node.freeze, min(4 * promise, FREEZE_MAX_NS))
    if rng.random() < 0.7:
        world.heap.after(duration, world.network.isolate, machine.index)
    return True


def freeze_while_resigning(world: World, rng: Random) -> bool:
    """The guardian stops just when its node resigns."""
    machine = holder_or_any(world, rng)
    if machine.guardian is None:
        return False
    target = rng.choice([None, *(m.name for m in world.voters)])
    machine.command(Command.SWITCHOVER, target)
    duration = int(rng.uniform(0.05, 0.6) * world.mix.timing.promise_ns)
    world.heap.after(rng.randrange(3 * MS), machine.guardian.freeze, duration)
    return True


# --- state


def wipe(world: World, machine: Machine, rng: Random) -> None:
    """The disk is replaced while the machine is off; often the guardian's file is on it too."""
    world.stage.watch.tell(world.stage.watch.state_gone, machine, "lost")
    machine.disk.node_file.wipe()
    if rng.random() < 2 / 3:
        machine.disk.guardian_file.wipe()


def state_lost(world: World, rng: Random) -> bool:
    """Power loss, and a blank disk afterwards."""
    machine = victim(world, rng)
    cycle_power(world, machine, down_ns(rng))
    wipe(world, machine, rng)
    return True


def old_copy(world: World, rng: Random) -> bool:
    """Somebody puts an older copy of the state back."""
    machine = victim(world, rng)
    file = machine.disk.node_file
    if not file.history:
        return False
    cycle_power(world, machine, down_ns(rng))
    world.stage.watch.tell(world.stage.watch.state_gone, machine, "old copy")
    file.data = rng.choice(file.history)
    return True


def state_corrupt(world: World, rng: Random) -> bool:
    """Rot in one slot or both, or the disk of another cluster."""
    machine = victim(world, rng)
    cycle_power(world, machine, down_ns(rng))
    world.stage.watch.tell(world.stage.watch.state_gone, machine, "corrupt")
    for slot in rng.choice(((0,), (1,), (0, 1))):
        machine.disk.node_file.flip(rng, slots.offset(slot), 160)
    return True


def majority_wiped(world: World, rng: Random) -> bool:
    """Within 0.4 s most machines lose their disks, while the holder is cut off."""
    voters: list[Machine] = world.voters
    holder = holder_or_any(world, rng)
    others = [m for m in voters if m is not holder]
    chosen = others if rng.random() < 0.7 else rng.sample(voters, len(voters) // 2 + 1)
    for machine in chosen:
        world.heap.after(rng.randrange(400 * MS), _wipe_now, world, machine, rng)
    if rng.random() < 0.7:
        world.network.isolate(holder.index)
    return True


def _wipe_now(world: World, machine: Machine, rng: Random) -> None:
    cycle_power(world, machine, rng.randrange(50 * MS, 400 * MS))
    wipe(world, machine, rng)


def fsync_delay(world: World, rng: Random) -> bool:
    """A disk that takes 50 ms to 2 s for each sync."""
    machine = victim(world, rng)
    machine.disk.is_slow = True
    world.heap.after(int(rng.expovariate(1 / (8 * SECOND))), setattr, machine.disk, "is_slow", False)
    return True


def fsync_error(world: World, rng: Random) -> bool:
    """A disk whose sync fails."""
    machine = victim(world, rng)
    machine.disk.fails = True
    world.heap.after(int(rng.expovariate(1 / (4 * SECOND))), setattr, machine.disk, "fails", False)
    return True


# --- clocks


def wall_stepped(world: World, rng: Random) -> bool:
    """A wall clock is set wrong; the next process reads it."""
    machine = rng.choice(world.voters)
    world.stage.wall_offsets_ms[machine.index] = rng.randint(-15_000, 15_000)
    return True


def clock_drift(world: World, rng: Random) -> bool:
    """Both clocks change their rates within rho; BOOTTIME may be slewed by 8 % for a while."""
    machine = victim(world, rng)
    if machine.kernel.suspended:
        return False
    rates = [rng.choice((-10_000, 10_000, rng.randint(-10_000, 10_000))) for _ in range(2)]
    if rng.random() < 0.3:
        rates[0] = rng.choice((-80_000, 80_000))
    machine.clock.set_rates(world.heap.now, *rates)
    return True


def suspend(world: World, rng: Random) -> bool:
    """Suspend to RAM: RAW stops, BOOTTIME does not."""
    machine = victim(world, rng)
    if not machine.power or machine.kernel.suspended:
        return False
    machine.suspend()
    world.network.isolate(machine.index)
    world.heap.after(freeze_ns(world, rng), _resume, world, machine)
    return True


def _resume(world: World, machine: Machine) -> None:
    if machine.kernel.suspended:
        world.network.restore(machine.index)
        machine.resume()


# --- lifecheck, uplink, operators


def health_flap(world: World, rng: Random) -> bool:
    """Lifecheck calls the node itself dead, and alive again."""
    machine = victim(world, rng)
    machine.set_health(healthy=False)
    late = int(rng.expovariate(1 / (4 * SECOND)))
    world.heap.after(late, lambda: machine.set_health(healthy=True))
    return True


def verdicts(world: World, rng: Random) -> bool:
    """Lifechecks call members dead: the holder, or everybody but themselves."""
    voters: list[Machine] = world.voters
    holder = holder_or_any(world, rng)
    only_holder = rng.random() < 0.6
    for machine in voters:
        if rng.random() < 0.8:
            dead = [holder] if only_holder else [m for m in voters if m is not machine]
            machine.set_verdicts(frozenset(m.name for m in dead if m is not machine))
            late = int(rng.expovariate(1 / (5 * SECOND)))
            world.heap.after(late, machine.set_verdicts, frozenset())
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


def resign(world: World, rng: Random) -> bool:
    """An operator asks for a switchover to whoever is best."""
    rng.choice(world.voters).command(Command.SWITCHOVER)
    return True


def stop(world: World, rng: Random) -> bool:
    """An operator stops the service and starts it again."""
    machine = victim(world, rng)
    machine.stop_service()
    world.heap.after(SECOND + down_ns(rng), machine.start_service)
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
    world.heap.after(rng.randrange(SECOND, 2 * SECOND), machine.start_service)
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
        world.heap.after(number * step, _restart_with, world, machine)
    return True


def _restart_with(world: World, machine: Machine) -> None:
    file = replace(world.file, members=machine.file.members)
    if machine.file != file:
        machine.file = file
        machine.stop_service()
        world.heap.after(900 * MS, machine.start_service)


def timing_growing(world: World, rng: Random) -> bool:
    """`hard` and `promise` grow: a de-escalation hook is configured."""
    return _roll_timing(world, rng, growing=True)


def timing_shrinking(world: World, rng: Random) -> bool:
    """`hard` and `promise` shrink: the de-escalation hook goes."""
    return _roll_timing(world, rng, growing=False)


_ALL: Final[tuple[Fault, ...]] = (
    node_crash,
    guardian_crash,
    both_crash,
    power_loss,
    node_freeze,
    guardian_freeze,
    freeze_both,
    freeze_at_act,
    freeze_and_cut,
    freeze_while_resigning,
    state_lost,
    old_copy,
    state_corrupt,
    majority_wiped,
    cuts.loss,
    cuts.duplication,
    cuts.reordering,
    cuts.delay,
    cuts.late_grants,
    cuts.one_way,
    cuts.symmetric,
    cuts.bridge,
    cuts.ring,
    cuts.random_cuts,
    wall_stepped,
    membership_edit,
    timing_growing,
    timing_shrinking,
    fsync_delay,
    fsync_error,
    clock_drift,
    suspend,
    health_flap,
    verdicts,
    uplink_down,
    cuts.hangs_on_one,
    switchover,
    resign,
    stop,
    escalation_fails,
)
FAULTS: Final[dict[str, Fault]] = dict(zip(KINDS, _ALL, strict=True))
