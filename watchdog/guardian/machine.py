"""Performs the deadline's actions on this machine, and feeds back what came of them.

Rule: no decision is made here; every action ends in a fact (docs/election.md, "The guardian").
"""

import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, assert_never

from watchdog.guardian import actions as act
from watchdog.guardian import fence, hardware_watchdog, locks
from watchdog.guardian.children import Handles, NodeProcess
from watchdog.guardian.deadline import Deadline
from watchdog.guardian.gate import Gate, clear
from watchdog.guardian.helpers import COMMANDS, Given, Helpers
from watchdog.guardian.hook_start import HookStarter
from watchdog.guardian.hooks import Hooks
from watchdog.guardian.log import Log
from watchdog.guardian.loop import Loop
from watchdog.guardian.plan import Plan
from watchdog.guardian.reaper import Reaper
from watchdog.guardian.restarts import Restarts
from watchdog.guardian.saver import Saver
from watchdog.guardian.sentinel import Sentinel
from watchdog.guardian.supervisor import Supervisor
from watchdog.guardian.users import Account
from watchdog.guardian.vip import Vips
from watchdog.guardian.will import WillSender
from watchdog.guardian_protocol import (
    ArmWill,
    PacketError,
    ToNode,
    Welcome,
    pack,
    unpack_to_guardian,
)
from watchdog.instant import MS, SECOND

START_FAILED: Final = 127
PROBES: Final = 2
"""Times that each VIP is asked for within a probe: a frame may be lost."""


class Means(NamedTuple):
    """What the start has made ready: how node and helpers are started, and who stands behind."""

    command: tuple[str, ...]
    handles: Handles
    account: Account | None
    saver: Saver
    supervisor: Supervisor
    helpers: Mapping[str, Sequence[str]] = COMMANDS
    sentinel: Sentinel | None = None
    gate: Gate | None = None


class Machine:
    """Everything outside that the guardian acts on; `feed` takes inputs of the deadline."""

    def __init__(
        self, plan: Plan, loop: Loop, log: Log, feed: Callable[[act.Input], None], tag: str
    ) -> None:
        self.exit: act.Exit | None = None
        self._plan = plan
        self._tag = tag
        self._loop = loop
        self._log = log
        self._feed = feed
        self._reaper = Reaper()
        self._wills = WillSender()
        self._vips = Vips(plan.vips, loop.watch, loop.forget, self._on_claim)
        starter = HookStarter(plan, loop, log)
        self._hooks = Hooks(plan, loop, self._reaper, log, feed, starter, self._is_no_hook, tag)
        self._restarts = Restarts(plan, loop, self._reaper, log, self._hooks, starter, tag)
        self._helpers = Helpers(plan.helpers, loop, self._reaper, log, self._restarts, tag)
        self._probes: dict[object, str] = {}
        """Each probe under way -> who answered so far."""
        self._hardware = hardware_watchdog.HardwareWatchdog(
            plan.watchdog_device, plan.policy.watchdog_ns // SECOND
        )
        self._node: NodeProcess | None = None
        self._means: Means | None = None

    @property
    def needs_subreaper(self) -> bool:
        """Whether orphans of hooks or helpers must become our children, for want of cgroups."""
        needs = self._plan.policy.has_hooks and not self._hooks.has_cgroup
        return needs or self._helpers.needs_subreaper

    def clean(self) -> None:
        """Remove what a predecessor left on; only removing, so no lock is needed (G8)."""
        fault = self._vips.remove()
        if fault:
            self._log.alarm("leftover", vip=fault)
        elif self._plan.vips:
            self._warn_if("leftover_gate", clear(self._tag))
        self._hooks.clean()
        self._helpers.clean()

    def begin(self, means: Means, deadline: Deadline) -> None:
        """Have the means to start a node process; the deadline may begin."""
        self._means = means
        plan, key, _ = means.handles
        scheduling = self._plan.scheduling
        self._helpers.begin(Given(means.helpers, plan, key, means.account, scheduling))
        self._restarts.is_settled = lambda: deadline.is_settled
        self._restarts.epoch = lambda: deadline.last_epoch
        self._loop.watch(means.saver.fd, lambda: means.saver.take_answer(self._feed))
        gate, sentinel = means.gate, means.sentinel
        if gate:
            self._loop.watch(gate.fd, lambda: gate.take_answers(self._feed))
        if sentinel:
            self._reaper.expect(sentinel.pid, self._on_sentinel_exited)
            self._loop.watch(sentinel.pidfd, self.reap)
        fault = self._vips.open_links()
        if fault:
            self._log.warning("vip_interface", why=fault)
        self._hooks.warn()
        self._restarts.warn()

    def reap(self) -> None:
        """A child has ended."""
        self._reaper.reap()
        self._hooks.look()

    def close(self) -> None:
        """Leave nothing behind."""
        self._helpers.close()
        self._restarts.close()
        self._hooks.close()
        if self._vips.present() != 0:
            return  # what is still here is the sentinel's now, behind a gate that lapses
        if self._given.sentinel:
            self._loop.forget(self._given.sentinel.pidfd)
            self._given.sentinel.end()
        if self._given.gate:
            self._loop.forget(self._given.gate.fd)
            self._given.gate.end()

    def abandon(self) -> None:
        """Our own fault: nothing is known any more, so take everything off as far as we can."""
        fault = self._vips.remove()
        self._hooks.clean()
        self._helpers.clean()
        if self._node:
            self._node.signal(signal.SIGKILL)
        self._log.alarm("abandoned", left=fault or "nothing")

    def perform(self, action: act.Action) -> None:
        """Do one thing; its outcome is fed as an input."""
        match action:
            case act.Tell(packet):
                self._tell(packet)
                if isinstance(packet, Welcome):
                    self._helpers.allow()
            case act.SaveLedger(ledger):
                self._given.saver.save(ledger)
            case act.AddVips(lifetime_s):
                self._answer_added(self._vips.add(lifetime_s))
            case act.RefreshVips(lifetime_s):
                self._answer_added(self._vips.refresh(lifetime_s))
            case act.RemoveVips():
                why = self._vips.remove()
                self._feed(act.VipsRemoved(not why, why))
            case act.Announce():
                self._warn_if("announcement_failed", self._vips.announce())
            case act.StartHook():
                self._hooks.start(action)
            case act.KillHooks(ticket):
                self._hooks.kill(ticket)
            case act.OpenTicket() | act.ArmGate() | act.CloseGate():
                self._perform_on_gate(action)
            case act.WatchClaim() | act.UnwatchClaim():
                self._perform_on_sentinel(action)
            case act.PetWatchdog() | act.CloseWatchdog() | act.Fence():
                self._perform_on_hardware(action)
            case act.CheckMachine():
                self._check()
            case act.CheckHooks(rid):
                why = self._hooks.fault()
                self._feed(act.HooksChecked(rid, not why, why))
            case act.RunNotify(packet, event):
                self._hooks.notify(packet, event)
            case act.ProbeVips(rid, duration_ms):
                self._probe(rid, duration_ms)
            case act.SendWill(will):
                self._wills.send(will)
            case act.StartNode() | act.KillNode() | act.TerminateNode():
                self._perform_on_node(action)
            case act.Log(name, text):
                self._log.info(name, why=text)
            case act.Alarm(name, text):
                self._log.alarm(name, why=text)
            case act.Exit():
                self.exit = self.exit or action
            case _:
                assert_never(action)

    def _perform_on_gate(self, action: act.OpenTicket | act.ArmGate | act.CloseGate) -> None:
        gate = self._given.gate
        assert gate, "a policy with a gate that was not made"
        match action:
            case act.OpenTicket(no, number, timeout_ns):
                gate.open_ticket(no, number, timeout_ns)
            case act.ArmGate(no, number, timeout_ns):
                gate.arm(no, number, timeout_ns)
            case act.CloseGate():
                gate.close_lease()
            case _:
                assert_never(action)

    def _perform_on_sentinel(self, action: act.WatchClaim | act.UnwatchClaim) -> None:
        sentinel = self._given.sentinel
        assert sentinel, "a policy with a sentinel that was not forked"
        match action:
            case act.WatchClaim(s, hard_ns):
                sentinel.watch(s, hard_ns)
            case act.UnwatchClaim():
                sentinel.unwatch()
            case _:
                assert_never(action)

    def _perform_on_hardware(self, action: act.PetWatchdog | act.CloseWatchdog | act.Fence) -> None:
        match action:
            case act.PetWatchdog():
                why = self._hardware.pet()
                if why:
                    self._feed(act.WatchdogFailed(why))
            case act.CloseWatchdog():
                self._warn_if("watchdog_not_closed", self._hardware.close())
            case act.Fence(how):
                self._log.alarm("self_fence", how=how, why="this node could not be taken off")
                self._warn_if("self_fence_failed", fence.fence(how))
            case _:
                assert_never(action)

    def _check(self) -> None:
        """What is really on the interfaces; a list that cannot be had says nothing."""
        present = self._vips.present()
        known = present >= 0
        absent = len(self._plan.vips) - present if known else 0
        self._feed(act.MachineChecked(present if known else 0, absent))
        if self._given.gate:
            self._given.gate.check()

    def _on_sentinel_exited(self, code: int) -> None:
        assert self._given.sentinel, "the exit of nobody"
        self._loop.forget(self._given.sentinel.pidfd)
        self._feed(act.SentinelLost(f"it ended with code {code}"))

    def _perform_on_node(self, action: act.StartNode | act.KillNode | act.TerminateNode) -> None:
        match action:
            case act.StartNode():
                self._start_node()
            case act.KillNode(why):
                self._log.info("node_killed", why=why)
                if self._node:
                    self._node.signal(signal.SIGKILL)
            case act.TerminateNode():
                self._given.supervisor.tell("STOPPING=1")
                if self._node:
                    self._node.signal(signal.SIGTERM)
                self._restarts.stop()
                self._helpers.stop()
            case _:
                assert_never(action)

    @property
    def _given(self) -> Means:
        assert self._means, "the machine was not begun"
        return self._means

    # --- the node process

    def _is_no_hook(self, pid: int) -> bool:
        """Whether a child of ours is to be left alone when everything of hooks must end."""
        sentinel = self._means.sentinel if self._means else None
        if pid in (self._node.pid if self._node else 0, sentinel.pid if sentinel else 0):
            return True
        return self._restarts.keeps(pid) or self._helpers.owns(pid)

    def _start_node(self) -> None:
        means = self._given
        assert self._node is None, "two node processes"
        try:
            node = NodeProcess(means.command, means.handles, means.account, self._plan.scheduling)
        except OSError as error:
            self._log.alarm("node_not_started", why=error.strerror or str(error))
            self._feed(act.NodeExited(START_FAILED))
            return
        self._node = node
        self._reaper.expect(node.pid, self._on_node_exited)
        self._loop.watch(node.fd, self._read_node)
        self._loop.watch(node.pidfd, self.reap)
        self._warn_if("scheduling", node.scheduling_fault)
        self._record(node.pid)
        if means.sentinel:
            means.sentinel.node_started(node.pid)
        self._log.info("node_started", pid=node.pid)
        self._feed(act.NodeStarted())
        means.supervisor.tell("READY=1")

    def _record(self, pid: int) -> None:
        try:
            locks.write_record(self._plan.run_dir, [pid])
        except OSError as error:
            self._log.warning("record_failed", why=error.strerror or str(error))

    def _read_node(self) -> None:
        if not self._node:
            return
        data = self._node.read()
        if data is None:
            return
        if not data:
            self._loop.forget(self._node.fd)
            self._feed(act.NodeClosed("it closed its end of the socketpair"))
            return
        try:
            packet = unpack_to_guardian(data)
        except PacketError as error:
            self._loop.forget(self._node.fd)
            self._feed(act.NodeClosed(f"bad packet: {error}"))
            return
        if isinstance(packet, ArmWill) and self._given.sentinel:
            self._given.sentinel.arm_will(packet)
        self._feed(act.FromNode(packet))

    def _on_node_exited(self, code: int) -> None:
        assert self._node, "the exit of nobody"
        self._loop.forget(self._node.fd)
        self._loop.forget(self._node.pidfd)
        self._node.close()
        self._node = None
        if self._given.sentinel:
            self._given.sentinel.node_gone()
        self._feed(act.NodeExited(code))

    def _tell(self, packet: ToNode) -> None:
        if self._node and not self._node.write(pack(packet)):
            self._loop.forget(self._node.fd)
            self._feed(act.NodeClosed("it does not read its packets"))

    # --- VIPs

    def _answer_added(self, why: str) -> None:
        self._feed(act.VipsAdded(not why, why))

    def _probe(self, rid: int, duration_ms: int) -> None:
        probe = object()  # rids begin anew with every node process
        self._probes[probe] = ""
        duration_ns = duration_ms * MS
        self._warn_if("probe_failed", self._vips.probe())
        for again in range(1, PROBES):
            self._loop.call_in(duration_ns * again // PROBES, self._probe_again)
        # Not before its end: whoever answers is given this long to go away.
        self._loop.call_in(duration_ns, lambda: self._end_probe(probe, rid))

    def _probe_again(self) -> None:
        self._vips.probe()

    def _end_probe(self, probe: object, rid: int) -> None:
        answer = self._probes.pop(probe)
        self._feed(act.VipsProbed(rid, bool(answer), answer))

    def _on_claim(self, detail: str) -> None:
        for probe, answer in self._probes.items():
            self._probes[probe] = answer or detail
        self._feed(act.VipClaimed(detail))

    def _warn_if(self, event: str, why: str) -> None:
        if why:
            self._log.warning(event, why=why)
