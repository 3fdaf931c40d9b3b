"""Schedules too rare for dice: each is a story that the shipped code must survive on every seed.

Some exist because a planted bug hides from the random mix: terms, order or a second line of defence
mask it there (election.md 12).  A story may use an adversary stronger than the real world (a node
process gone mad, a packet that comes late), because the code says that it survives these too.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from tests.simulation.machine import Machine
from tests.simulation.mix import draw, timing_of
from tests.simulation.node_process import NodeProcess
from tests.simulation.stage import Violation
from tests.simulation.world import World, liveness_bound
from watchdog import guardian_protocol as protocol
from watchdog.core import events
from watchdog.core.events import Command
from watchdog.core.messages import Grant, Release, Tenure, Vote
from watchdog.instant import MS, SECOND

Story = Callable[[World], None]
STEP_NS: Final = 5 * MS


def quiet_world(seed: int, *, profile: str = "default", topology: str = "3") -> World:
    """A cluster in which nothing happens by itself."""
    mix = draw(seed, profile=profile, topology=topology)
    mix = replace(
        mix, kinds=("membership edit",), failback=False, escalation_hook=False, wall_spread_ms=0
    )
    return World(mix)


def led(world: World) -> Machine:
    """The machine that serves, once there is one."""
    bound = liveness_bound(world.mix.timing, escalation_failed=False)
    for _ in range(bound // STEP_NS):
        if world.holder is not None:
            return world.holder
        world.advance(STEP_NS)
    raise Violation("progress after healing", "nobody serves at the start of a story")


def others_than(world: World, machine: Machine) -> list[Machine]:
    """Every other voter."""
    return [m for m in world.voters if m is not machine]


def unopened_rounds(world: World) -> None:
    """A node process gone mad sends EXTEND for rounds that it never opened, while cut off."""
    holder = led(world)
    world.advance(SECOND)
    node, guardian = holder.node, holder.guardian
    assert node is not None
    assert guardian is not None
    claims: list[protocol.Escalate | protocol.Extend] = []
    world.stage.watch.accepted.append(lambda _, claim: claims.append(claim))
    world.advance(SECOND)
    last = claims[-1]
    world.network.isolate(holder.index)
    node.frozen = True
    for number in range(600):
        now = holder.clock.read(world.heap.now)
        mad = protocol.Extend(
            last.n + 1 + number, last.no, last.epoch, last.round + 1 + number, now
        )
        guardian.packet(node, mad)
        world.advance(STEP_NS)


def stale_off(world: World) -> None:
    """An OFF that answers something older arrives just after ESCALATE; then the node resigns."""
    writes: list[tuple[NodeProcess, int]] = []
    world.stage.watch.claimed.append(lambda process, n: writes.append((process, n)))
    holder = led(world)
    world.advance(SECOND)
    holder.command(Command.SWITCHOVER)
    seen = len(writes)
    for _ in range(2000):
        world.advance(STEP_NS // 10)
        if len(writes) > seen:
            break
    process, n = writes[-1]
    process.post(events.Off(n - 1))
    world.advance(20 * MS)
    process.post(events.CommandReceived(2, Command.SWITCHOVER))
    world.advance(SECOND)


def vote_asked_too_late(world: World) -> None:
    """A VOTE was under way for so long that its receivers follow somebody else by now."""
    holder = led(world)
    world.advance(SECOND)
    candidate, voter = others_than(world, holder)
    asking, asked = candidate.node, voter.node
    assert asking is not None
    assert asked is not None
    vote = Vote(
        term=max(m.durable.term for m in world.voters if m.durable) + 1,
        tenure=Tenure(candidate.name, asking.inc, 1000),
        round=1,
        sent=candidate.clock.read(world.heap.now),
        hard_ms=world.mix.timing.hard_ms,
        digest=asking.settings.digest,
    )
    asked.post(events.MessageReceived(candidate.name, asking.inc, vote))
    world.advance(SECOND)


def old_release(world: World) -> None:
    """A copy of the RELEASE of an older tenure comes late, when its node leads again, cut off."""
    releases: list[Release] = []
    world.stage.watch.sent.setdefault(Release, []).append(
        lambda process, _, release: releases.append(release)
    )
    holder = led(world)
    for other in others_than(world, holder):
        other.lifecheck.set_health(healthy=False)
    world.advance(SECOND)
    holder.lifecheck.set_health(healthy=False)
    world.advance(500 * MS)
    holder.lifecheck.set_health(healthy=True)
    assert led(world) is holder
    assert releases
    for other in others_than(world, holder):
        other.lifecheck.set_health(healthy=True)
    world.advance(3 * SECOND)
    old, node = releases[0], holder.node
    assert node is not None
    world.network.isolate(holder.index)
    for other in others_than(world, holder):
        if other.node is not None:
            other.node.post(events.MessageReceived(holder.name, node.inc, old))
    world.advance(2 * SECOND)


def grants_to_an_older_incarnation(world: World) -> None:
    """Grants for a dead process of a node reach its next one, which alone may lead."""
    holder = led(world)
    ghosts: list[tuple[str, Grant]] = []
    candidacy: list[NodeProcess] = []
    watch = world.stage.watch
    watch.sent.setdefault(Grant, []).append(
        lambda process, _, grant: ghosts.append((process.name, grant))
    )
    world.advance(2 * SECOND)
    for other in others_than(world, holder):
        other.lifecheck.set_health(healthy=False)
    old = [(name, replace(g, round=2 + i // 2)) for i, (name, g) in enumerate(ghosts[:8])]
    holder.kill_node()
    watch.changed_state.append(
        lambda process, change: candidacy.append(process) if change.new == "COORDINATOR" else None
    )
    for _ in range(1000):
        world.advance(STEP_NS)
        if candidacy:
            break
    world.network.isolate(holder.index)
    for _ in range(40):
        node = holder.node
        if node is not None:
            for name, grant in old:
                inc = next(m for m in world.machines if m.name == name).node
                if inc is not None:
                    node.post(events.MessageReceived(name, inc.inc, grant))
        world.advance(STEP_NS)


def trouble_keeps_the_promise(world: World) -> None:
    """The one voter of a cut-off holder loses its uplink; its RAW is slow, so it still owes."""
    holder = led(world)
    world.advance(SECOND)
    one, other = others_than(world, holder)
    if one.index < other.index:
        one, other = other, one
    one.clock.set_rates(world.heap.now, 100_000, -10_000)
    for a, b in ((holder, other), (other, holder)):
        world.network.up[a.index][b.index] = False
    timing = world.mix.timing
    world.advance(2 * timing.promise_ns + world.rng.randrange(timing.beacon_ns))
    one.set_uplink(up=False)
    for _ in range(2 * timing.reach_ns // STEP_NS):
        world.advance(STEP_NS)
        if one.node is not None and one.node.is_in_trouble:
            break
    world.network.isolate(holder.index)
    one.set_uplink(up=True)
    world.advance(2 * timing.promise_ns)


def edit_met_by_an_old_member(world: World) -> None:
    """Two of three accept the list of five; the third, with the old list, hears their leader."""
    led(world)
    first = world.machines[world.rng.randrange(3)]
    for machine in world.machines:
        if machine is not first:
            machine.file = world.edited
            machine.accept_membership = True
            if machine.index < world.mix.size:
                machine.crash_guardian()
            machine.power_on()
    world.advance(10 * SECOND + 6 * world.mix.timing.promise_ns)


def edit_with_a_cut(world: World) -> None:
    """One of three accepts the list of five, and is cut off with the new ones from the others."""
    holder = led(world)
    mover = others_than(world, holder)[world.rng.randrange(2)]
    mover.file = world.edited
    mover.accept_membership = True
    mover.crash_guardian()
    for machine in world.machines[world.mix.size :]:
        machine.file = world.edited
        machine.power_on()
    new = {mover.index, *range(world.mix.size, len(world.machines))}
    size = len(world.machines)
    world.network.cut(
        [(a, b) for a in range(size) for b in range(size) if (a in new) != (b in new)]
    )
    world.advance(20 * SECOND)


def _longer_promise(world: World, *, wipe: bool) -> None:
    """A voter serves a holder with a longer `hard`, forgets it, and is asked by another."""
    holder = led(world)
    target, voter = others_than(world, holder)
    longer = replace(world.file, timing=timing_of("watchdog", has_hook=True), has_hook=True)
    for machine in (target, voter):
        machine.file = longer
        machine.crash_guardian()
        world.advance(8 * SECOND)
    world.machines[holder.index].command(Command.SWITCHOVER, target.name)
    world.advance(8 * SECOND)
    voter.lose_power()
    voter.file = world.file
    if wipe:
        voter.disk.node_file.wipe()
    world.network.isolate(target.index)
    world.heap.after(20 * MS, voter.power_on)
    world.advance(6 * SECOND)


def longer_promise_restart(world: World) -> None:
    """A promise longer than the next process would sit out for, then a restart."""
    _longer_promise(world, wipe=False)


def longer_promise_lost_disk(world: World) -> None:
    """The same, and the disk is lost too: the others remember the length."""
    _longer_promise(world, wipe=True)


def late_grants(world: World) -> None:
    """The last grants arrive late, then nothing does."""
    holder = led(world)
    world.advance(SECOND + world.rng.randrange(SECOND))
    world.network.stall = 0.7
    world.advance(world.rng.randrange(60 * MS, 240 * MS))
    world.network.isolate(holder.index)
    world.network.stall = 0.0
    world.advance(4 * SECOND)


def everything_loses_power(world: World) -> None:
    """A full power cut: a holder again soon after the second start, also with one dead."""
    led(world)
    for machine in world.voters:
        machine.lose_power()
    for machine in world.voters[1:]:
        world.heap.after(world.rng.randrange(SECOND), machine.power_on)
    world.advance(SECOND)
    limit = SECOND + 2 * world.mix.timing.promise_ns
    world.advance(limit)
    if world.holder is None:
        raise Violation("progress after healing", "nobody serves after a full power cut")


def followers_lose_their_disks(world: World) -> None:
    """Both followers are replaced at once, while the holder is cut off."""
    holder = led(world)
    world.network.isolate(holder.index)
    for machine in others_than(world, holder):
        machine.lose_power()
        machine.disk.node_file.wipe()
        machine.disk.guardian_file.wipe()
        world.heap.after(world.rng.randrange(400 * MS), machine.power_on)
    world.advance(5 * SECOND)
    world.network.heal()
    world.expect_progress()


def switchover_moves_it(world: World) -> None:
    """A named switchover moves the VIP, at once, to the named node."""
    holder = led(world)
    world.advance(2 * SECOND)
    target = others_than(world, holder)[world.rng.randrange(2)]
    holder.command(Command.SWITCHOVER, target.name)
    world.advance(200 * MS)
    if world.holder is not target:
        where = world.holder.name if world.holder else "nowhere"
        raise Violation("switchover", f"from {holder.name} to {target.name}: it is {where}")


STORIES: Final[dict[str, tuple[Story, str, str]]] = {
    "unopened rounds": (unopened_rounds, "default", "3"),
    "stale off": (stale_off, "default", "3"),
    "a vote asked too late": (vote_asked_too_late, "default", "3"),
    "an old release": (old_release, "default", "3"),
    "grants to an older incarnation": (grants_to_an_older_incarnation, "default", "3"),
    "trouble keeps the promise": (trouble_keeps_the_promise, "wan", "3"),
    "edit met by an old member": (edit_met_by_an_old_member, "default", "3"),
    "edit with a cut": (edit_with_a_cut, "default", "3"),
    "longer promise, restart": (longer_promise_restart, "default", "3"),
    "longer promise, lost disk": (longer_promise_lost_disk, "default", "3"),
    "late grants, then silence": (late_grants, "default", "3"),
    "everything loses power": (everything_loses_power, "default", "3"),
    "followers lose their disks": (followers_lose_their_disks, "default", "3"),
    "switchover moves it": (switchover_moves_it, "fast", "3"),
}
"""Name: (story, profile, topology)."""


def tell(name: str, seed: int) -> Violation | None:
    """Run one story on one seed; its violation, if it shows one."""
    story, profile, topology = STORIES[name]
    world = quiet_world(seed, profile=profile, topology=topology)
    try:
        story(world)
    except Violation as violation:
        return violation
    return None
