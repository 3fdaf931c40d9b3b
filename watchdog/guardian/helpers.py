"""The helper processes: lifecheck, and web. Started, ended, and never waited for.

Rule: they hold nothing that a deadline depends on, have no privileges and the class of everybody;
what they start is in their group and goes with them.  Lifecheck alone may say something: which
restart action it wants.  Whoever breaks the protocol is killed and started again, slowly.
"""

import contextlib
import os
import resource
import select
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, assert_never

from watchdog.guardian import children, clock, processes, scheduling, users
from watchdog.guardian.due import Due
from watchdog.guardian.helper_life import EXIT_REFUSED, STOP_NS, HelperLife, Order
from watchdog.guardian.hook_group import HookGroup
from watchdog.guardian.hook_start import in_group
from watchdog.guardian.log import Log
from watchdog.guardian.loop import Loop
from watchdog.guardian.reaper import Reaper
from watchdog.guardian.restarts import Restarts
from watchdog.guardian.wakes import Wakes
from watchdog.guardian_protocol import (
    PACKET_SIZE_MAX,
    PacketError,
    RestartEnded,
    pack,
    unpack_from_lifecheck,
)
from watchdog.instant import MS, SECOND, Instant

LIFECHECK: Final = "lifecheck"
COMMANDS: Final[Mapping[str, Sequence[str]]] = {
    LIFECHECK: (sys.executable, "-I", "-m", "lifecheck"),
    "web": (sys.executable, "-I", "-m", "watchdog.web"),
}
PRIVILEGED: Final = (sys.executable, "-I", "-m", "watchdog.guardian.privileged")
PLAN_FD: Final = 3
KEY_FD: Final = 4
GUARD_FD: Final = 5
START_FAILED: Final = 127
PACKETS_MAX: Final = 100
"""Packets of lifecheck within a second; it has one for each restart that it wants."""
CLOSE_NS: Final = STOP_NS + SECOND // 2
CLOSE_LOOKS_MAX: Final = 1000
CLOSE_PAUSE_S: Final = 0.005


class Given(NamedTuple):
    """What helpers are started with."""

    commands: Mapping[str, Sequence[str]]
    plan: int
    key: int
    account: users.Account | None
    scheduling: str


class Helper:
    """One helper: at most one process of it, and the group of everything that it has started."""

    def __init__(
        self,
        name: str,
        loop: Loop,
        reaper: Reaper,
        log: Log,
        restarts: Restarts,
        tag: str,
        oom_score: int,
    ) -> None:
        self.name = name
        self.life = HelperLife()
        self.pid = 0
        self.has_cgroup = False
        self._oom_score = oom_score
        self._loop = loop
        self._reaper = reaper
        self._log = log
        self._restarts = restarts
        self._link: socket.socket | None = None
        self._second: Instant | None = None
        self._packets = 0
        self._fault = ""
        self._group = HookGroup(f"quorumdog-{name}-{tag}", lambda _: True, is_used=True)
        self.has_cgroup = bool(self._group.path)
        self.changed: Callable[[], None] = lambda: None

    def owns(self, pid: int) -> bool:
        """Whether a child of ours is this helper, or an orphan of one."""
        return pid == self.pid or processes.oom_score_of(pid) == self._oom_score

    def look(self, given: Given) -> None:
        """Do what is due."""
        for order in self.life.look(clock.now()):
            match order:
                case Order.START:
                    self._start(given)
                case Order.TERMINATE:
                    self._signal(signal.SIGTERM)
                case Order.KILL:
                    self._log.warning("helper_killed", helper=self.name, why=self._fault)
                    self._signal(signal.SIGKILL)
                    self.clean()
                case _:
                    assert_never(order)

    def clean(self) -> None:
        """SIGKILL everything that is or was started by it."""
        if self.has_cgroup:
            self._group.kill()
            return
        orphans = processes.descendants(lambda pid: pid == self.pid or not self.owns(pid))
        for pid, start in orphans.items():
            processes.kill(pid, start)

    def close(self) -> None:
        """Leave nothing behind."""
        self._signal(signal.SIGKILL)
        self.clean()
        self._group.remove()

    # --- inside

    def _start(self, given: Given) -> None:
        now = clock.now()
        try:
            self.pid = self._spawn(given)
        except OSError as error:
            self._log.warning("helper_not_started", helper=self.name, why=str(error))
            self.life.on_exited(now, START_FAILED)
            return
        self.life.on_started(now)
        self._fault = "it did not end within a second of SIGTERM"
        self._reaper.expect(self.pid, self._on_exited)
        self._log.info("helper_started", helper=self.name, pid=self.pid)

    def _spawn(self, given: Given) -> int:
        command = [*_prefix(given.account), *given.commands[self.name]]
        if self.name != LIFECHECK:
            words = in_group(self._group, self._oom_score, [*command, "--plan-fd", str(PLAN_FD)])
            return self._begin(
                children.spawn(words, {PLAN_FD: given.plan}, children.ENVIRONMENT), given
            )
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        numbers = ["--plan-fd", str(PLAN_FD), "--key-fd", str(KEY_FD), "--guard-fd", str(GUARD_FD)]
        words = in_group(self._group, self._oom_score, [*PRIVILEGED, *command, *numbers])
        handles = {PLAN_FD: given.plan, KEY_FD: given.key, GUARD_FD: theirs.fileno()}
        try:
            pid = children.spawn(words, handles, children.ENVIRONMENT)
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        ours.setblocking(False)
        self._link, self._packets = ours, 0
        self._loop.watch(ours.fileno(), self._read, select.POLLIN)
        return self._begin(pid, given)

    def _begin(self, pid: int, given: Given) -> int:
        scheduling.apply_to_hook(pid, given.scheduling)
        for limit in (resource.RLIMIT_RTPRIO, resource.RLIMIT_NICE):
            # A unit's limits are for us: a helper that may take our class could starve us.
            with contextlib.suppress(OSError):  # it has ended already
                resource.prlimit(pid, limit, (0, 0))
        return pid

    def _on_exited(self, code: int) -> None:
        self.pid = 0
        self._unlink()
        self.clean()  # children of its probes must not be left behind
        again_ns = self.life.on_exited(clock.now(), code)
        again = "no" if again_ns is None else f"in {again_ns // MS} ms"
        self._log.info("helper_exited", helper=self.name, code=code, again=again)
        if code == EXIT_REFUSED:
            self._log.alarm(
                "helper_refused", helper=self.name, why="it cannot run as configured; see above"
            )
        self.changed()

    def _signal(self, number: signal.Signals) -> None:
        if self.pid:  # our child, so its number is its own until it was waited for
            os.kill(self.pid, number)

    # --- what lifecheck says

    def _read(self) -> None:
        if not self._link:
            return
        try:
            data = self._link.recv(PACKET_SIZE_MAX + 1)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            # It is ending, most likely; SIGCHLD says it a little later.
            self._condemn("it closed its end of the socketpair and went on", STOP_NS)
            return
        if self._is_flood():
            self._condemn(f"more than {PACKETS_MAX} packets in a second")
            return
        try:
            wanted = unpack_from_lifecheck(data)
        except PacketError as error:
            self._condemn(f"bad packet: {error}")
            return
        if self._restarts.knows(wanted.check):
            self._restarts.run(wanted, self._answer)
        else:
            self._condemn(f"check {wanted.check!r} has no restart action")

    def _is_flood(self) -> bool:
        now = clock.now()
        if self._second is None or Due(self._second, SECOND).is_past(now):
            self._second, self._packets = now, 0
        self._packets += 1
        return self._packets > PACKETS_MAX

    def _answer(self, packet: RestartEnded) -> None:
        if not self._link:
            return
        try:
            self._link.send(pack(packet), children.SEND_FLAGS)
        except BlockingIOError:
            self._condemn("it does not read its packets")
        except OSError:
            return  # it is gone, which SIGCHLD says as well

    def _condemn(self, why: str, grace_ns: int = 0) -> None:
        self._fault = why
        self._unlink()
        self.life.condemn(clock.now(), grace_ns)
        self.changed()

    def _unlink(self) -> None:
        if self._link:
            self._restarts.forget_asker()
            self._loop.forget(self._link.fileno())
            self._link.close()
            self._link = None


class Helpers:
    """All of them."""

    def __init__(
        self,
        names: tuple[str, ...],
        loop: Loop,
        reaper: Reaper,
        log: Log,
        restarts: Restarts,
        tag: str,
    ) -> None:
        self._helpers = [
            Helper(name, loop, reaper, log, restarts, tag, processes.HELPER_OOM_SCORE + number)
            for number, name in enumerate(names)
        ]
        self._reaper = reaper
        self._given: Given | None = None
        self._wakes = Wakes(loop, self._dues, self._look)
        for helper in self._helpers:
            helper.changed = self._wakes.arm

    @property
    def needs_subreaper(self) -> bool:
        """Whether orphans of a helper must become our children, for want of cgroups."""
        return any(not helper.has_cgroup for helper in self._helpers)

    def owns(self, pid: int) -> bool:
        """Whether a child of ours is a helper, or was started by one."""
        return any(helper.owns(pid) for helper in self._helpers)

    def clean(self) -> None:
        """SIGKILL what a predecessor left, and at our own fault what is ours."""
        for helper in self._helpers:
            helper.clean()

    def begin(self, given: Given) -> None:
        """Have the means to start them."""
        self._given = given

    def allow(self) -> None:
        """The node has come up."""
        for helper in self._helpers:
            helper.life.allow(clock.now())
        self._wakes.arm()

    def stop(self) -> None:
        """Tell them to end; nobody waits for it."""
        for helper in self._helpers:
            helper.life.stop(clock.now())
        self._look()
        self._wakes.arm()

    def close(self) -> None:
        """Everything is off and the node is gone: see to their end, with a bound."""
        self.stop()
        until = Due(clock.now(), CLOSE_NS)
        for _ in range(CLOSE_LOOKS_MAX):
            self._reaper.reap()
            self._look()
            if all(helper.life.is_over for helper in self._helpers) or until.is_past(clock.now()):
                break
            clock.pause(CLOSE_PAUSE_S)
        for helper in self._helpers:
            helper.close()

    # --- inside

    def _dues(self) -> list[Due]:
        return [due for helper in self._helpers for due in helper.life.dues]

    def _look(self) -> None:
        if self._given:
            for helper in self._helpers:
                helper.look(self._given)


def _prefix(account: users.Account | None) -> list[str]:
    # The kernel ends a helper with us; it is set here because dropping privileges clears it.
    if account:
        return users.prefix(account, keeps_nothing=True, dies_with_us=True)
    return [users.setpriv(), "--pdeathsig=KILL", "--"] if users.setpriv() else []
