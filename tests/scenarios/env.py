"""The interpreter of stories: one command a line, `#` for the teller's remarks.

`run_story(text)` plays a story and returns what happened, command by command; an expectation that
fails raises `StoryError` with the line.  The commands are the methods `do_...` below; their
docstrings are their manual.  The world and its constant delays are in `tests/scenarios/world.py`.
"""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from tests.scenarios.gate import Gate
from tests.scenarios.machine import Disk, Machine, Plan
from tests.scenarios.world import World
from watchdog.config.timing import timing_for
from watchdog.core import events as ev
from watchdog.core.settings import Member
from watchdog.guardian import actions as act
from watchdog.instant import MS, SECOND

DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s)$")
SETTLE_NS: Final = 30 * SECOND
SETTLE_STEP_NS: Final = 10 * MS
SETTLE_FIRST_NS: Final = 100 * MS


class StoryError(AssertionError):
    """A command that cannot be done, or an expectation that does not hold."""


def duration_ns(word: str) -> int:
    """`200ms` or `2s` in nanoseconds."""
    match = DURATION.fullmatch(word)
    if match is None:
        raise StoryError(f"{word} is no duration such as 200ms or 2s")
    return round(float(match[1]) * (SECOND if match[2] == "s" else MS))


class Story:
    """One story being told."""

    def __init__(self) -> None:
        self.world = World(timing_for("default", hook=False))
        self._members: tuple[Member, ...] = ()
        self._rid = 0
        self._term = 0

    def tell(self, line: str) -> None:
        """Obey one line."""
        command, *words = line.split()
        do: Callable[..., None] | None = getattr(self, "do_" + command.replace("-", "_"), None)
        if do is None:
            raise StoryError(f"no command {command}")
        do(*words)

    def machine(self, name: str) -> Machine:
        """The machine of that name."""
        if name not in self.world.machines:
            raise StoryError(f"no machine {name}")
        return self.world.machines[name]

    def expect(self, fact: bool, what: str) -> None:
        """Fail the story unless the fact holds."""
        if not fact:
            states = {n: _state(m) for n, m in self.world.machines.items()}
            raise StoryError(f"expected {what}; it is {states}")

    # --- the cast

    def do_profile(self, name: str) -> None:
        """`profile fast`: another row of the timing table; before `nodes`."""
        self.world.timing = timing_for(name, hook=False)

    def do_nodes(self, *names: str) -> None:
        """`nodes 3` or `nodes a b w`: the machines, all in one file, none started."""
        chosen = "abcdefghi"[: int(names[0])] if names[0].isdigit() else names
        for name in chosen:
            self.world.machines[name] = Machine(name, self.world, Plan(()))
        self._file(tuple(Member(n, 1, 0, False, i) for i, n in enumerate(chosen)))

    def _file(self, members: tuple[Member, ...]) -> None:
        self._members = members
        for machine in self.world.machines.values():
            machine.plan = replace(machine.plan, members=members)

    def _change(self, name: str, **fields: Any) -> None:
        self._file(tuple(replace(m, **fields) if m.name == name else m for m in self._members))

    def do_witness(self, name: str) -> None:
        """`witness w`: it votes and never leads."""
        self._change(name, witness=True)

    def do_priority(self, name: str, value: str) -> None:
        """`priority c 5`: preferred to those with less."""
        self._change(name, priority=int(value))

    def do_tie_breaker(self, name: str) -> None:
        """`tie-breaker a`: doubles every weight and adds one to this node's."""
        doubled = (replace(m, weight=2 * m.weight + (m.name == name)) for m in self._members)
        self._file(tuple(doubled))

    def do_vip(self) -> None:
        """`vip`: the nodes know of the VIP and probe it."""
        for machine in self.world.machines.values():
            machine.plan = replace(machine.plan, has_vip=True)

    def do_edit(self, name: str, *members: str) -> None:
        """`edit a a b c d`: the file of one machine has other members from its next start."""
        known = {m.name: m for m in self._members}
        listed = tuple(replace(known[m], order=i) for i, m in enumerate(members))
        machine = self.machine(name)
        machine.plan = replace(machine.plan, members=listed)

    def do_accept(self, name: str) -> None:
        """`accept a`: its next start has --accept-membership."""
        machine = self.machine(name)
        machine.plan = replace(machine.plan, accept=True)

    def do_show(self, *kinds: str) -> None:
        """`show Beacon Grant`: these are told too, from here on."""
        self.world.shown |= set(kinds)

    def do_hide(self, *kinds: str) -> None:
        """`hide Beacon`: the end of `show`."""
        self.world.shown -= set(kinds)

    # --- machines

    def do_start(self, *names: str) -> None:
        """`start` or `start b c`: power on, all or some."""
        for name in names or tuple(self.world.machines):
            self.machine(name).power_on()

    def do_crash(self, name: str) -> None:
        """`crash b`: power off; nobody is told."""
        self.machine(name).power_off()

    def do_kill(self, name: str) -> None:
        """`kill b`: SIGKILL of the node process; its guardian lives."""
        self.machine(name).node_gone(-9)

    def do_stop(self, name: str) -> None:
        """`stop a`: SIGTERM of the service."""
        machine = self.machine(name)
        if machine.guardian is not None:
            machine.to_guardian(act.StopRequested())

    def do_wipe(self, name: str) -> None:
        """`wipe b`: its disk is replaced by an empty one."""
        self.machine(name).disk = Disk()

    def do_rollback(self, name: str) -> None:
        """`rollback b`: the record before the last one is put back."""
        disk = self.machine(name).disk
        disk.record = disk.older

    def do_disk(self, name: str, how: str) -> None:
        """`disk a 300ms`: so slow; `disk a fails`: every write fails from now on."""
        disk = self.machine(name).disk
        disk.fails = how == "fails"
        if not disk.fails:
            disk.delay_ns = duration_ns(how)

    def do_freeze_guardian(self, name: str) -> None:
        """`freeze-guardian a`: it is stopped; the kernel's gate closes at soft by itself."""
        machine = self.machine(name)
        machine.is_silent = True
        if machine.gate is None:
            machine.later(self.world.timing.soft_ns, machine.gate_closes)

    def do_freeze_node(self, name: str) -> None:
        """`freeze-node a`: its node process is stopped; what comes is lost on it."""
        self.machine(name).is_frozen = True

    def do_wake(self, name: str, late_ms: str, stolen_ms: str) -> None:
        """`wake a 1200 900`: what was stopped runs again, late; so much its hypervisor took."""
        self.machine(name).wakes(int(late_ms), int(stolen_ms))

    def do_gate(self) -> None:
        """`gate`: every node has a gate in its kernel, with tickets."""
        for machine in self.world.machines.values():
            machine.gate = Gate(machine)

    def do_guardian_says_off(self, name: str, number: str) -> None:
        """`guardian-says-off a 0`: an OFF with that number, under way from its guardian."""
        machine = self.machine(name)
        machine.guardian_went_off(int(number))

    def do_verdict(self, by: str, about: str, verdict: str) -> None:
        """`verdict b a dead`: the lifecheck of b says so about a."""
        said = ev.LifecheckReported(about, ev.Verdict(verdict), "story")
        self.machine(by).post(said)

    def do_veto(self, name: str, reason: str = "") -> None:
        """`veto a no-gateway`: a check of a would rather see another node lead; alone: it ends."""
        self.machine(name).post(ev.StandingReported(ev.LIFECHECK, 0, reason))

    def do_handicap(self, name: str, by: str) -> None:
        """`handicap a 20`: failing checks take so much off the priority of a."""
        self.machine(name).post(ev.StandingReported(ev.LIFECHECK, int(by), ""))

    def do_service_dies(self, name: str) -> None:
        """`service-dies a`: what its escalation hook started is gone."""
        machine = self.machine(name)
        assert machine.node is not None, f"{name} does not run"
        epoch = max(1, int(machine.node.status()["epoch"]))
        said = ev.LifecheckReported(name, ev.Verdict.DEAD, "service", ev.LIFECHECK, epoch)
        machine.post(said)

    def do_lifecheck_lost(self, name: str) -> None:
        """`lifecheck-lost a`: its lifecheck process is gone, and with it what it said."""
        self.machine(name).post(ev.LifecheckLost(ev.LIFECHECK, "story"))

    def do_uplink(self, name: str, up: str) -> None:
        """`uplink a down`: the kernel says that the carrier is gone."""
        self.machine(name).post(ev.UplinkChanged(up == "up", f"carrier {up}"))

    def do_switchover(self, target: str, at: str = "") -> None:
        """`switchover c` or `switchover c b`: asked for at the coordinator, or at node b."""
        asked = self.machine(at or next(iter(self.world.vip_holders())))
        self._rid += 1
        asked.post(ev.CommandReceived(self._rid, ev.Command.SWITCHOVER, target, "story"))

    def do_form(self, name: str) -> None:
        """`form a`: the operator's word to go without the missing."""
        self._rid += 1
        self.machine(name).post(ev.CommandReceived(self._rid, ev.Command.FORM))

    # --- the network

    def do_partition(self, *words: str) -> None:
        """`partition a | b c`: nothing passes between the sides; `bridge` below for overlaps."""
        sides = [side.split() for side in " ".join(words).split("|")]
        for number, side in enumerate(sides):
            for other in sides[number + 1 :]:
                self.world.cut |= {(x, y) for x in side for y in other}
                self.world.cut |= {(y, x) for x in side for y in other}

    def do_cut(self, one: str, other: str) -> None:
        """`cut a b`: nothing passes between these two, so that a third may bridge them."""
        self.world.cut |= {(one, other), (other, one)}

    def do_heal(self) -> None:
        """`heal`: everything passes again."""
        self.world.cut.clear()
        self.world.dropped.clear()
        self.world.reconnect()

    def do_deliver(self, edge: str, how: str, kind: str = "") -> None:
        """`deliver a->c drop|hold|late|pass [Grant]`: lose, keep back, let go of what was kept.

        `pass` also ends `drop`; `late` does not, so that only the old ones arrive.
        """
        sender, peer = edge.split("->")
        key = (sender, peer, kind)
        if how == "drop":
            self.world.dropped.add(key)
        elif how == "hold":
            self.world.held.setdefault(key, [])
        elif how in {"late", "pass"}:
            self.world.let_go(*key)
            self.world.dropped -= {key} if how == "pass" else set()
        else:
            raise StoryError(f"deliver what: {how}")

    # --- time and expectations

    def do_tick(self, duration: str) -> None:
        """`tick 2s`: let time pass."""
        self.world.heap.run_until(self.world.heap.now_ns + duration_ns(duration))

    def do_settle(self) -> None:
        """`settle`: 100 ms, and on until one node has the VIP and all that it reaches follow it."""
        end = self.world.heap.now_ns + SETTLE_NS
        self.world.heap.run_until(self.world.heap.now_ns + SETTLE_FIRST_NS)
        while self.world.heap.now_ns < end:
            if self._is_settled():
                return
            self.world.heap.run_until(self.world.heap.now_ns + SETTLE_STEP_NS)
        self.expect(False, "one coordinator that everybody follows")

    def _running(self) -> dict[str, Machine]:
        return {n: m for n, m in self.world.machines.items() if m.node is not None}

    def _is_settled(self) -> bool:
        holders = self.world.vip_holders()
        if len(holders) != 1:
            return False
        (leader,) = holders
        return all(
            _says(m) == (leader, "COORDINATOR" if n == leader else "STANDBY")
            for n, m in self._running().items()
            if (n, leader) not in self.world.cut
        )

    def do_expect_one_coordinator(self, name: str = "") -> None:
        """`expect-one-coordinator [a]`: exactly one has the VIP and says COORDINATOR."""
        holders = self.world.vip_holders()
        self.expect(
            len(holders) == 1 and (not name or holders == {name}), f"one coordinator {name}"
        )
        leading = {n for n, m in self._running().items() if _state(m) == "COORDINATOR"}
        self.expect(leading == holders, "the holder of the VIP to be the only coordinator")
        term = max(m.node._parts.ledger.term for m in self._running().values() if m.node)
        self.expect(term >= self._term, "the term never to fall")
        self._term = term

    def do_expect_no_coordinator(self) -> None:
        """`expect-no-coordinator`: the VIP is nowhere."""
        self.expect(not self.world.vip_holders(), "no coordinator")

    def do_expect(self, name: str, state: str) -> None:
        """`expect b STANDBY`: or `off` for a machine without a node process."""
        self.expect(_state(self.machine(name)) == state, f"{name} {state}")

    def do_expect_alarm(self, name: str, alarm: str) -> None:
        """`expect-alarm a SPLIT_BRAIN`: it stands in the status of that node."""
        node = self.machine(name).node
        alarms = [] if node is None else [a for a, _ in node.status()["alarms"]]
        self.expect(alarm in alarms, f"the alarm {alarm} at {name} (there: {alarms})")

    def do_expect_epoch(self, name: str, relation: str) -> None:
        """`expect-epoch a same|higher`: against the last `expect-epoch` of the story."""
        node = self.machine(name).node
        assert node is not None
        epoch, last = int(node.status()["epoch"]), getattr(self, "_epoch", 0)
        fits = epoch == last if relation == "same" else epoch > last
        self.expect(fits, f"an epoch {relation} than {last}, it is {epoch}")
        self._epoch = epoch


def _state(machine: Machine) -> str:
    return "off" if machine.node is None else machine.node.state.value


def _says(machine: Machine) -> tuple[object, object]:
    node = machine.node
    assert node is not None
    status = node.status()
    return status["coordinator"], status["state"]


def run_story(text: str) -> str:
    """Play a story; everything that was said, under the commands that caused it."""
    story, told = Story(), []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].strip()
        told.append(f"> {line}" if line.strip() else ">")
        if words:
            try:
                story.tell(words)
            except AssertionError as error:
                said = "\n".join(story.world.said[-30:])
                raise StoryError(f"line {number}: {words}: {error}\n{said}") from error
        told += story.world.said
        story.world.said.clear()
    return "\n".join(told) + "\n"
