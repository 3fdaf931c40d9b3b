"""Ties the parts together: outcomes to checks, checks to a report, pushes of the node to checks.

The way from a callback that says "dead" to the bytes on the control socket is one chain of plain
calls: watch -> Watched.look -> _took -> _say -> Link.send.  Logging comes after it.  One TaskGroup
holds everything; a crash ends the process, and the guardian starts another.
"""

import asyncio
import signal
from functools import partial
from typing import Final, Protocol

from lifecheck import clock
from lifecheck.check import Check
from lifecheck.details import details
from lifecheck.detector import Verdict
from lifecheck.guard_link import Guard
from lifecheck.log import Log
from lifecheck.node_link import Link
from lifecheck.parts import Inherited, Makers, Pulse, Watch
from lifecheck.plan import Plan
from lifecheck.probes import Means, Outcome
from lifecheck.processes.accelerators import Accelerators
from lifecheck.processes.matching import Rule
from lifecheck.schedule import Slot
from lifecheck.settings import SettingError, apply
from lifecheck.statement import Statement, report_body, state, valid_ms
from lifecheck.watched import Sight, Watched
from watchdog.guardian_protocol import RestartEnded

REPEATS: Final = 3
"""A report is said again so often before the node stops to believe it."""


class StopError(Exception):
    """SIGTERM: end everything that runs, and the process."""


class Runs(Protocol):
    """What makes outcomes of one probe: a Slot, or a Watched."""

    def hold(self) -> None:
        """Make none until woken."""


class Runner:
    """The lifecheck of one node."""

    def __init__(
        self, plan: Plan, inherited: Inherited, log: Log, makers: Makers | None = None
    ) -> None:
        self._makers = makers or Makers()
        now_ms = clock.now_ms()
        self._plan = plan
        self._log = log
        self._checks = [Check(check, now_ms) for check in plan.checks]
        self._slots: dict[tuple[str, int], Slot] = {}
        self._watched: dict[tuple[str, int], Watched] = {}
        beats = plan.heartbeat if plan.method == "heartbeat" else None
        self._valid_ms = valid_ms(beats.deadtime_ms if beats else 0)
        repeat_s = self._valid_ms / 1000 / REPEATS
        self._link = Link(plan.socket, plan.socket_key_file, repeat_s, self, log)
        self._guard = Guard(inherited.guard, self._restart_ended)
        self._said: Statement | None = None
        self._pulse = self._make_pulse(inherited.heartbeat_key)
        self._rules: list[tuple[str, int]] = []
        self._watch = self._make_watch(inherited.accelerators)
        self._make_slots(inherited.means)

    async def run(self) -> None:
        """Check until SIGTERM. Raises what ends it."""
        loop = asyncio.get_running_loop()
        stopped = loop.create_future()
        loop.add_signal_handler(signal.SIGTERM, partial(_stop, stopped))
        loop.set_exception_handler(partial(_crash, stopped))
        try:
            await self._run_all(stopped)
        except* StopError:
            self._log.info("stopped")

    async def _run_all(self, stopped: asyncio.Future[None]) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(_stopped(stopped))
            group.create_task(self._link.run())
            group.create_task(self._guard.run())
            if self._pulse is not None:
                group.create_task(self._pulse.run())
            if self._watch is not None:
                group.create_task(self._watch.run())
            for slot in self._slots.values():
                group.create_task(slot.serve(group))

    # --- what the node says (link.Ear)

    def registered(self) -> None:
        """Say to a node that may know nothing what is so."""
        self.repeat()

    def repeat(self) -> None:
        """Say again what is so, before the node stops to believe it."""
        self._say(is_repeat=True)

    def pushed(self, push: dict[str, object]) -> None:
        """Obey a push; one that makes no sense is the node's fault, and left."""
        match push:
            case {"event": "armed", "epoch": int(epoch)}:
                self._arm(epoch)
            case {"event": "disarmed"}:
                self._arm(0)
            case {"event": "request", "rid": int(rid), "verb": str(verb)}:
                self._answer(rid, verb, push)
            case _:
                self._log.warning("push_not_known", push=str(push)[:200])

    # --- outcomes

    def _process_changed(self, place: int) -> None:
        self._watched[self._rules[place]].look()

    def _seen(self, place: int) -> Sight | None:
        return None if self._watch is None else self._watch.seen(place)

    def _took(self, check: Check, index: int, outcome: Outcome) -> int:
        now_ms = clock.now_ms()
        is_change = check.saw(now_ms, index, ok=outcome.ok, detail=outcome.detail)
        needs_restart = check.restart_is_due(now_ms)
        self._say()
        if is_change:
            self._log_verdict(check)
        if needs_restart:
            self._restart(check, now_ms)
        return check.detectors[index].pause_ms(check.probes[index].every_ms)

    def _say(self, *, is_repeat: bool = False) -> None:
        pulse = self._pulse
        peers = {} if pulse is None else pulse.peers()
        is_mute = pulse is not None and pulse.is_mute
        statement = state(self._checks, peers, is_mute=is_mute)
        if is_repeat or statement != self._said:
            self._said = statement
            self._link.send(report_body(statement, self._valid_ms))

    def _log_verdict(self, check: Check) -> None:
        name, reason = check.plan.name, check.reason
        match check.verdict:
            case Verdict.UP:
                self._log.info("check_up", check=name, reason=reason)
            case Verdict.DOWN:
                count = check.fail_count
                self._log.warning("check_down", check=name, reason=reason, fail_count=count)
            case _:
                self._log.info("check_undecided", check=name, verdict=check.verdict.value)

    # --- restart actions

    def _restart(self, check: Check, now_ms: int) -> None:
        ticket = self._guard.restart(check.plan.name, check.plan.on_fail.timeout_ms)
        check.restarts.started(now_ms, ticket)
        self._hold(check)
        self._log.warning(
            "restart_wanted",
            check=check.plan.name,
            reason=check.reason,
            count=f"{check.restarts.count}/{check.restarts.limit}",
        )

    def _restart_ended(self, packet: RestartEnded) -> None:
        now_ms, ok, detail = clock.now_ms(), packet.ok, packet.detail
        for check in self._checks:
            if check.restart_ended(now_ms, packet.ticket, ok=ok, detail=detail):
                self._log.info("restart_ended", check=check.plan.name, ok=ok, detail=detail)
                self._wake(check)
                self._say()

    # --- requests of operators

    def _answer(self, rid: int, verb: str, push: dict[str, object]) -> None:
        try:
            body = self._obey(verb, push)
        except SettingError as error:
            self._reply(rid, ok=False, body={"MESSAGE": str(error)})
        else:
            self._reply(rid, ok=True, body=body)

    def _reply(self, rid: int, *, ok: bool, body: dict[str, object]) -> None:
        self._link.send({"verb": "answer", "rid": rid, "ok": ok, "body": body})

    def _obey(self, verb: str, push: dict[str, object]) -> dict[str, object]:
        match verb, push:
            case "details", _:
                rows = [] if self._pulse is None else self._pulse.rows()
                names = [] if self._watch is None else self._watch.accelerators()
                return details(self._checks, rows, names, clock.now_ms())
            case "check_set", {"name": str(name), "settings": dict(settings)}:
                texts = {str(key): str(value) for key, value in settings.items()}
                return self._set(self._find(name), texts)
            case "check_reset", {"name": str(name)}:
                return self._reset(self._find(name))
        raise SettingError(
            f"lifecheck does not know the verb {verb!r}, or a field of it is missing"
        )

    def _find(self, name: str) -> Check:
        for check in self._checks:
            if check.plan.name == name:
                return check
        known = ", ".join(check.plan.name for check in self._checks) or "none"
        raise SettingError(f"no check is called {name!r} on this node; there are: {known}")

    def _set(self, check: Check, settings: dict[str, str]) -> dict[str, object]:
        check.change(apply(check.probes, settings))
        self._set_pace(check)
        text = " ".join(f"{key}={value}" for key, value in settings.items())
        self._log.info("check_set", check=check.plan.name, settings=text)
        return {}

    def _reset(self, check: Check) -> dict[str, object]:
        check.reset()
        self._set_pace(check)
        self._log.info("check_reset", check=check.plan.name)
        self._say()
        return {}

    def _set_pace(self, check: Check) -> None:
        for index, probe in enumerate(check.probes):
            key = (check.plan.name, index)
            if key in self._slots:
                self._slots[key].timeout_ms = probe.timeout_ms
            elif self._watch is not None:
                self._watch.pace(self._rules.index(key), probe.every_ms)
        if check.is_counting:
            self._wake(check)

    # --- arming

    def _arm(self, epoch: int) -> None:
        now_ms = clock.now_ms()
        for check in self._checks:
            if not check.arm(now_ms, epoch):
                continue
            if epoch:
                self._log.info("check_armed", check=check.plan.name, epoch=epoch)
                self._wake(check)
            else:
                self._log.info("check_disarmed", check=check.plan.name)
                self._hold(check)
        self._say()

    def _hold(self, check: Check) -> None:
        for runs in self._runs_of(check):
            runs.hold()

    def _wake(self, check: Check) -> None:
        for index in range(len(check.probes)):
            key = (check.plan.name, index)
            if key in self._slots:
                self._slots[key].wake()
            elif self._watch is not None:
                # Not judged by what is known now: a service that was started this very moment
                # has not been found yet. The watch calls out when it has looked.
                self._watch.look_again(self._rules.index(key))

    def _runs_of(self, check: Check) -> list[Runs]:
        keys = [(check.plan.name, index) for index in range(len(check.probes))]
        return [self._slots.get(key) or self._watched[key] for key in keys]

    # --- making

    def _make_pulse(self, key: bytes) -> Pulse | None:
        plan = self._plan
        if plan.method != "heartbeat" or plan.heartbeat is None:
            return None
        return self._makers.pulse(
            plan.heartbeat, plan.node, plan.cluster_id, key, self._say, self._log
        )

    def _make_watch(self, accelerators: Accelerators) -> Watch | None:
        rules: list[Rule] = []
        for check in self._checks:
            for index, probe in enumerate(check.probes):
                if probe.kind != "process":
                    continue
                key, place = (check.plan.name, index), len(rules)
                rules.append(Rule.of(probe.options, probe.every_ms))
                self._rules.append(key)
                took = partial(self._took, check, index)
                self._watched[key] = Watched(check, index, partial(self._seen, place), took)
        if not rules:
            return None
        return self._makers.watch(rules, self._process_changed, accelerators, self._log)

    def _make_slots(self, means: Means) -> None:
        for check in self._checks:
            for index, probe in enumerate(check.probes):
                if probe.kind == "process":
                    continue
                name, took = f"{check.plan.name}/{probe.kind}", partial(self._took, check, index)
                slot = Slot(
                    name, self._makers.probe(probe, means), probe.timeout_ms, took, self._log
                )
                self._slots[check.plan.name, index] = slot
                if not check.is_counting:
                    slot.hold()


def _stop(stopped: asyncio.Future[None]) -> None:
    if not stopped.done():
        stopped.set_result(None)


def _crash(
    stopped: asyncio.Future[None], _: asyncio.AbstractEventLoop, context: dict[str, object]
) -> None:
    """A callback that raised is a crash like any other: half a lifecheck is worse than none."""
    error = context.get("exception")
    if not stopped.done():
        stopped.set_exception(
            error if isinstance(error, Exception) else RuntimeError(str(context.get("message")))
        )


async def _stopped(stopped: asyncio.Future[None]) -> None:
    await stopped
    raise StopError
