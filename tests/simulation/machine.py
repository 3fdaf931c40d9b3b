"""One machine: power, clocks, disk, kernel, and the two processes of the daemon on top.

Rule: what a service manager, a kernel and an operator do is here (start, restart, signals, locks);
what the daemon decides is not.  Faults reach a machine only through the methods below.
"""

from random import Random
from typing import Final

from tests.simulation.clocks import ClockPair, wall_ms
from tests.simulation.disk import Disk
from tests.simulation.files import CLUSTER_ID, ConfigFile, settings_for
from tests.simulation.guardian_process import GuardianProcess
from tests.simulation.kernel import Kernel
from tests.simulation.lifecheck import Lifecheck
from tests.simulation.node_process import LoadedState, NodeProcess
from tests.simulation.sentinel_process import SentinelProcess
from tests.simulation.stage import Stage
from watchdog import slots
from watchdog.core import effects as fx
from watchdog.core import events
from watchdog.core.events import Command
from watchdog.guardian import actions as act
from watchdog.guardian.policy import Policy
from watchdog.instant import MS, SECOND
from watchdog.wire.record import unpack_record

PIDFD_NS: Final = MS
REFUSED: Final = 2
OPERATOR_RID: Final = 1


class Machine:
    """A configured machine; `file` is what its next processes read."""

    def __init__(self, stage: Stage, index: int, name: str, file: ConfigFile) -> None:
        self.stage = stage
        self.index = index
        self.name = name
        self.file = file
        self.rng = stage.rng("machine", name)
        rates = [self.rng.choice((-10_000, 10_000, self._ppm())) for _ in range(2)]
        boot_ns = self.rng.randrange(1000 * SECOND)
        self.clock = ClockPair(boot_ns, self.rng.randrange(boot_ns + 1), *rates)
        self.disk = Disk(stage.heap, stage.rng("disk", name))
        self.kernel = Kernel(self.clock)
        self.power = False
        self.accept_membership = False
        self.guardian: GuardianProcess | None = None
        self.node: NodeProcess | None = None
        self.durable: fx.HardState | None = None
        """The record that is certainly on disk."""
        self.lifecheck = Lifecheck(name, self._post)
        self.uplink = True
        self.is_gated = True
        """Whether the configuration wants a gate before the VIP."""
        self.is_nft_busy = False
        """Somebody reloads thousands of other rules, again and again."""
        self.sentinel: SentinelProcess | None = None
        self.hook_fails = 0
        self.stopped = False
        """The operator stopped the service; nobody restarts it."""
        self._boots = 0
        self._life = 0
        self._rates = (0, 0)

    def _ppm(self) -> int:
        return self.rng.randint(-10_000, 10_000)

    # --- power and processes

    def power_on(self) -> None:
        """Boot; the service starts."""
        if not self.power:
            self.power = True
            self._life += 1
            self._start_guardian(self._life)

    def lose_power(self) -> None:
        """Everything stops at once; nobody is told."""
        if not self.power:
            return
        self.power = False
        self._life += 1
        if self.kernel.suspended:
            self.clock.set_rates(self.stage.heap.now, *self._rates)
        if self.node is not None:
            self.node.alive = False
            self.stage.network.vanished(self.node)
        if self.guardian is not None:
            self.guardian.alive = False
        self.node = self.guardian = None
        self._end_sentinel()
        self.kernel.lose_power()
        self.disk.lose_power()

    def _start_guardian(self, life: int) -> None:
        """G8: leftovers off, orphans killed, then the shipped Deadline."""
        if life != self._life or not self.power or self.guardian is not None or self.stopped:
            return
        self._kill_node_process()
        timing = self.file.timing
        policy = Policy(
            drop_ns=timing.drop_ns,
            slack_ns=timing.slack_ns,
            deesc_ns=timing.deesc_ns,
            escalation_timeout_ns=timing.escalation_timeout_ns,
            has_vips=True,
            has_escalation=self.file.escalation_hook,
            has_de_escalation=self.file.has_hook,
            has_gate=self.is_gated,
            ticket_ns=timing.ticket_ns,
            has_sentinel=True,
        )
        self._end_sentinel()
        self.kernel.remove_vip()
        if self.is_gated:
            self.kernel.make_gate()
        self.sentinel = SentinelProcess(self, timing.slack_ns, owes_hooks=self.file.has_hook)
        self.guardian = GuardianProcess(self, policy)
        self.guardian.begin()

    def crash_guardian(self) -> None:
        """SIGKILL the guardian; the kernel kills its child; the service manager starts another."""
        if self.guardian is None:
            return
        self.guardian.alive = False
        self.guardian = None
        self.kernel.exempt = self.kernel.has_vip or self.kernel.hook is not None
        if self.sentinel is not None:
            self.sentinel.guardian_died()
        node = self.node
        if node is not None:
            if self.rng.random() < 0.7:
                self.stage.heap.after(self.rng.randrange(MS), self._pdeathsig, node)
            else:
                node.post(events.GuardianLost())
        restart = self.rng.randrange(100 * MS, 1500 * MS)
        self.stage.heap.after(restart, self._start_guardian, self._life)

    def _pdeathsig(self, node: NodeProcess) -> None:
        if self.node is node:
            self._kill_node_process()

    def _end_sentinel(self) -> None:
        if self.sentinel is not None:
            self.sentinel.end()
        self.sentinel = None

    def crash_sentinel(self) -> None:
        """SIGKILL the sentinel; its guardian sees it by pidfd."""
        if self.sentinel is None:
            return
        self._end_sentinel()
        if self.guardian is not None:
            event = act.SentinelLost("killed")
            self.stage.heap.after(PIDFD_NS, self.guardian.post, event)

    def sentinel_done(self, sentinel: SentinelProcess) -> None:
        """It has done what its dead guardian could not, and ended."""
        if self.sentinel is sentinel:
            self.sentinel = None

    def kill_orphan(self) -> None:
        """SIGKILL the node process of a dead guardian."""
        self._kill_node_process()

    def guardian_ended(self, code: int) -> None:
        """The guardian has exited: after a failure the service manager starts it again."""
        self.guardian = None
        if code == 0 or not self.kernel.has_vip:
            self._end_sentinel()
        elif self.sentinel is not None:
            self.sentinel.guardian_died()
        if code != 0:
            restart = self.rng.randrange(500 * MS, 1500 * MS)
            self.stage.heap.after(restart, self._start_guardian, self._life)

    def stop_service(self) -> None:
        """The operator stops the service: SIGTERM to the guardian."""
        if self.guardian is not None and not self.stopped:
            self.stopped = True
            self.guardian.post(act.StopRequested())

    def start_service(self) -> None:
        """The operator starts the service."""
        if self.stopped:
            self.stopped = False
            if self.guardian is not None:
                self.crash_guardian()
            elif self.power:
                self._start_guardian(self._life)

    # --- the node process

    def start_node(self) -> None:
        """Spawn: the process runs after its imports."""
        self._boots += 1
        late = self.rng.randrange(20 * MS, 150 * MS)
        self.stage.heap.after(late, self._node_runs, self._life, self.guardian)

    def _node_runs(self, life: int, guardian: GuardianProcess | None) -> None:
        if life != self._life or guardian is None or guardian is not self.guardian:
            return
        self._kill_node_process()
        loaded = self._load()
        settings = settings_for(self.file, self.name, loaded.record, accept=self.accept_membership)
        if settings is None:
            guardian.post(act.NodeExited(REFUSED))
            return
        self.node = NodeProcess(self, settings, loaded)
        self.node.begin()

    def _load(self) -> LoadedState:
        raw = self.disk.node_file.data
        loaded = slots.choose(raw, CLUSTER_ID, self.name)
        record = unpack_record(loaded.payload) if loaded.payload is not None else None
        self.durable = record if loaded.fault is None else None
        return LoadedState(record, loaded.fault is not None, loaded.next_slot, loaded.seq)

    def _kill_node_process(self) -> None:
        node = self.node
        if node is None:
            return
        node.alive = False
        self.node = None
        self.stage.network.died(node)
        self.disk.node_file.settle(self.rng)

    def kill_node(self, code: int = -9) -> None:
        """SIGKILL the node process; the guardian sees it by pidfd."""
        node = self.node
        if node is None:
            return
        self._kill_node_process()
        if self.guardian is not None:
            guardian = self.guardian
            self.stage.heap.after(PIDFD_NS, guardian.post, act.NodeExited(code))

    def node_ended(self, process: NodeProcess, code: int) -> None:
        """The process asked to exit."""
        if self.node is process:
            self.kill_node(code)

    def terminate_node(self) -> None:
        """SIGTERM the node process."""
        if self.node is not None:
            self.node.post(events.CommandReceived(OPERATOR_RID, Command.STOP))

    def node_saved(self, process: NodeProcess, save: fx.Save, *, ok: bool) -> None:
        """A write has returned."""
        if not ok:
            process.post(events.SaveFailed(save.ticket, "EIO"))
            return
        self.durable = save.record
        self.stage.watch.tell(self.stage.watch.saved, self, save.record)
        process.post(events.Saved(save.ticket))

    def node_rng(self) -> Random:
        """The randomness of one process."""
        return self.stage.rng("node", self.name, self._boots)

    # --- what processes ask of the machine

    def wall_ms(self) -> int:
        """What the wall clock shows."""
        return wall_ms(self.stage.heap.now, self.stage.wall_offsets_ms[self.index])

    def send_will(self, inc: bytes) -> None:
        """Send a will to every peer."""
        for other in self.stage.machines:
            if other is not self:
                self.stage.network.send_will(self.index, self.name, inc, other.node)

    def hook_time(self, action: act.StartHook) -> tuple[int, bool]:
        """How long a hook will run, and whether it succeeds."""
        rng = self.rng
        if action.kind is act.HookKind.DE_ESCALATION:
            return int(rng.choice((0.3, 1.0, 1.5)) * rng.random() * self.file.timing.deesc_ns), True
        if self.hook_fails:
            self.hook_fails -= 1
            return rng.choice((10 * MS, 3 * self.file.timing.escalation_timeout_ns)), False
        return rng.randrange(MS, 60 * MS), True

    def vips_added(self) -> bool:
        """Whether adding the addresses works."""
        if self.hook_fails and self.rng.random() < 0.3:
            self.hook_fails -= 1
            return False
        return True

    def hears_vip(self) -> bool:
        """Whether another machine answers for the VIP over a path that works."""
        stage = self.stage
        up = stage.network.up
        return any(
            other is not self
            and up[self.index][other.index]
            and up[other.index][self.index]
            and other.kernel.is_serving(stage.heap.now)
            for other in stage.machines
        )

    # --- conditions that outlive a process

    def replay_conditions(self, process: NodeProcess) -> None:
        """Tell a new process what lifecheck and uplink would tell it."""
        if not self.uplink:
            process.post(events.UplinkChanged(False, "no carrier"))
        self.lifecheck.replay(process.post)

    def set_uplink(self, *, up: bool) -> None:
        """Carrier and address of the cluster's interface."""
        if up != self.uplink:
            self.uplink = up
            self._post(events.UplinkChanged(up, "carrier" if up else "no carrier"))

    def command(self, command: Command, target: str | None = None) -> None:
        """An operator's command, given here."""
        self._post(events.CommandReceived(OPERATOR_RID, command, target, "simulated"))

    def _post(self, event: events.Event) -> None:
        if self.node is not None:
            self.node.post(event)

    @property
    def is_on(self) -> bool:
        """Whether the guardian says that anything may be on."""
        return self.guardian is not None and self.guardian.is_on

    @property
    def is_serving(self) -> bool:
        """Whether a client would be answered by this machine."""
        return self.power and self.kernel.is_serving(self.stage.heap.now)

    def suspend(self) -> None:
        """Everything stands still, RAW too; BOOTTIME goes on."""
        if not self.power or self.kernel.suspended:
            return
        self.kernel.suspended = self.kernel.exempt = True
        self._rates = self.clock.boot_ppm, self.clock.raw_ppm
        self.clock.set_rates(self.stage.heap.now, self.clock.boot_ppm, -1_000_000)
        if self.node is not None:
            self.node.frozen = True
        if self.guardian is not None:
            self.guardian.frozen = True
        if self.sentinel is not None:
            self.sentinel.frozen = True

    def resume(self) -> None:
        """Go on."""
        if not self.kernel.suspended:
            return
        self.clock.set_rates(self.stage.heap.now, *self._rates)
        self.kernel.suspended = False
        if self.sentinel is not None:
            self.sentinel.thaw()
        self.stage.watch.tell(self.stage.watch.held, self)
        if self.guardian is not None:
            self.stage.heap.after(50_000, self.guardian.thaw)
        if self.node is not None:
            self.stage.heap.after(80_000, self.node.thaw)
