"""One cluster's stage: namespaces, the answering processes, the observing process, the faults.

It knows nothing of any peer.  A peer's processes are everything that runs in a node's namespace
except the answering process, so killing or freezing `daemons` spares no helper of it.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from bench.peers.judge import State
from bench.peers.watching import Spec
from watchdog.cli.demo.interrupt import Interrupt
from watchdog.cli.demo.journal import Journal, now_ns, read
from watchdog.cli.demo.lab import NETNS_FOLDER, VIP, Lab, LabError
from watchdog.cli.demo.processes import Running

NODES: Final = ("alpha", "beta", "gamma")
REPOSITORY: Final = Path(__file__).parents[2]
END_S: Final = 5.0
AGAIN_S: Final = 2.0
PIDFILE: Final = "service.pid"


class Stage:
    """Three nodes on a bridge, watched; `folder` has a folder for each node."""

    def __init__(self, lab: Lab, folder: Path, interrupt: Interrupt) -> None:
        self.lab = lab
        self.folder = folder
        self.interrupt = interrupt
        self.journal = Journal(folder / "observations")
        self._reading = self.journal.path.open("rb")
        self._rest = b""
        self._state = State(VIP, set(), set())
        self._last: dict[str, Any] = {}
        self._services: dict[str, Running] = {}
        self._watching = self._watch()

    def _watch(self) -> subprocess.Popen[bytes]:
        nodes = {place.nsid: (place.name, f"p-{place.name}") for place in self.lab.places.values()}
        spec = Spec(str(self.journal.path), self.lab.network, nodes, VIP)
        started = subprocess.Popen(
            [sys.executable, "-m", "bench.peers.watching", spec.to_json()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            cwd=REPOSITORY,
        )
        assert started.stdout
        if not started.stdout.readline():
            started.kill()
            raise LabError("the observing process did not start; its error is above")
        return started

    def close(self) -> None:
        """End what watches and what answers."""
        assert self._watching.stdin
        assert self._watching.stdout
        with suppress(BrokenPipeError):
            self._watching.stdin.close()
        try:
            self._watching.wait(END_S)
        except subprocess.TimeoutExpired:
            self._watching.kill()
            self._watching.wait()
        self._watching.stdout.close()
        for service in self._services.values():
            service.kill()
        self._reading.close()
        self.journal.close()

    # --- what is seen

    def ask(self, every_ms: float) -> None:
        """Have the client ask so often; 0: not at all."""
        assert self._watching.stdin
        self._watching.stdin.write(f"ask {every_ms}\n".encode())
        self._watching.stdin.flush()

    def mark(self, title: str) -> int:
        """Note a moment in the journal; its time."""
        at = now_ns()
        self.journal.write("mark", at, title=title)
        return at

    def observations(self) -> list[dict[str, Any]]:
        """Everything seen so far."""
        return read(self.journal.path)

    def holders(self) -> frozenset[str]:
        """Who holds the VIP now, as the judge will see it."""
        self._follow()
        return self._state.holders

    def answered_by(self) -> str:
        """Who answers the client; empty when nobody does."""
        self._follow()
        return str(self._last.get("node", "")) if self._last.get("unanswered", 1) < 50 else ""

    def say(self) -> str:
        """How it stands, for an error."""
        held = ", ".join(sorted(self.holders())) or "nobody"
        return f"{held} holds, {self.answered_by() or 'nobody'} answers"

    def _follow(self) -> None:
        lines = (self._rest + self._reading.read()).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            one = json.loads(line)
            self._state.take(one)
            if one["kind"] == "alive":
                self._last = one

    # --- processes

    def make_homes(self) -> None:
        """A folder for each node."""
        for node in NODES:
            self.home(node).mkdir(mode=0o755)

    def home(self, node: str) -> Path:
        """The folder of a node."""
        return self.folder / node

    def pidfile(self, node: str) -> Path:
        """Where the answering process of a node says its number."""
        return self.home(node) / PIDFILE

    def service_command(self, node: str) -> list[str]:
        """What runs the answering process, inside the node's namespace."""
        program = Path(__file__).with_name("answering.py")
        return [sys.executable, "-I", "-S", str(program), node, str(self.pidfile(node))]

    def start_service(self, node: str) -> None:
        """Start the answering process of a node."""
        log = self.home(node) / "service.log"
        command = self.lab.command(node, self.service_command(node))
        self._services[node] = Running(command, log, {})

    def wait_service(self, node: str) -> None:
        """Wait until the answering process of a node runs."""
        what = f"the answering process of {node}"
        self.interrupt.wait(what, lambda: self.service_pid(node) > 0, END_S)

    def service_pid(self, node: str) -> int:
        """The answering process of a node; 0 when there is none."""
        with suppress(OSError, ValueError):
            pid = int(self.pidfile(node).read_text(encoding="ascii"))
            if Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").split()[2] not in "ZX":
                return pid
        return 0

    def kill_service(self, node: str) -> None:
        """SIGKILL the answering process of a node."""
        pid = self.service_pid(node)
        if not pid:
            raise LabError(f"{node} has no answering process")
        os.kill(pid, signal.SIGKILL)
        if node in self._services:
            self._services.pop(node).kill()

    def daemons(self, node: str) -> list[int]:
        """Every process of a node but the answering one."""
        there = (NETNS_FOLDER / self.lab.places[node].namespace).stat().st_ino
        service = self.service_pid(node)
        return [pid for pid in _pids_in(there) if pid != service]

    def signal(self, node: str, number: int) -> None:
        """Signal all daemons of a node, twice, so that no child made meanwhile escapes."""
        for _ in range(2):
            for pid in self.daemons(node):
                with suppress(ProcessLookupError):
                    os.kill(pid, number)

    # --- the network between the nodes; the client is not cut from

    def part(self, node: str, *, outgoing: bool, incoming: bool, mend: bool = False) -> None:
        """Drop frames between a node and its peers, by direction; `mend` undoes it."""
        change = self.lab.unblock if mend else self.lab.block
        for other in (name for name in NODES if name != node):
            if outgoing:
                change(node, other)
            if incoming:
                change(other, node)


def _pids_in(inode: int) -> Iterator[int]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                if (folder / "ns" / "net").stat().st_ino == inode:
                    yield int(folder.name)


@contextmanager
def stage(prefix: str, interrupt: Interrupt) -> Iterator[Stage]:
    """Make a stage; nothing of it is left afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="quorumdog-peers-"))
    folder.chmod(0o755)
    lab = Lab(prefix, NODES)
    lab.keeps_cgroups = True
    try:
        lab.build()
        made = Stage(lab, folder, interrupt)
        try:
            yield made
        finally:
            made.close()
    finally:
        if lab.destroy():
            time.sleep(AGAIN_S)
            for fault in lab.destroy():  # a busy machine takes its time with them
                print(f"could not clean up: {fault}", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
