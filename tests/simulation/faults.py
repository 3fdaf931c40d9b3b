"""What can go wrong with machines, disks and clocks; the rest is in `cuts` and `orders`.

Each fault is a function (world, rng) that returns whether it happened; its name is its key in
`FAULTS`.  A fault ends by itself, or by `World.heal`.  Half of them seek the holder of the VIP.
"""

from collections.abc import Callable
from random import Random
from typing import Any, Final

from tests.simulation import cuts, orders
from tests.simulation.kinds import KINDS
from tests.simulation.machine import Machine
from tests.simulation.victims import (
    FREEZE_MAX_NS,
    down_ns,
    freeze_ns,
    holder_or_any,
    victim,
)
from watchdog import slots
from watchdog.core.events import Command
from watchdog.instant import MS, SECOND

World = Any
"""tests.simulation.world.World, which imports this module."""
Fault = Callable[[World, Random], bool]


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
    world.later(down, machine.power_on)


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


def freeze_everything(world: World, rng: Random) -> bool:
    """All processes of a node stand still, its sentinel too: only the gate is left."""
    machine = victim(world, rng)
    if not machine.kernel.has_gate or machine.guardian is None:
        return False
    duration = freeze_ns(world, rng)
    for process in (machine.guardian, machine.node, machine.sentinel):
        if process is not None:
            process.freeze(duration)
    return True


def sentinel_crash(world: World, rng: Random) -> bool:
    """SIGKILL the sentinel; where there is a gate, also of a frozen guardian, or with it."""
    machine = victim(world, rng)
    is_alone = machine.guardian is None or machine.guardian.frozen
    if machine.sentinel is None or (is_alone and not machine.kernel.has_gate):
        return False
    machine.crash_sentinel()
    if machine.kernel.has_gate and rng.random() < 0.3:
        machine.crash_guardian()
    return True


def rules_flushed(world: World, rng: Random) -> bool:
    """`nft flush ruleset`: the gate is gone, while those who would make it anew are awake."""
    machine = victim(world, rng)
    guards = (machine.guardian, machine.sentinel)
    if not machine.kernel.has_gate or any(g is None or g.frozen for g in guards):
        return False
    machine.kernel.flush_rules()
    world.stage.watch.tell(world.stage.watch.held, machine)
    return True


def rules_reloaded(world: World, rng: Random) -> bool:
    """Thousands of foreign rules are reloaded again and again, which holds every call."""
    machine = victim(world, rng)
    machine.is_nft_busy = True
    world.later(int(rng.expovariate(1 / (4 * SECOND))), setattr, machine, "is_nft_busy", False)
    return bool(machine.is_gated)


def vip_removed(world: World, rng: Random) -> bool:
    """Somebody removes the address of the holder."""
    machine = holder_or_any(world, rng)
    was_here = machine.kernel.has_vip
    machine.kernel.remove_vip()
    return bool(was_here)


def freeze_at_act(world: World, rng: Random) -> bool:
    """SIGSTOP the guardian exactly between its decision to go on and the act.

    Only with a gate: without one the address that is added so late is there until it is looked at.
    """
    machine = rng.choice(world.voters)
    if machine.guardian is None or not machine.is_gated:
        return False
    machine.guardian.freeze_at_act = freeze_ns(world, rng)
    return True


def freeze_and_cut(world: World, rng: Random) -> bool:
    """Guardian stopped, then its node, then the network: old grants wait for the guardian."""
    machine = holder_or_any(world, rng)
    if machine.guardian is None or machine.node is None:
        return False
    promise = world.mix.timing.promise_ns
    duration = int(rng.uniform(0.2, 0.7) * promise)
    machine.guardian.freeze(duration)
    world.later(rng.randrange(duration), machine.node.freeze, min(4 * promise, FREEZE_MAX_NS))
    if rng.random() < 0.7:
        world.later(duration, world.network.isolate, machine.index)
    return True


def freeze_while_resigning(world: World, rng: Random) -> bool:
    """The guardian stops just when its node resigns."""
    machine = holder_or_any(world, rng)
    if machine.guardian is None:
        return False
    target = rng.choice([None, *(m.name for m in world.voters)])
    machine.command(Command.SWITCHOVER, target)
    duration = int(rng.uniform(0.05, 0.6) * world.mix.timing.promise_ns)
    world.later(rng.randrange(3 * MS), machine.guardian.freeze, duration)
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
        if rng.random() < 0.3:
            machine.disk.guardian_file.flip(rng, slots.offset(slot), 120)
    return True


def majority_wiped(world: World, rng: Random) -> bool:
    """Within 0.4 s most machines lose their disks, while the holder is cut off."""
    voters: list[Machine] = world.voters
    holder = holder_or_any(world, rng)
    others = [m for m in voters if m is not holder]
    chosen = others if rng.random() < 0.7 else rng.sample(voters, len(voters) // 2 + 1)
    for machine in chosen:
        world.later(rng.randrange(400 * MS), _wipe_now, world, machine, rng)
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
    world.later(int(rng.expovariate(1 / (8 * SECOND))), setattr, machine.disk, "is_slow", False)
    return True


def fsync_error(world: World, rng: Random) -> bool:
    """A disk whose sync fails."""
    machine = victim(world, rng)
    machine.disk.fails = True
    world.later(int(rng.expovariate(1 / (4 * SECOND))), setattr, machine.disk, "fails", False)
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
    world.later(freeze_ns(world, rng), _resume, world, machine)
    return True


def _resume(world: World, machine: Machine) -> None:
    if machine.kernel.suspended:
        world.network.restore(machine.index)
        machine.resume()


_ALL: Final[tuple[Fault, ...]] = (
    node_crash,
    guardian_crash,
    both_crash,
    power_loss,
    node_freeze,
    guardian_freeze,
    freeze_both,
    freeze_everything,
    sentinel_crash,
    rules_flushed,
    rules_reloaded,
    vip_removed,
    freeze_at_act,
    freeze_and_cut,
    freeze_while_resigning,
    state_lost,
    old_copy,
    state_corrupt,
    majority_wiped,
    cuts.loss,
    cuts.long_loss,
    cuts.tcp_stalled,
    cuts.udp_blocked,
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
    orders.membership_edit,
    orders.timing_growing,
    orders.timing_shrinking,
    fsync_delay,
    fsync_error,
    clock_drift,
    suspend,
    orders.health_flap,
    orders.verdicts,
    orders.vetoes,
    orders.priority_lowered,
    orders.lifecheck_gone,
    orders.service_dies,
    orders.uplink_down,
    cuts.hangs_on_one,
    orders.switchover,
    orders.resigns,
    orders.stop,
    orders.escalation_fails,
)
FAULTS: Final[dict[str, Fault]] = dict(zip(KINDS, _ALL, strict=True))
