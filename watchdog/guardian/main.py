"""The guardian: starts, takes the locks, cleans up, and then turns its loop until told to end.

Rule: all decisions are in `deadline`, all acts in `machine`; here is the order of the start
(docs/election.md, G8) and the one queue between the two.  The loop looks at the time first.
"""

import contextlib
import gc
import os
import signal
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from watchdog import stolen
from watchdog.guardian import actions as act
from watchdog.guardian import (
    children,
    clock,
    fence,
    folders,
    gate,
    hardware_watchdog,
    helpers,
    ledger,
    libc,
    locks,
    memory,
    plan,
    processes,
    scheduling,
    sentinel,
    supervisor,
    vip,
)
from watchdog.guardian.deadline import Deadline
from watchdog.guardian.log import Log
from watchdog.guardian.loop import Loop
from watchdog.guardian.machine import Machine, Means
from watchdog.guardian.saver import Saver
from watchdog.guardian.users import Account
from watchdog.instant import SECOND

EXIT_FAULT: Final = 1
EXIT_REFUSED: Final = 2
STEPS_MAX: Final = 10_000
"""Inputs taken in before the loop turns again: more is an endless exchange with ourselves."""
OOM_SCORE: Final = -1000
KEY_SIZE_MAX: Final = 4096
STOPS: Final = (signal.SIGTERM, signal.SIGINT)


class StartError(Exception):
    """The guardian cannot start; the text says why and what to do."""

    def __init__(self, text: str, code: int = EXIT_REFUSED) -> None:
        super().__init__(text)
        self.code = code


class Commands(NamedTuple):
    """What is started as the node process, and as each helper."""

    node: tuple[str, ...]
    helpers: Mapping[str, Sequence[str]]


class Guardian:
    """One life of the guardian, after its start."""

    def __init__(self, the_plan: plan.Plan, log: Log) -> None:
        self._loop = Loop()
        self._inputs: deque[act.Input] = deque()
        self._deadline: Deadline | None = None
        self._signals = self._take_signals()
        self.tag = folders.tag_of(the_plan.data_dir)
        self.machine = Machine(the_plan, self._loop, log, self._inputs.append, self.tag)
        self._meter = stolen.Meter(the_plan.policy.slack_ns // 2, clock.now().boot_ns)
        self._log = log

    def run(self, deadline: Deadline, means: Means) -> act.Exit:
        """Turn the loop until the deadline says Exit."""
        self._deadline = deadline
        self.machine.begin(means, deadline)
        means.supervisor.arm(self._loop, lambda: deadline.in_words)
        self._inputs.append(act.Started())
        self._pump()
        while not self.machine.exit:
            self._loop.turn(deadline.next_deadline, self._pump)
            self._log.flush()
        self.machine.close()
        return self.machine.exit

    def _pump(self) -> None:
        """Take every input in; a step is also due when only time has passed."""
        assert self._deadline, "pumping before the start"
        due = self._deadline.next_deadline
        if not self._inputs and due is not None:
            now_ns = clock.now().boot_ns
            stall = self._meter.look(now_ns, now_ns - due)
            if stall:
                late_ms, stolen_ms = stall
                self._log.warning("guardian_stalled", late_ms=late_ms, stolen_ms=stolen_ms)
                self._inputs.append(act.Stalled(late_ms, stolen_ms))
            elif now_ns >= due:
                self._inputs.append(act.Ticked())
        for _ in range(STEPS_MAX):
            if not self._inputs or self.machine.exit:
                return
            for action in self._deadline.step(clock.now(), self._inputs.popleft()):
                self.machine.perform(action)
        raise AssertionError("the guardian answers itself without end")

    def _take_signals(self) -> int:
        """Have signals wake the loop through a pipe, one byte each."""
        readable, writable = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(writable, warn_on_full_buffer=False)
        for number in (*STOPS, signal.SIGCHLD):
            signal.signal(number, lambda *_: None)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._loop.watch(readable, self._on_signal)
        return readable

    def _on_signal(self) -> None:
        numbers = os.read(self._signals, 256)
        self._inputs.extend(act.StopRequested() for number in numbers if number in STOPS)
        if signal.SIGCHLD in numbers:
            self.machine.reap()


def run(
    plan_fd: int,
    node_command: Sequence[str] = children.NODE_COMMAND,
    helper_commands: Mapping[str, Sequence[str]] = helpers.COMMANDS,
) -> int:
    """Be the guardian; the exit code. The commands are other ones only in tests."""
    if not __debug__:
        sys.stderr.write("quorumdog: assertions are off (-O), but they are safety checks\n")
        return EXIT_REFUSED
    the_plan = plan.read(plan_fd)
    log = Log(sys.stderr.fileno(), is_json=the_plan.log_json, node=the_plan.node)
    try:
        return _run(the_plan, log, plan_fd, Commands(tuple(node_command), helper_commands))
    except (
        StartError,
        sentinel.SentinelError,
        folders.FolderError,
        ledger.LedgerError,
        locks.LockedError,
        scheduling.NotPermittedError,
    ) as error:
        log.alarm("not_started", why=str(error))
        return error.code if isinstance(error, StartError) else _code_of(error)


def _code_of(error: Exception) -> int:
    return EXIT_FAULT if isinstance(error, locks.LockedError) else EXIT_REFUSED


def _run(the_plan: plan.Plan, log: Log, plan_fd: int, commands: Commands) -> int:
    os.chdir("/")
    os.umask(0o077)
    _keep_descriptors()
    processes.set_oom_score("self", OOM_SCORE)
    account, note = children.account_for(the_plan.user)
    if note:
        log.warning("privileges_kept", why=note)
    _make_folders(the_plan, account)
    lock = locks.take_guardian_lock(the_plan.data_dir)
    scheduling.apply_at_start(the_plan.scheduling)
    why = scheduling.lock_memory()
    if why:
        log.warning("memory_not_locked", why=why)
    _check_capabilities(the_plan)
    _check_last_resorts(the_plan)
    guardian = Guardian(the_plan, log)
    guardian.machine.clean()
    if guardian.machine.needs_subreaper:
        libc.become_subreaper()
    node_lock, killed = locks.take_node_lock(the_plan.data_dir, the_plan.run_dir)
    for pid in killed:
        log.warning("orphan_killed", pid=pid)
    file = ledger.LedgerFile(the_plan.data_dir, the_plan.cluster_id, the_plan.node)
    record, note = file.load()
    if note:
        log.warning("ledger", why=note)
    lookout = _fork_sentinel(the_plan, guardian.tag, node_lock, lock)
    barrier = _make_gate(the_plan, guardian.tag, log)
    policy = replace(
        the_plan.policy, has_gate=barrier is not None, has_sentinel=lookout is not None
    )
    means = Means(
        command=commands.node,
        handles=children.Handles(
            memory.sealed("plan", os.pread(plan_fd, plan.PLAN_SIZE_MAX, 0)),
            _key_memory(the_plan.authkey_file),
            node_lock,
        ),
        account=account,
        saver=Saver(file, the_plan.scheduling),
        supervisor=supervisor.from_environment(),
        helpers=commands.helpers,
        sentinel=lookout,
        gate=barrier,
    )
    log.info("guardian_started", pid=os.getpid(), scheduling=the_plan.scheduling)
    code = _turn(guardian, Deadline(policy, record, clock.now()), means, log)
    os.close(lock)
    return code


def _fork_sentinel(
    the_plan: plan.Plan, tag: str, node_lock: int, guardian_lock: int
) -> sentinel.Sentinel | None:
    if not sentinel.is_needed(the_plan):
        return None
    return sentinel.start(the_plan, tag, node_lock, guardian_lock)


def _make_gate(the_plan: plan.Plan, tag: str, log: Log) -> gate.Gate | None:
    """The kernel's gate, closed, if it is wanted and can be had."""
    if not the_plan.vips or the_plan.gate == "none":
        return None
    why = gate.trial(the_plan.vips, tag)
    if not why:
        try:
            return gate.Gate(the_plan.vips, tag, the_plan.scheduling)
        except OSError as error:
            why = error.strerror or str(error)
    if the_plan.gate == "nft":
        raise StartError(
            f'cluster.gate = "nft", but this kernel cannot: {why}; a Linux of 5.16 or newer with '
            f'nf_tables is needed, or gate = "auto" or "none" on all nodes (docs/gate.md)'
        )
    log.warning("gate_unavailable", why=f"{why}; a frozen machine may answer beyond its lease")
    return None


def _make_folders(the_plan: plan.Plan, account: Account | None) -> None:
    uid, gid = (account.uid, account.gid) if account else (os.geteuid(), os.getegid())
    folders.prepare(the_plan.data_dir, folders.DATA_MODE, uid, gid)
    folders.prepare_run(the_plan.run_dir, uid, gid, the_plan.socket_group)


def _check_last_resorts(the_plan: plan.Plan) -> None:
    policy = the_plan.policy
    why = fence.trial(policy.self_fence)
    if policy.watchdog_ns:
        seconds = policy.watchdog_ns // SECOND
        why = why or hardware_watchdog.trial(the_plan.watchdog_device, seconds)
    if why:
        raise StartError(why)


def _check_capabilities(the_plan: plan.Plan) -> None:
    missing = vip.missing_capabilities() if the_plan.vips else []
    if missing:
        raise StartError(
            f"a [vip] table needs {' and '.join(missing)}: run it as root or grant them "
            f"(systemd: AmbientCapabilities=), or leave [vip] out and move the address by a hook "
            f"(docs/hooks.md)"
        )


def _keep_descriptors() -> None:
    """Let no child inherit what we were started with (the plan, and whatever else is open)."""
    for name in os.listdir("/proc/self/fd"):
        if int(name) > sys.stderr.fileno():
            with contextlib.suppress(OSError):  # the descriptor of the listing itself
                os.set_inheritable(int(name), False)


def _turn(guardian: Guardian, deadline: Deadline, means: Means, log: Log) -> int:
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        end = guardian.run(deadline, means)
    except BaseException:
        # Whatever it was: nothing may stay on when nobody holds the deadline any more.
        guardian.machine.abandon()
        raise
    log.info("guardian_ended", code=end.code, why=end.why)
    return end.code


def _key_memory(path: str) -> int:
    """Memfd with the authkey, which the node process may not open itself."""
    key = b""
    if path:
        try:
            with open(path, "rb") as file:
                key = file.read(KEY_SIZE_MAX)
        except OSError as error:
            raise StartError(
                f"cannot read cluster.authkey_file {path}: {error.strerror}; "
                f"`quorumdog key gen` makes one, and every node needs the same"
            ) from None
    return memory.sealed("authkey", key)
