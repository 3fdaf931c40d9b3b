"""The node process from start to stop: parts, the one loop around `Node.step`, and the end.

Every event goes through one inbox, every step reads the clock once, every effect is performed in
order before the next event is looked at.  All tasks live in one TaskGroup: a crash of any part
ends the process, and then the guardian goes off.  Nothing here decides anything.
"""

import asyncio
import gc
import grp
import os
import secrets
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ipc import binding
from ipc import server as ipc_server
from watchdog import guardian_protocol as protocol
from watchdog.core.effects import Effect, HardState, StateChanged
from watchdog.core.events import (
    Command,
    CommandReceived,
    Event,
    MessageReceived,
    Ticked,
    UplinkChanged,
)
from watchdog.core.messages import INC_SIZE, Beacon
from watchdog.core.report import Glance
from watchdog.core.settings import Settings
from watchdog.instant import SECOND
from watchdog.shell import clock, identity
from watchdog.shell.control import STOP_RID, Control
from watchdog.shell.datagrams import Datagrams
from watchdog.shell.guard_link import GuardLink
from watchdog.shell.inbox import Inbox
from watchdog.shell.lifecheck_desk import LifecheckDesk
from watchdog.shell.listener import ListenError
from watchdog.shell.log import Log
from watchdog.shell.moves import Moves
from watchdog.shell.paths import Paths
from watchdog.shell.peers import Peers
from watchdog.shell.perform import Performer
from watchdog.shell.plan import NodePlan
from watchdog.shell.punctuality import Punctuality
from watchdog.shell.recorder import Recorder, Start
from watchdog.shell.refusals import Refusal, Refusals
from watchdog.shell.routes import Routes
from watchdog.shell.secret import Secret
from watchdog.shell.status_view import Surroundings, view
from watchdog.shell.storage import StateFileError, Storage
from watchdog.shell.subscribers import Subscribers
from watchdog.shell.uplink import Uplink
from watchdog.stolen import Meter
from watchdog.wire import seal

BURST: Final = 64
"""Events handled in a row before sockets are looked at again."""
SLEEP_MIN_S: Final = 0.0005
SLEEP_MAX_S: Final = 1.0
"""A clock jump is looked for at least so often, whatever the core waits for."""
CLOSE_TIMEOUT_S: Final = 0.5
NICEST: Final = -20


class StartError(Exception):
    """This node cannot start as configured; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Means:
    """What the guardian hands to the node process."""

    plan: NodePlan
    authkey: Secret
    guard: socket.socket


START_FAULTS: Final = (
    StartError,
    StateFileError,
    identity.IdentityError,
    ListenError,
    binding.SocketPathError,
)


class Daemon:
    """One node process. `run` once; it returns the exit code.

    Raises what its parts raise at the start (START_FAULTS); each text is for the operator.
    """

    def __init__(self, means: Means, log: Log) -> None:
        plan = self._plan = means.plan
        self._log = log
        self._inbox = Inbox()
        self._inc = secrets.token_bytes(INC_SIZE)
        self._refusals = Refusals(_boot_ns, self._log_refusal)
        self._storage = Storage(plan.data_dir, plan.cluster_id, plan.node, self._inbox)
        self._paths = Paths(plan, means.authkey, self._inc, _boot_ns)
        self._peers = Peers(
            plan,
            identity.for_plan(plan, means.authkey),
            self._inbox,
            self._refusals,
            secrets.SystemRandom(),
            _boot_ns,
            self._paths,
        )
        self._datagrams = Datagrams(
            plan, means.authkey, self._inbox, self._refusals, self._paths, _boot_ns
        )
        self._uplink = Uplink(plan.address, self._inbox)
        self._guard = GuardLink(means.guard, self._inbox)
        self._lifecheck = LifecheckDesk(plan, self._inbox, log)
        self._subscribers = Subscribers(self._glance, self._nodes)
        self._control = Control(
            plan=plan,
            inbox=self._inbox,
            log=log,
            status=self.status,
            core=self._core_status,
            lifecheck=self._lifecheck,
            subscribers=self._subscribers,
        )
        self._moves = Moves()
        self._damage = ""
        self._fault: Exception | None = None
        self._start = self._load()
        self._node = self._start.node()
        self._deadline_ns = self._node.next_deadline
        self._ticks = Punctuality(Meter(plan.timing.slack_ns // 2, _boot_ns()), log, _boot_ns)
        self._recorder = None if plan.record is None else self._record(plan.record)
        self._performer = Performer(
            peers=Routes(self._peers, self._datagrams, self._paths, _boot_ns),
            disk=self._storage,
            guard=self._guard,
            desk=self._control,
            log=log,
            will=_will(means, self._inc),
            epoch=self._epoch,
        )

    async def run(self) -> int:
        """Work until the core exits; the code it chose."""
        try:
            code = await self._serve()
            # A crash does not wait for the disk: the guardian acts when this process is gone.
            self._storage.stop(CLOSE_TIMEOUT_S)
            return code
        finally:
            self._guard.stop()
            if self._recorder is not None:
                self._recorder.close()

    async def _serve(self) -> int:
        ipc = self._plan.ipc
        with binding.bind(ipc.path, group_id(ipc.group)) as listener:
            control = ipc_server.Server(listener, self._control, read_ipc_key(ipc.authkey_file))
            self._open()
            async with asyncio.TaskGroup() as tasks:
                parts = [
                    tasks.create_task(self._peers.run(), name="peers"),
                    tasks.create_task(self._datagrams.run(), name="datagrams"),
                    tasks.create_task(self._uplink.run(), name="uplink"),
                    tasks.create_task(control.run(), name="control"),
                ]
                code = await self._work()
                for part in parts:
                    part.cancel()
        ipc.path.unlink(missing_ok=True)
        return code

    def _open(self) -> None:
        """Begin to listen everywhere; the guardian is told last, when all else works."""
        asyncio.get_running_loop().set_exception_handler(self._callback_failed)
        self._peers.open()
        self._datagrams.open()
        self._handle_signals()
        # What exists now lives as long as the process: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        self._guard.open()
        self._guard.send(protocol.NodeUp(self._inc))

    def status(self) -> dict[str, object]:
        """What the control socket answers to `status`."""
        self._look_for_a_move()
        around = Surroundings(
            links=self._peers.stats(),
            paths=self._paths.stats(),
            datagrams=self._datagrams.stats(),
            refusals=self._refusals.snapshot(),
            scheduling=scheduling_class(),
            health=self._lifecheck.health(),
            stalls=self._ticks.stats(),
            now_s=_boot_ns() / SECOND,
            warnings=[*self._warnings(), *self._lifecheck.warnings()],
        )
        return view(self._plan, self._node.status(clock.now()), around, self._moves.last)

    def _core_status(self) -> dict[str, object]:
        return self._node.status(clock.now())

    def _glance(self) -> Glance:
        return self._node.glance()

    def _nodes(self) -> dict[str, object]:
        return self._control.nodes()

    def _callback_failed(self, _: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """A bug in a callback belongs to no task, but ends the process like any other."""
        error = context.get("exception")
        if isinstance(error, OSError):
            self._log.warning("socket_failed", why=str(error))
            return
        what = str(context.get("message"))
        self._fault = error if isinstance(error, Exception) else RuntimeError(what)
        self._inbox.put_local(Ticked())

    async def _work(self) -> int:
        while True:
            if self._fault is not None:
                raise self._fault
            for _ in range(BURST):
                is_due = self._deadline_ns <= _boot_ns()
                event = self._ticks.tick(self._deadline_ns) if is_due else self._inbox.take()
                if event is None:
                    break
                self._step(event)
                # A timer that is always due must not starve what comes from outside.
                if is_due and (waiting := self._inbox.take()) is not None:
                    self._step(waiting)
                if self._performer.exit_code is not None:
                    return self._performer.exit_code
            left_s = (self._deadline_ns - clock.now().boot_ns) / SECOND
            timeout_s = min(max(left_s, SLEEP_MIN_S), SLEEP_MAX_S)
            await self._inbox.wait(timeout_s, self._deadline_ns)

    def _step(self, event: Event) -> None:
        now = clock.now()
        outcome = self._node.step(now, event)
        self._deadline_ns = self._node.next_deadline
        if self._recorder is not None:
            self._recorder.add(now, event, outcome)
        for effect in outcome:
            self._performer.perform(effect)
        self._subscribers.look()
        if self._may_have_moved(event, outcome):
            self._look_for_a_move()
        if isinstance(event, UplinkChanged) and event.up:
            self._peers.wake()

    def _may_have_moved(self, event: Event, outcome: tuple[Effect, ...]) -> bool:
        """Whether it is worth looking, which costs more than the ordinary step."""
        match event:
            case MessageReceived(peer=peer, message=Beacon()):
                return peer != self._moves.coordinator
            case _:
                return any(isinstance(effect, StateChanged) for effect in outcome)

    def _look_for_a_move(self) -> None:
        move = self._moves.look(self._node.status(), _wall_text)
        if move is not None:
            self._log.info(
                "coordinator_changed", coordinator=move.taker, was=move.giver, reason=move.reason
            )

    def _load(self) -> Start:
        loaded = self._storage.load()
        record = loaded.record
        if loaded.is_damaged:
            self._damage = loaded.note
        say = self._log.warning if loaded.is_damaged else self._log.info
        say(
            "state_loaded",
            amnesiac=loaded.amnesiac,
            term=None if record is None else record.term,
            note=loaded.note,
        )
        return Start(
            settings=settings_for(self._plan, record),
            hard_state=record,
            amnesiac=loaded.amnesiac,
            seed=secrets.randbits(64),
            now=clock.now(),
            wall_ms=clock.wall_ms(),
            inc=self._inc,
        )

    def _record(self, wanted: Path) -> Recorder:
        try:
            recorder = Recorder(wanted, self._start)
        except OSError as error:
            why = f"cannot record to {wanted}: {error.strerror}"
            raise StartError(f"{why}; the user of the node must be able to write there") from error
        self._log.info("recording", file=str(recorder.path))
        return recorder

    def _handle_signals(self) -> None:
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop)
        # A terminal's Ctrl-C reaches the whole group; the guardian decides what it means.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def _stop(self) -> None:
        self._log.info("stop_requested")
        self._inbox.put_local(CommandReceived(STOP_RID, Command.STOP, None, "SIGTERM"))

    def _epoch(self) -> int:
        return int(self._node.status()["epoch"] or 0)

    def _log_refusal(self, kind: Refusal, address: str, detail: str, count: int) -> None:
        self._log.warning(
            "peer_refused", kind=kind.value, address=address, count=count, detail=detail
        )

    def _warnings(self) -> list[str]:
        found = list(self._plan.notices)
        if self._damage:
            found.append(
                f"at the start {self._damage}; if it comes again, look at the disk (dmesg)"
            )
        if os.geteuid() == 0:
            why = "the log says why at its start (event=privileges_kept)"
            found.append(f"the node process runs as root; {why}")
        if self._recorder is not None and self._recorder.has_failed:
            found.append(f"the recording {self._plan.record} is incomplete: the disk is too slow")
        if lost := self._log.dropped:
            found.append(f"{lost} lines of the log were lost: nobody reads it")
        if self._inbox.dropped:
            found.append(f"messages dropped: {dict(self._inbox.dropped)}")
        return found


def scheduling_class() -> str:
    """The scheduling class that this process really has, in the words of the configuration."""
    policy = os.sched_getscheduler(0) & ~os.SCHED_RESET_ON_FORK
    if policy in (os.SCHED_RR, os.SCHED_FIFO):
        return "rt"
    return "nice" if os.getpriority(os.PRIO_PROCESS, 0) == NICEST else "normal"


def group_id(name: str | None) -> int | None:
    """The number of the group that may read the socket; StartError when there is none."""
    try:
        return None if name is None else grp.getgrnam(name).gr_gid
    except KeyError:
        raise StartError(f"no group is called {name} on this machine ([ipc] group)") from None


def read_ipc_key(path: Path | None) -> bytes | None:
    """The key that every request must hold; StartError when it cannot be read."""
    try:
        return None if path is None else path.read_bytes().strip()
    except OSError as error:
        why = f"cannot read the key {path} ([ipc] authkey_file): {error.strerror}"
        raise StartError(f"{why}; the user of the node must be able to") from error


def settings_for(plan: NodePlan, record: HardState | None) -> Settings:
    """What the core needs, given what is stored; StartError for a change within a change."""
    is_replaced = record is not None and record.digest != plan.digest
    if plan.accept_membership and is_replaced and record is not None:
        if record.old_members:
            # Nobody has obeyed the list in between: waiting for *its* members protects nothing.
            started = ", ".join(name for name, _ in record.members)
            raise StartError(
                f"the change to the members {started} is not finished yet, so another one cannot "
                f"begin: start this node with that list until `quorumdog status` shows it obeyed"
            )
        return plan.settings(record.members)
    return plan.settings()


def _will(means: Means, inc: bytes) -> protocol.ArmWill:
    plan = means.plan
    nonce = secrets.token_bytes(seal.NONCE_SIZE)
    sealed = seal.seal_will(means.authkey.reveal(), plan.cluster_id, plan.node, inc, nonce)
    addresses = tuple((peer.address, peer.port) for peer in plan.peers)
    return protocol.ArmWill(sealed, addresses[: protocol.WILL_ADDRESSES_MAX])


def _wall_text() -> str:
    return clock.timestamp(clock.wall_ms())


def _boot_ns() -> int:
    return clock.now().boot_ns
