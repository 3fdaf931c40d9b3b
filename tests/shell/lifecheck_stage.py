"""A stage for the whole of lifecheck: fake probes and processes, a socket, a guardian."""

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lifecheck.parts import Inherited, Makers
from lifecheck.plan import CheckPlan, HeartbeatPlan, Plan
from lifecheck.probes import Means, Outcome
from lifecheck.processes.accelerators import Accelerators
from lifecheck.runner import Runner
from tests.shell.lifecheck_node import FakeLog, FakeNode
from watchdog.guardian_protocol import unpack_from_lifecheck

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
        self.found: int | None = None

    def see(self, alive: int, early: int = 0) -> None:
        """Call a change out."""
        self.sight = FakeSight(alive, early)
        self._changed(0)

    def seen(self, place: int) -> FakeSight | None:
        """What there is."""
        return self.sight

    def look_again(self, place: int) -> None:
        """Look, and call out what `found` says is there by then."""
        self.looks += 1
        asyncio.get_running_loop().call_soon(self._looked)

    def _looked(self) -> None:
        if self.found is not None:
            self.sight = FakeSight(self.found)
        self._changed(0)

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
        self.is_mute = False
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
