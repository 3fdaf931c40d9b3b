"""One cluster under the nemesis: real daemons, a client and a judge, each in its own namespace.

Rule: `on_conflict = "takeover"` everywhere, so that no probe of a new leader hides an old one that
still answers; everything made here (namespaces, mounts, processes, folders) is gone afterwards.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.nemesis.disks import Disk
from tests.nemesis.judge import Spec
from tests.nemesis.verdict import Edge, Record, Span, holding
from tests.nemesis.wires import Wires
from tests.support import REPOSITORY
from tests.system.cluster import NAMES, VIPS, SystemCluster
from watchdog.cli.demo.cluster import Cluster, Layout
from watchdog.cli.demo.interrupt import Interrupt, TooLateError
from watchdog.cli.demo.journal import Journal, now_ns
from watchdog.cli.demo.lab import LabError, pids
from watchdog.cli.demo.namespaces import laboratory
from watchdog.cli.demo.processes import Running
from watchdog.cli.privileges import best_scheduling
from watchdog.cli.status import exit_code

CLIENT: Final = "client"
JUDGE: Final = "judge"
END_S: Final = 5.0
SETTLE_S: Final = 0.7
"""After this no answer is under way any more."""
POLL_S: Final = 0.1
START_S: Final = 40.0
REMEMBERED: Final = {
    "DE_ESCALATION_FAILED",
    "GATE_WAS_GONE",
    "LEDGER_FAILED",
    "OFF_FAILED",
    "VIP_CLAIMED",
    "VIP_FAILED",
    "VIP_WAS_GONE",
    "VIP_WAS_LEFT",
}
"""Alarms that stand for ten minutes, because nobody sees their cause go."""
HOOK: Final = """#!/bin/sh
case " $(cat "${0%/*}/hangs" 2>/dev/null) " in *" $QUORUMDOG_EVENT "*) exec sleep 60 ;; esac
"""
HOOKS: Final = """[hooks]
escalation = "{home}/hook"
de_escalation = "{home}/hook"
escalation_timeout = "2s"
"""


@dataclass(frozen=True, slots=True)
class Shape:
    """What kind of cluster: how many nodes, who only votes, and what is special about it."""

    nodes: str = "3"
    kind: str = "plain"
    """plain | hooks | disk (data on small disks of their own) | clock (under libfaketime)"""
    gate: str = "auto"
    timing: str = "default"

    @property
    def names(self) -> tuple[str, ...]:
        """All nodes."""
        return NAMES[: 5 if self.nodes == "5" else 3]

    @property
    def witness(self) -> str:
        """Who never leads, or nobody."""
        return "gamma" if self.nodes == "2w" else ""


@dataclass
class Stage:
    """What the faults act on, and what was seen."""

    shape: Shape
    cluster: SystemCluster
    wires: Wires
    record: Record
    disks: dict[str, Disk] = field(default_factory=dict)
    _read: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """All nodes."""
        return self.shape.names

    @property
    def folder(self) -> Path:
        """Everything of the cluster."""
        return self.cluster.cluster.folder

    def home(self, name: str) -> Path:
        """The folder of a node."""
        return self.folder / name

    def start(self, name: str) -> None:
        """Start a node (again)."""
        if self.shape.kind != "clock":
            self.cluster.start(name)
            return
        run = ["run", "--config", str(self.cluster.cluster.config(name)), "--node", name]
        module = [sys.executable, "-m", "tests.nemesis.skewed", str(self.home(name) / "wall")]
        words = ["env", "-C", str(REPOSITORY), *module, *run]
        command = self.cluster.lab.command(name, words)
        self.cluster.cluster.running[name] = Running(command, self.cluster.cluster.log(name), {})

    def look(self) -> Record:
        """Read what was seen since the last look."""
        with self.cluster.journal.path.open("rb") as file:
            file.seek(self._read)
            whole = file.read()
        whole = whole[: whole.rfind(b"\n") + 1]
        self._read += len(whole)
        for line in whole.splitlines():
            self.record.add(json.loads(line))
        return self.record

    def window(self, begin: int, end: int) -> Span:
        """The time between two instants."""
        return Span(Edge(begin), Edge(end, 1 << 60))

    def pause(self, seconds: float) -> None:
        """Let time pass."""
        self.cluster.pause(seconds)

    def wait(self, what: str, is_so: Any, seconds: float) -> None:
        """Wait until it is so; TooLateError with `what`."""
        deadline = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > deadline:
                raise TooLateError(f"waited {seconds:g} s, but not yet: {what}")
            self.pause(POLL_S)

    def wait_healthy(self, seconds: float) -> str:
        """Wait until every node says that all is well and one holds; that one."""
        cluster = self.cluster.cluster
        found: list[str] = []

        def is_well() -> bool:
            leader = cluster.coordinator() if self.all_say_well() else None
            if leader is None or holding(self.look()) != {leader}:
                return False
            found.append(leader)
            return True

        try:
            self.wait("all nodes healthy", is_well, seconds)
        except TooLateError as error:
            raise TooLateError(f"{error} ({self.complaints()})") from None
        return found[-1]

    def all_say_well(self) -> bool:
        """Whether every node says that all is well and nobody sits out."""
        bodies = [self.cluster.cluster.status(name) for name in self.names]
        return all(body is not None and is_healthy(body) for body in bodies)

    def alarms(self) -> list[str]:
        """What the nodes still remember."""
        bodies = [self.cluster.cluster.status(name) or {} for name in self.names]
        return sorted(
            {a for body in bodies for row in body.get("nodes", []) for a in row["alarms"]}
        )

    def complaints(self) -> str:
        """What the nodes say that is not well."""
        said = []
        for name in self.names:
            body = self.cluster.cluster.status(name)
            if body is None:
                said.append(f"{name} does not answer")
                continue
            rows = [
                f"{row['name']}={row['state']}{'' if row['reachable'] else ' unreachable'}"
                f"{' ' + ','.join(row['alarms']) if row['alarms'] else ''}"
                for row in body["nodes"]
            ]
            said.append(f"{name} says {'; '.join(rows)}; memory {body['memory']}")
        return " | ".join([*said, f"holding: {sorted(holding(self.look()))}"])

    def gates(self) -> dict[str, str]:
        """What each node that may hold says of its gate."""
        bodies = {n: self.cluster.cluster.status(n) for n in self.names if n != self.shape.witness}
        return {name: str((body or {}).get("gate", "not said")) for name, body in bodies.items()}

    def pids(self, name: str) -> list[int]:
        """Every process on the machine of a node."""
        return pids(self.cluster.lab.places[name].namespace)


def is_healthy(body: dict[str, Any]) -> bool:
    """Whether the node says so; what it only remembers of a fault that is over is no matter."""
    for row in body["nodes"]:
        row["alarms"] = [alarm for alarm in row["alarms"] if alarm not in REMEMBERED]
    return exit_code(body) == 0 and all(
        row["state"] in {"STANDBY", "COORDINATOR"} for row in body["nodes"]
    )


def layout(shape: Shape, addresses: dict[str, str]) -> Layout:
    """The configuration of every node."""
    return Layout(
        addresses,
        vips=VIPS,
        scheduling=best_scheduling(),
        timing=shape.timing,
        nodes={shape.witness: 'role = "witness"'} if shape.witness else {},
        cluster=f'on_conflict = "takeover"\ngate = "{shape.gate}"',
        tables=HOOKS if shape.kind == "hooks" else "",
    )


@contextmanager
def opened(shape: Shape, number: int) -> Iterator[Stage]:
    """A running, healthy cluster."""
    folder = Path(tempfile.mkdtemp(prefix="quorumdog-nemesis-"))
    folder.chmod(0o755)
    made: list[Disk] = []
    try:
        with laboratory(f"qn{_short()}x{number}", (*shape.names, CLIENT, JUDGE)) as lab:
            # Else each node keeps a copy of all mounts, and no disk can be taken away.
            lab.keeps_cgroups = shape.kind == "disk"
            addresses = {name: lab.places[name].address for name in shape.names}
            cluster = Cluster(folder, layout(shape, addresses), lab, Interrupt(()))
            journal = Journal(folder / "observations.jsonl")
            system = SystemCluster(cluster, lab, journal)
            vips = tuple(vip.partition("/")[0] for vip in VIPS)
            stage = Stage(shape, system, Wires(lab), Record(vips, shape.names))
            with _judged(stage, vips):
                yield from _running(stage, made)
    finally:
        for disk in made:
            disk.remove()
        shutil.rmtree(folder, ignore_errors=True)


def _short() -> str:
    return f"{now_ns() // 1_000_000 % 0xFFFFFF:x}"


def _running(stage: Stage, disks: list[Disk]) -> Iterator[Stage]:
    for name in stage.names:
        home = stage.home(name)
        (home / "wall").write_text("+0", encoding="ascii")
        (home / "hook").write_text(HOOK, encoding="ascii")
        (home / "hook").chmod(0o755)
        if stage.shape.kind == "disk":
            stage.disks[name] = Disk(home / "disk", home / "data")
            disks.append(stage.disks[name])
            stage.disks[name].make()
    try:
        for name in stage.names:
            stage.start(name)
        stage.wait_healthy(START_S)
        yield stage
    finally:
        for disk in disks:
            disk.thaw()
        for name in stage.names:
            with suppress(LabError):
                for pid in stage.pids(name):
                    subprocess.run(["kill", "-CONT", str(pid)], check=False, capture_output=True)
        stage.cluster.cluster.stop_all()


@contextmanager
def _judged(stage: Stage, vips: tuple[str, ...]) -> Iterator[None]:
    """Run the observing process."""
    lab = stage.cluster.lab
    nodes = [
        (place.nsid, name, place.namespace, stage.wires.mac(name))
        for name, place in lab.places.items()
        if name in stage.names
    ]
    judge = lab.places[JUDGE]
    spec = Spec(
        journal=str(stage.cluster.journal.path),
        network=lab.network,
        client=lab.places[CLIENT].namespace,
        judge=judge.namespace,
        judge_addresses=(judge.address, judge.address6),
        vips=vips,
        nodes=nodes,
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.nemesis.judge", spec.to_json()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=REPOSITORY,
        start_new_session=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        if not process.stdout.readline():
            raise LabError("the judge did not start; its error is above")
        yield
    finally:
        process.stdin.close()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
