"""One guardian process: the shipped `Deadline`, with the simulator's kernel, hooks and disk.

Rule: nothing is decided here.  Actions are performed in order, and each answer is a step of its own
with the clock read after the act.  A process may be frozen (inputs wait; also exactly between a
decision and its act), late (its timer, up to `slack`), or dead.  Its gate is in `gate_thread`.
"""

import struct
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol, assert_never

from tests.simulation.files import CLUSTER_ID
from tests.simulation.gate_thread import GateThread
from tests.simulation.kernel import Kernel
from tests.simulation.node_process import GUARD_DELAY_NS, NodeProcess
from tests.simulation.sentinel_process import SentinelProcess
from tests.simulation.stage import Host
from watchdog import guardian_protocol as protocol
from watchdog import slots
from watchdog.guardian import actions as act
from watchdog.guardian.deadline import Deadline
from watchdog.guardian.phase import Phase
from watchdog.guardian.policy import Policy
from watchdog.instant import MS

LEDGER: Final = struct.Struct(">Q?")


class GuardianHost(Host, Protocol):
    """The machine, as its guardian sees it."""

    kernel: Kernel
    node: NodeProcess | None
    sentinel: SentinelProcess | None
    is_nft_busy: bool
    is_gated: bool

    def start_node(self) -> None:
        """Spawn a node process."""

    def kill_node(self) -> None:
        """SIGKILL the node process."""

    def terminate_node(self) -> None:
        """SIGTERM the node process."""

    def send_will(self, inc: bytes) -> None:
        """Send a will to every peer."""

    def guardian_ended(self, code: int) -> None:
        """The guardian has exited."""

    def hook_time(self, action: act.StartHook) -> tuple[int, bool]:
        """How long a hook will run, and whether it succeeds."""

    def vips_added(self) -> bool:
        """Whether adding the addresses works."""

    def hears_vip(self) -> bool:
        """Whether another machine answers for the VIP."""


class GuardianProcess:
    """The main process of a machine."""

    def __init__(self, machine: GuardianHost, policy: Policy) -> None:
        self.machine = machine
        self.stage = machine.stage
        self.alive = True
        self.frozen = False
        self.freeze_at_act = 0
        """How long to be frozen between the next decision to go on or stay on and its act."""
        self._policy = policy
        loaded = slots.choose(machine.disk.guardian_file.data, CLUSTER_ID, machine.name)
        self._slot = loaded.next_slot
        self._seq = loaded.seq
        self._is_sound = loaded.fault is not slots.Fault.DAMAGED
        ledger = act.Ledger(0, False)
        if loaded.payload is not None:
            ledger = act.Ledger(*LEDGER.unpack(loaded.payload))
        if not self._is_sound:
            ledger = act.Ledger(ledger.last_epoch, True)
        now = machine.clock.read(self.stage.heap.now)
        self.deadline = Deadline(policy, ledger, now)
        self._inputs: deque[Callable[[], None]] = deque()
        self._wake = -1
        self._answered = 0
        self._claim: protocol.Escalate | None = None
        self._hook = 0
        self._was_on = False
        self.gate = GateThread(self)

    def begin(self) -> None:
        """The locks are held; what an earlier guardian left counts by the gate until it is gone."""
        self.machine.kernel.exempt = True
        self.post(act.Started())
        self.machine.kernel.exempt &= self.is_on

    @property
    def is_on(self) -> bool:
        """The guardian's own view of whether anything may be on."""
        return self.deadline.is_on

    # --- inputs

    def packet(self, process: NodeProcess, packet: protocol.ToGuardian) -> None:
        """A packet of the node process, unless it is no longer the one at the other end."""
        if process is not self.machine.node:
            return
        self._when_running(lambda: self._take_packet(process, packet))

    def _take_packet(self, process: NodeProcess, packet: protocol.ToGuardian) -> None:
        if process is not self.machine.node:
            return
        if type(packet) is protocol.Escalate:
            self._claim = packet
        elif type(packet) is protocol.ArmWill and self.machine.sentinel is not None:
            self.machine.sentinel.will = packet.datagram
        self._step(act.FromNode(packet), packet)

    def post(self, event: act.Input) -> None:
        """Let something happen to the guardian, now or when it runs again."""
        self._when_running(lambda: self._step(event))

    def _when_running(self, do: Callable[[], None]) -> None:
        if not self.alive:
            return
        if self.frozen:
            self._inputs.append(do)
        else:
            do()

    def freeze(self, duration: int) -> None:
        """SIGSTOP, and SIGCONT later."""
        if self.alive and not self.frozen:
            self.frozen = True
            self.machine.kernel.exempt = True
            self.stage.heap.after(duration, self.thaw)

    def thaw(self) -> None:
        """Go on with whatever has waited; the timer has long fired."""
        if not (self.alive and self.frozen) or self.machine.kernel.suspended:
            return
        self.frozen = False
        is_first = self.machine.rng.random() < 0.5
        if is_first:
            self.gate.thaw()  # threads go on in any order
        while self._inputs and self._runs:
            self._inputs.popleft()()
        if self._runs and not is_first:
            self.gate.thaw()
        if self._runs:
            self._step(act.Ticked())
            self.machine.kernel.exempt &= self.is_late
            self.stage.watch.tell(self.stage.watch.held, self.machine)

    @property
    def _runs(self) -> bool:
        return self.alive and not self.frozen

    @property
    def is_late(self) -> bool:
        """Whether a going-off has begun that a freeze has made late."""
        return self.alive and self.deadline.phase in (Phase.GOING_OFF, Phase.OFF_FAILED)

    def _step(self, event: act.Input, packet: protocol.ToGuardian | None = None) -> None:
        now = self.machine.clock.read(self.stage.heap.now)
        if self.stage.log is not None:
            self.stage.log(self.machine.name, "guardian <-", repr(event))
        actions = self.deadline.step(now, event)
        for number, action in enumerate(actions):
            if isinstance(action, act.AddVips):
                self.stage.watch.tell(self.stage.watch.accepted, self.machine, self._claim)
            if self.freeze_at_act and self._is_worth_a_stop(action):
                self._stop_before(actions[number:], packet)
                return
            self._perform(action, packet)
        self._after_step()

    def _is_worth_a_stop(self, action: act.Action) -> bool:
        # More than one rule stands between a stale decision and a VIP that answers.
        if isinstance(action, act.AddVips):
            return True
        is_act = isinstance(action, act.ArmGate | act.RefreshVips | act.WatchClaim)
        return is_act and self.machine.rng.random() < 0.2

    def _stop_before(
        self, rest: tuple[act.Action, ...], packet: protocol.ToGuardian | None
    ) -> None:
        duration, self.freeze_at_act = self.freeze_at_act, 0
        self._inputs.appendleft(lambda: self._perform_all(rest, packet))
        self.freeze(duration)

    def _perform_all(
        self, actions: tuple[act.Action, ...], packet: protocol.ToGuardian | None
    ) -> None:
        for action in actions:
            self._perform(action, packet)
        self._after_step()

    def _after_step(self) -> None:
        if not self.alive:
            return
        on = self.deadline.is_on
        if on != self._was_on:
            self._was_on = on
            watch = self.stage.watch
            watch.tell(watch.held if on else watch.went_off, self.machine)
            self.machine.kernel.exempt &= on
        self._arm()

    def _arm(self) -> None:
        due = self.deadline.next_deadline
        heap = self.stage.heap
        if due is None:
            self._wake = -1
            return
        when = max(self.machine.clock.when_boot_shows(due), heap.now)
        if heap.now < self._wake <= when:
            return
        self._wake = when
        heap.at(when + self._late(), self._tick, when)

    def _late(self) -> int:
        rng = self.machine.rng
        if rng.random() < 0.3:
            return int(rng.random() * 0.95 * self._policy.slack_ns)
        return MS // 2

    def _tick(self, token: int) -> None:
        if token != self._wake or not self.alive:
            return
        self._wake = -1
        if not self.frozen:
            due = self.deadline.next_deadline
            now = self.machine.clock.read(self.stage.heap.now)
            if due is not None and now.boot_ns >= due:
                self._step(act.Ticked())
            else:
                self._arm()

    # --- actions

    def _perform(self, action: act.Action, packet: protocol.ToGuardian | None) -> None:
        machine, stage = self.machine, self.stage
        if stage.log is not None:
            stage.log(machine.name, "guardian ->", repr(action))
        match action:
            case act.Tell(answer):
                self._tell(answer)
            case act.SaveLedger(ledger):
                self._save(ledger)
            case act.AddVips():
                self._add_vips()
            case act.RefreshVips():
                self._refresh_vips()
            case act.OpenTicket() | act.ArmGate() | act.CloseGate():
                self.gate.begin(action)
            case act.WatchClaim() | act.UnwatchClaim():
                self._tell_sentinel(action, packet)
            case act.CheckMachine():
                self._look_around()
            case act.RemoveVips():
                machine.kernel.remove_vip()
                self._answer(act.VipsRemoved(True, ""))
            case act.StartHook():
                self._start_hook(action)
            case act.KillHooks(ticket):
                self._kill_hooks(ticket)
            case act.CheckHooks(rid):
                self._answer(act.HooksChecked(rid, True, ""))
            case act.ProbeVips(rid, duration_ms):
                stage.heap.after(duration_ms * MS, self._probed, rid)
            case act.SendWill(will):
                stage.watch.tell(stage.watch.will_sent, machine, will.datagram)
                machine.send_will(will.datagram)
            case act.StartNode():
                self._start_node()
            case act.KillNode():
                machine.kill_node()
            case act.TerminateNode():
                machine.terminate_node()
            case act.Exit(code, _):
                self.alive = False
                machine.guardian_ended(code)
            case act.Announce() | act.RunNotify() | act.Log():
                pass
            case act.PetWatchdog() | act.CloseWatchdog() | act.Fence():
                raise AssertionError(f"no policy here asks for {action}")
            case act.Alarm(name, _):
                stage.alarms[name] += 1
            case _:
                assert_never(action)

    def _tell(self, answer: protocol.ToNode) -> None:
        node = self.machine.node
        if node is not None:
            self.stage.heap.after(GUARD_DELAY_NS, node.from_guardian, answer)

    def _start_node(self) -> None:
        self.machine.start_node()
        self.post(act.NodeStarted())

    def _refresh_vips(self) -> None:
        self.machine.kernel.has_vip = True
        self.stage.watch.tell(self.stage.watch.held, self.machine)
        self._answer(act.VipsAdded(True, ""))

    def _look_around(self) -> None:
        is_here = self.machine.kernel.has_vip
        self._answer(act.MachineChecked(int(is_here), int(not is_here)))
        self.gate.look_around()

    def _tell_sentinel(
        self, action: act.WatchClaim | act.UnwatchClaim, packet: protocol.ToGuardian | None
    ) -> None:
        machine, watch = self.machine, self.stage.watch
        if isinstance(action, act.UnwatchClaim):
            if machine.sentinel is not None:
                machine.sentinel.unwatch()
            return
        s, hard_ns = action
        machine.kernel.claim(s, hard_ns)
        if machine.sentinel is not None:
            machine.sentinel.watch(s, hard_ns)
        if isinstance(packet, protocol.Extend) and packet.s == s:
            watch.tell(watch.accepted, machine, packet)
            watch.tell(watch.held, machine)

    def _add_vips(self) -> None:
        kernel, watch = self.machine.kernel, self.stage.watch
        ok = self.machine.vips_added()
        kernel.has_vip = ok
        self.stage.escalations += ok
        watch.tell(watch.held, self.machine)
        self._answer(act.VipsAdded(ok, "" if ok else "RTNETLINK answers: no such device"))

    def _answer(self, event: act.Input, least: int = 20_000) -> None:
        """Answers come in the order of the acts."""
        late = least + int(self.machine.rng.expovariate(1 / 50_000))
        self._answered = max(self._answered, self.stage.heap.now + late)
        self.stage.heap.at(self._answered, self.post, event)

    def _save(self, ledger: act.Ledger) -> None:
        """As the shipped file: one slot in turn; both after damage or a failure."""
        copies = 1 if self._is_sound else slots.SLOTS
        self._is_sound = False
        self._write(LEDGER.pack(*ledger), copies)

    def _write(self, payload: bytes, copies: int) -> None:
        disk = self.machine.disk
        self._seq += 1
        block = slots.encode(self._seq, payload, CLUSTER_ID, self.machine.name)

        def done(ok: bool) -> None:
            if ok:
                self._slot = 1 - self._slot
            if ok and copies > 1:
                self._write(payload, copies - 1)
                return
            self._is_sound = ok
            self.post(act.LedgerSaved(ok, "" if ok else "EIO"))

        disk.write(disk.guardian_file, slots.offset(self._slot), block, done)

    def _start_hook(self, action: act.StartHook) -> None:
        duration, ok = self.machine.hook_time(action)
        self._hook += 1
        self.machine.kernel.hook = action.kind
        self.stage.heap.after(duration, self._hook_done, self._hook, action.kind, ok)

    def _hook_done(self, number: int, kind: act.HookKind, ok: bool) -> None:
        if number == self._hook and self.machine.kernel.hook is kind and self.alive:
            self.machine.kernel.hook = None
            self.post(act.HookExited(kind, ok, "" if ok else "exit code 1"))

    def _kill_hooks(self, ticket: int) -> None:
        kernel = self.machine.kernel
        kind, kernel.hook = kernel.hook, None
        if kind is not None:
            self._answer(act.HookExited(kind, False, "killed"))
        self._answer(act.HooksKilled(ticket), least=200_000)

    def _probed(self, rid: int) -> None:
        self.post(act.VipsProbed(rid, self.machine.hears_vip(), ""))
