"""The whole of lifecheck but the world: fake probes and processes, a socket, a guardian."""

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lifecheck.accelerators import Accelerators
from lifecheck.parts import Inherited, Makers
from lifecheck.plan import CheckPlan, HeartbeatPlan, OnFail, Plan
from lifecheck.probes import Means, Outcome
from lifecheck.runner import Runner
from tests.shell.lifecheck_node import FakeLog, FakeNode, eventually
from tests.unit.lifecheck.checks import RESTART, plan, probe, process
from watchdog.guardian_protocol import RestartEnded, pack, unpack_from_lifecheck

FINE = Outcome(ok=True, detail="fine")
FAST: dict[str, Any] = {"every_ms": 50, "timeout_ms": 40}


class FakeProbe:
    """Says what the stage says."""

    def __init__(self, stage: "Stage") -> None:
        self.doing = "asking"
        self._stage = stage

    async def run(self) -> Outcome:
        """Look."""
        self._stage.runs += 1
        return self._stage.outcome

    def close(self) -> None:
        """Nothing is kept."""


@dataclass
class FakeSight:
    """What the watch knows."""

    alive: int
    early: int = 0
    detail: str = "no process matches `postgres -D`"


class FakeWatch:
    """Processes by hand."""

    def __init__(self, changed: Callable[[int], None]) -> None:
        self._changed = changed
        self.sight: FakeSight | None = None
        self.paces: list[tuple[int, int]] = []
        self.looks = 0

    def see(self, alive: int, early: int = 0) -> None:
        """Call a change out."""
        self.sight = FakeSight(alive, early)
        self._changed(0)

    def seen(self, place: int) -> FakeSight | None:
        """What there is."""
        return self.sight

    def look_again(self, place: int) -> None:
        """Count."""
        self.looks += 1

    def pace(self, place: int, every_ms: int) -> None:
        """Keep it."""
        self.paces.append((place, every_ms))

    def accelerators(self) -> list[str]:
        """One."""
        return ["process_connector"]

    async def run(self) -> None:
        """Wait."""
        await asyncio.Event().wait()


class FakePulse:
    """One peer."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self.verdict = ("alive", "")
        self.changed = changed

    def peers(self) -> Mapping[str, tuple[str, str]]:
        """The one peer."""
        return {"b": self.verdict}

    def rows(self) -> Sequence[Mapping[str, object]]:
        """Its row."""
        return [{"node": "b", "verdict": self.verdict[0]}]

    async def run(self) -> None:
        """Wait."""
        await asyncio.Event().wait()


@dataclass
class Stage:
    """A runner, and everything around it in our hands."""

    folder: Path
    checks: tuple[CheckPlan, ...]
    method: Any = "none"
    outcome: Outcome = FINE
    runs: int = 0
    log: FakeLog = field(default_factory=FakeLog)

    def __post_init__(self) -> None:
        """Make the ends of the sockets."""
        self.node = FakeNode(self.folder / "socket")
        self.guardian, self.ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.guardian.setblocking(False)

    def runner(self) -> Runner:
        """Make it; in the loop."""
        heartbeat = HeartbeatPlan("127.0.0.1", 1, 1000, 10_000, ())
        whole = Plan(
            node="a",
            cluster_id=b"",
            log_json=False,
            socket=str(self.node.path),
            socket_key_file=None,
            method=self.method,
            heartbeat=heartbeat if self.method == "heartbeat" else None,
            accelerators=(),
            checks=self.checks,
        )
        means = Means(icmp=None, icmp6=None)
        inherited = Inherited(b"", self.ours, means, Accelerators())
        log: Any = self.log
        return Runner(whole, inherited, log, Makers(self._probe, self._watch, self._pulse))

    def _probe(self, *_: object) -> FakeProbe:
        return FakeProbe(self)

    def _watch(self, rules: object, changed: Callable[[int], None], *_: object) -> FakeWatch:
        self.watch = FakeWatch(changed)
        return self.watch

    def _pulse(self, *args: Any) -> FakePulse:
        self.pulse = FakePulse(args[4])
        return self.pulse

    async def ask(self, **request: object) -> dict[str, Any]:
        """Push a request; the answer's frame."""
        count = len(self.node.said("answer"))
        self.node.push("q", {"event": "request", "rid": count + 1, **request})
        await self.node.until(lambda: len(self.node.said("answer")) > count)
        return self.node.said("answer")[-1]

    async def until_said(self, verdict: str) -> dict[str, Any]:
        """Wait for a report with this verdict; what it says of this node."""
        await self.node.until(lambda: self.node.verdicts[-1:] == [verdict])
        own: dict[str, Any] = self.node.said("report")[-1]["own"]
        return own

    async def until_asked(self) -> int:
        """Wait for a restart to be wanted; its ticket."""
        data = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(self.guardian, 2048), 5)
        return unpack_from_lifecheck(data).ticket


def play(stage: Stage, story: Callable[[], Awaitable[None]]) -> None:
    """Run `story` beside a registered runner, and end it by SIGTERM as the guardian does."""

    async def run() -> None:
        await stage.node.start()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(stage.runner().run())
                await stage.node.until(lambda: len(stage.node.said("report")) > 0)
                await story()
                os.kill(os.getpid(), signal.SIGTERM)
        finally:
            await stage.node.stop()

    try:
        asyncio.run(run())
    finally:
        stage.ours.close()
        stage.guardian.close()


def test_a_dead_process_is_on_the_socket_before_the_callback_returns(tmp_path: Path) -> None:
    """The chain from the watch to the socket has no task and no turn of the loop in it."""
    stage = Stage(tmp_path, (plan("postgres", process()),))

    async def story() -> None:
        stage.watch.see(1)
        await stage.until_said("alive")
        stage.node.frames.clear()
        stage.watch.see(0)
        # Nothing of ours has run since: the node's side of the socket holds the report already.
        own = await stage.until_said("dead")
        assert own["reason"] == "postgres: no process matches `postgres -D`"

    play(stage, story)
    assert stage.log.events[-2:] == ["check_down", "stopped"]


def test_the_early_signal_is_a_death(tmp_path: Path) -> None:
    """The move may start while a large process is torn down."""
    stage = Stage(tmp_path, (plan("postgres", process()),))

    async def story() -> None:
        stage.watch.see(1)
        await stage.until_said("alive")
        stage.watch.see(1, early=1)
        await stage.until_said("dead")

    play(stage, story)


def test_a_probe_is_repeated_before_it_counts(tmp_path: Path) -> None:
    """fails = 3: two failures are no verdict."""
    stage = Stage(tmp_path, (plan("web", probe(**FAST)),))
    stage.outcome = Outcome(ok=False, detail="refused")

    async def story() -> None:
        own = await stage.until_said("dead")
        assert own["reason"] == "web: refused"
        assert stage.runs == 3
        stage.outcome = FINE
        await stage.until_said("alive")

    play(stage, story)


def test_only_changes_are_reported(tmp_path: Path) -> None:
    """The node's core must not be woken by every probe."""
    stage = Stage(tmp_path, (plan("web", probe(**FAST)),))

    async def story() -> None:
        await eventually(lambda: stage.runs >= 5)

    play(stage, story)
    assert stage.node.verdicts in (["unknown", "alive"], ["alive"])


def test_an_escalated_check_counts_where_and_while_it_is_armed(tmp_path: Path) -> None:
    """It is no reason against a standby, and asks nobody anything there."""
    stage = Stage(tmp_path, (plan("db", probe(fails=1, **FAST), when="escalated"),))
    stage.outcome = Outcome(ok=False, detail="refused")

    async def story() -> None:
        await asyncio.sleep(0.06)
        assert (stage.runs, stage.node.verdicts) == (0, ["alive"])
        stage.node.push("q", {"event": "armed", "epoch": 5})
        own = await stage.until_said("dead")
        assert own["epoch"] == 5
        stage.node.push("q", {"event": "disarmed"})
        await stage.until_said("alive")
        before = stage.runs
        await asyncio.sleep(0.06)
        assert stage.runs == before

    play(stage, story)
    assert stage.log.events.count("check_armed") == stage.log.events.count("check_disarmed") == 1


def test_a_service_is_restarted_before_the_node_lets_go(tmp_path: Path) -> None:
    """Twice within the window; the third time the VIP moves."""
    stage = Stage(tmp_path, (plan("db", process(), on_fail=RESTART),))

    async def story() -> None:
        stage.watch.see(0)
        for number in (1, 2):
            assert await stage.until_asked() == number
            assert "dead" not in stage.node.verdicts
            stage.guardian.send(pack(RestartEnded(number, False, "exit 1")))
        own = await stage.until_said("dead")
        assert own["reason"].endswith("(after 2 restarts, restart failed: exit 1)")

    play(stage, story)


def test_a_restart_that_helps_moves_nothing(tmp_path: Path) -> None:
    """The check goes on as if nothing had been."""
    stage = Stage(tmp_path, (plan("db", process(), on_fail=RESTART),))

    async def story() -> None:
        stage.watch.see(1)
        stage.watch.see(0)
        ticket = await stage.until_asked()
        stage.watch.see(1)
        stage.guardian.send(pack(RestartEnded(ticket, True, "")))
        await stage.until_said("alive")

    play(stage, story)
    assert "dead" not in stage.node.verdicts


def test_heartbeats_are_reported_as_they_change(tmp_path: Path) -> None:
    """Verdicts on peers travel in the same report."""
    stage = Stage(tmp_path, (), method="heartbeat")

    async def story() -> None:
        stage.pulse.verdict = ("dead", "not heard for 10 s")
        stage.pulse.changed()
        await stage.node.until(lambda: len(stage.node.said("report")) == 2)

    play(stage, story)
    reports = stage.node.said("report")
    assert [report["peers"]["b"]["verdict"] for report in reports] == ["alive", "dead"]


def test_a_node_that_comes_back_is_told_everything(tmp_path: Path) -> None:
    """A new node process knows nothing of what the old one was told."""
    stage = Stage(tmp_path, (plan("gateway", process(), on_fail=OnFail("veto")),))

    async def story() -> None:
        stage.watch.see(0)
        await stage.node.until(lambda: bool(stage.node.said("report")[-1]["own"]["veto"]))
        await stage.node.stop()
        stage.node.frames.clear()
        await stage.node.start()
        await stage.node.until(lambda: len(stage.node.said("report")) > 0)
        assert stage.node.said("report")[0]["own"]["veto"].startswith("gateway: ")

    play(stage, story)


def test_details_are_what_status_shows(tmp_path: Path) -> None:
    """Checks, heartbeats, accelerators."""
    stage = Stage(tmp_path, (plan("db", process()), plan("web", probe())), method="heartbeat")

    async def story() -> None:
        answer = await stage.ask(verb="details")
        assert answer["ok"] is True
        assert [row["name"] for row in answer["body"]["checks"]] == ["db", "web"]
        assert answer["body"]["heartbeat"] == [{"node": "b", "verdict": "alive"}]
        assert answer["body"]["accelerators"] == ["process_connector"]

    play(stage, story)


def test_a_running_check_can_be_changed(tmp_path: Path) -> None:
    """`check set`: pace and time-out at once, the numbers from the next outcome."""
    stage = Stage(tmp_path, (plan("db", process()), plan("web", probe(every_ms=60_000))))

    async def story() -> None:
        await eventually(lambda: stage.runs == 1)
        answer = await stage.ask(verb="check_set", name="db", settings={"every": "5s"})
        assert answer["ok"] is True
        assert stage.watch.paces == [(0, 5000)]
        settings = {"every": "50ms", "timeout": "50ms"}
        assert (await stage.ask(verb="check_set", name="web", settings=settings))["ok"] is True
        await eventually(lambda: stage.runs >= 4)

    play(stage, story)


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"verb": "check_set", "name": "nope", "settings": {"every": "1s"}}, "there are: web"),
        ({"verb": "check_set", "name": "web", "settings": {"every": "soon"}}, "needs a duration"),
        ({"verb": "check_reset", "name": 7}, "does not know"),
        ({"verb": "check_dance"}, "does not know the verb 'check_dance'"),
    ],
)
def test_what_cannot_be_obeyed_is_refused(
    tmp_path: Path, request_: dict[str, object], words: str
) -> None:
    """With a sentence for the operator who typed it."""
    stage = Stage(tmp_path, (plan("web", probe()),))

    async def story() -> None:
        answer = await stage.ask(**request_)
        assert answer["ok"] is False
        assert words in answer["body"]["MESSAGE"]

    play(stage, story)


def test_a_reset_asks_again_at_once(tmp_path: Path) -> None:
    """The operator has mended it and waits."""
    stage = Stage(tmp_path, (plan("web", probe(fails=1, every_ms=60_000)),))
    stage.outcome = Outcome(ok=False, detail="refused")

    async def story() -> None:
        await stage.until_said("dead")
        stage.outcome = FINE
        await stage.ask(verb="check_reset", name="web")
        await stage.until_said("alive")

    play(stage, story)


def test_a_callback_that_raises_ends_the_process(tmp_path: Path) -> None:
    """Half a lifecheck that goes on is worse than none: the guardian starts another."""
    stage = Stage(tmp_path, (plan("db", process()),))

    async def story() -> None:
        stage.watch.seen = lambda place: 1 // 0  # type: ignore[method-assign,assignment,return-value]
        stage.node.push("q", {"event": "request", "rid": 1, "verb": "check_reset", "name": "db"})
        await asyncio.sleep(5)

    with pytest.raises(ExceptionGroup) as caught:
        play(stage, story)
    assert caught.group_contains(ZeroDivisionError)


def test_a_push_that_makes_no_sense_is_left(tmp_path: Path) -> None:
    """A newer node may say more."""
    stage = Stage(tmp_path, ())

    async def story() -> None:
        stage.node.push("q", {"event": "sung"})
        stage.node.push("q", {"event": "armed", "epoch": "x"})
        await eventually(lambda: stage.log.events.count("push_not_known") == 2)

    play(stage, story)
