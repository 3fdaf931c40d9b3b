"""The node process in one piece: real core, disk, sockets and control; only the guardian is fake.

A cluster of one is a quorum alone, so that a start, a lease, commands and a stop need no peers.
"""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from ipc.binding import SocketPathError
from ipc.client import RefusedError, call
from tests.shell.guardian import FakeGuardian
from tests.unit.watchdog.shell import samples
from watchdog import guardian_protocol as protocol
from watchdog.instant import MS
from watchdog.shell.daemon import Daemon, Means, StartError
from watchdog.shell.listener import ListenError
from watchdog.shell.log import Log
from watchdog.shell.plan import IpcPlan, NodePlan, PlanMember
from watchdog.shell.recorder import replay
from watchdog.shell.secret import Secret
from watchdog.shell.storage import StateFileError

KEY = Secret(bytes(range(32)))


@pytest.fixture(autouse=True)
def _signals() -> Iterator[None]:
    """The daemon ignores SIGINT and SIGHUP; the test runner must not."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@dataclass(frozen=True, slots=True)
class Stage:
    """One daemon under test, its guardian, and where its socket and log are."""

    plan: NodePlan
    guardian: FakeGuardian
    log_file: Path

    async def until(self, what: str, is_so: Callable[[dict[str, object]], bool]) -> None:
        """Ask for the status until `is_so` of it."""
        body: dict[str, object] = {}
        for _ in range(500):
            try:
                body = await asyncio.to_thread(call, self.plan.ipc.path, "status")
            except Exception:  # noqa: BLE001 not there yet
                await asyncio.sleep(0.02)
                continue
            if is_so(body):
                return
            await asyncio.sleep(0.02)
        pytest.fail(f"never {what}: {json.dumps(body)}")

    async def until_escalated(self) -> None:
        """Wait for the only node to lead and be on."""
        await self.until("escalated", lambda body: body["escalated"] is True)

    def log(self) -> str:
        """What the daemon said."""
        return self.log_file.read_text()


def lonely_plan(folder: Path, port: int) -> NodePlan:
    """Return the plan of a cluster of one, with fast timing so that tests are short."""
    timing = replace(samples.timing(), soft_ns=420 * MS, hard_ns=550 * MS, promise_ns=585 * MS)
    member = PlanMember("alpha", "127.0.0.1", port, 1, 1, witness=False)
    return replace(
        samples.plan(),
        data_dir=folder,
        scheduling="normal",
        port=port,
        listen="127.0.0.1",
        address="127.0.0.1",
        members=(member,),
        timing=timing,
        ipc=IpcPlan(folder / "s", None, (), None),
        vips=(),
    )


def play(plan: NodePlan, story: Callable[[Stage], Awaitable[None]]) -> tuple[int, Stage]:
    """Run a daemon and `story` beside it; the exit code and the stage."""
    log_file = plan.data_dir / "log"
    descriptor = os.open(log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    log = Log(plan.node, fd=descriptor)
    stage = Stage(plan, FakeGuardian(), log_file)

    async def run() -> int:
        stage.guardian.open()
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            daemon = tasks.create_task(Daemon(Means(plan, KEY, stage.guardian.node_end), log).run())
            await story(stage)
            code = await daemon
        stage.guardian.close()
        return code

    try:
        return asyncio.run(run()), stage
    finally:
        stage.guardian.discard()
        log.close()
        os.close(descriptor)


async def stop(stage: Stage) -> None:
    """Ask for an orderly end as a service manager does."""
    await stage.until_escalated()
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture
def plan(tmp_path: Path, unused_port: int) -> NodePlan:
    """A cluster of one."""
    return lonely_plan(tmp_path, unused_port)


@pytest.fixture
def unused_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_lonely_node_forms_leads_escalates_and_stops_clean(plan: NodePlan) -> None:
    """The whole life of a process: sit-out, election, lease, SIGTERM, off, exit 0."""
    code, stage = play(plan, stop)
    assert code == 0
    kinds = [type(packet) for packet in stage.guardian.heard]
    assert kinds[0] is protocol.NodeUp
    assert kinds.count(protocol.ArmWill) == 1
    assert kinds.index(protocol.Escalate) < kinds.index(protocol.Deescalate)
    assert "event=election_won level=info node=alpha part=node state=COORDINATOR" in stage.log()
    assert not plan.ipc.path.exists()


def test_state_survives_and_the_epoch_rises(plan: NodePlan) -> None:
    """The second process must not lead under the epoch of the first."""
    played = [play(plan, stop) for _ in range(2)]
    assert [code for code, _ in played] == [0, 0]
    epochs = [
        packet.epoch
        for _, stage in played
        for packet in stage.guardian.heard
        if isinstance(packet, protocol.Escalate)
    ]
    assert epochs[0] < epochs[-1]
    assert "part=node amnesiac=false term=" in played[1][1].log()


def test_status_tells_of_the_only_node(plan: NodePlan) -> None:
    """Through the socket, as the command line asks."""

    async def story(stage: Stage) -> None:
        await stage.until_escalated()
        body = await asyncio.to_thread(call, plan.ipc.path, "status")
        assert body["coordinator"] == "alpha"
        assert body["quorum"] == {"have": 1, "need": 1, "ok": True}
        assert body["last_move"] is not None
        assert body["scheduling"] == "normal"
        await stop(stage)

    assert play(plan, story)[0] == 0


def test_switchover_without_a_candidate_is_refused_with_the_reason(plan: NodePlan) -> None:
    """An operator must not wait for something that cannot happen."""

    async def story(stage: Stage) -> None:
        await stage.until_escalated()
        attempts: list[dict[str, object]] = [{}, {"to": "beta"}, {"dry_run": True}, {"to": "alpha"}]
        for fields in attempts:
            with pytest.raises(RefusedError) as caught:
                await asyncio.to_thread(call, plan.ipc.path, "switchover", fields)
            assert caught.value.kind == "6"
        await stop(stage)

    assert play(plan, story)[0] == 0


def test_lost_guardian_ends_the_process(plan: NodePlan) -> None:
    """Without somebody who enforces the deadline nobody may lead."""

    async def story(stage: Stage) -> None:
        await stage.until_escalated()
        stage.guardian.close()

    code, stage = play(plan, story)
    assert code == 1
    assert "name=GUARDIAN_LOST" in stage.log()


def test_bug_in_a_callback_ends_the_process(plan: NodePlan) -> None:
    """It belongs to no task, so without a handler it would only be printed; crashing goes off."""

    async def story(stage: Stage) -> None:
        await stage.until_escalated()
        asyncio.get_running_loop().call_soon(list[int]().pop)

    with pytest.raises(ExceptionGroup) as caught:
        play(plan, story)
    assert caught.group_contains(IndexError, depth=2)


def test_recording_replays_to_the_same_effects(plan: NodePlan, tmp_path: Path) -> None:
    """What a user sends us after a strange night must show us the night."""
    plan = replace(plan, record=tmp_path / "record")
    code, _ = play(plan, stop)
    assert code == 0
    assert replay(tmp_path / "record") > 10


def test_recording_that_cannot_be_written_is_a_fault_of_the_start(
    plan: NodePlan, tmp_path: Path
) -> None:
    """An operator who asked for one must not find nothing afterwards."""
    guardian = FakeGuardian()
    with pytest.raises(StartError, match="cannot record to"):
        Daemon(
            Means(replace(plan, record=tmp_path / "none" / "r"), KEY, guardian.node_end),
            Log("alpha"),
        )
    guardian.discard()


def test_second_daemon_is_told_that_the_socket_is_taken(plan: NodePlan) -> None:
    """Whoever comes second must leave the first alone."""

    async def story(stage: Stage) -> None:
        await stage.until_escalated()
        guardian = FakeGuardian()
        second = Daemon(Means(plan, KEY, guardian.node_end), Log("alpha"))
        with pytest.raises(SocketPathError, match="another daemon"):
            await second.run()
        guardian.discard()
        await stop(stage)

    assert play(plan, story)[0] == 0


def test_port_in_use_is_a_fault_of_the_start(plan: NodePlan) -> None:
    """The text says which port and what to do."""

    async def story(stage: Stage) -> None:
        return

    with socket.socket() as other:
        other.bind((plan.listen, plan.port))
        other.listen()
        with pytest.raises(ExceptionGroup) as caught:
            play(plan, story)
    assert caught.group_contains(ListenError, match="cannot listen on 127")


def test_state_that_is_a_directory_is_a_fault_of_the_start(plan: NodePlan) -> None:
    """Before anything is opened or said."""
    (plan.data_dir / "state").mkdir()
    guardian = FakeGuardian()
    with pytest.raises(StateFileError, match="directory"):
        Daemon(Means(plan, KEY, guardian.node_end), Log("alpha"))
    guardian.discard()


def test_unknown_group_of_the_socket_is_a_fault_of_the_start(plan: NodePlan) -> None:
    """[ipc] group is looked up on the machine on which it is needed."""
    ipc = replace(plan.ipc, group="no-such-group-here")

    async def story(stage: Stage) -> None:
        return

    with pytest.raises(ExceptionGroup) as caught:
        play(replace(plan, ipc=ipc), story)
    assert caught.group_contains(StartError, match="no group is called")


def test_python_without_assertions_is_refused() -> None:
    """The invariants are assertions: without them two nodes could be on."""
    argv = [sys.executable, "-O", "-m", "watchdog.shell"]
    found = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert "start without it" in found.stderr
