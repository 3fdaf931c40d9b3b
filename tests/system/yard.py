"""Real daemons in namespaces for the security tests: files, start, status, and a clean end.

A yard is a Lab with a directory for each node.  Every daemon is started by the real command, and
its status is asked over its real socket.  `close` stops everything and then *looks*: no address
of a VIP on any interface, no process in any namespace; a test that leaves something fails.
"""

import itertools
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ipc.client import RefusedError, UnreachableError, call
from tests.system.exclusion import TwoHoldersError, check_too, watched
from watchdog.cli.demo import lab as labs
from watchdog.cli.demo.lab import INTERFACE, VIP, Lab
from watchdog.cli.demo.processes import Running, stop_all

CLUSTER: Final = "security-yard"
PORT: Final = 9000
PATIENCE_S: Final = 15.0
STOP_S: Final = 10.0
KEY_SIZE: Final = 32
_NUMBERS: Final = itertools.count()


def until(what: str, fact: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    """Wait for something that must come true, and return it; fails naming it."""
    end = time.monotonic() + patience_s
    while not (found := fact()):
        assert time.monotonic() < end, f"did not happen within {patience_s} s: {what}"
        time.sleep(0.02)
    return found


@dataclass(frozen=True, slots=True)
class Shape:
    """What a node's file says; every node of an ordinary cluster has the same."""

    members: tuple[str, ...]
    cluster: str = CLUSTER
    timing: str = "fast"
    hooks: str = ""
    vip: bool = True
    authkey: Path | None = None
    options: str = ""
    """More lines of [cluster]."""
    scheduling: str = "nice"
    first: str = ""
    """Who has the highest priority."""


class Yard:
    """Namespaces, files and daemons of one test."""

    def __init__(self, root: Path, names: Sequence[str], shape: Shape) -> None:
        self.root = root
        self.shape = shape
        self.lab = Lab(f"qs{os.getpid()}-{next(_NUMBERS)}", names)
        self.authkey = make_key(root / "authkey")
        self._running: dict[str, Running] = {}
        for name in names:
            self.home(name).mkdir()

    # -- files ---------------------------------------------------------------------------------

    def home(self, name: str) -> Path:
        """The directory with everything of one node."""
        return self.root / name

    def state(self, name: str) -> Path:
        """Its state file."""
        return self.home(name) / "data" / "state"

    def write(self, name: str, shape: Shape | None = None) -> Path:
        """Write its configuration; it is complete and valid unless the shape says otherwise."""
        made = shape or self.shape
        nodes = [self._row(n, made) for n in made.members]
        vip = f'[vip.db]\naddress = "{VIP}/24"\ninterface = "{INTERFACE}"' if made.vip else ""
        lines = [
            "[cluster]",
            f'name = "{made.cluster}"',
            f'authkey_file = "{made.authkey or self.authkey}"',
            f'timing = "{made.timing}"',
            f'scheduling = "{made.scheduling}"',
            f'data_dir = "{self.home(name) / "data"}"',
            f'run_dir = "{self.home(name) / "run"}"',
            made.options,
            "[nodes]",
            *nodes,
            vip,
            made.hooks,
        ]
        file = self.home(name) / "quorumdog.conf"
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return file

    def _row(self, name: str, shape: Shape) -> str:
        priority = 9 if name == shape.first else 1
        address = self.lab.places[name].address
        return f'{name} = {{ address = "{address}", priority = {priority} }}'

    def log(self, name: str) -> str:
        """Everything that its daemon has said."""
        return (self.home(name) / "log").read_text(encoding="utf-8", errors="replace")

    # -- daemons -------------------------------------------------------------------------------

    def command(self, name: str, *words: str) -> list[str]:
        """`quorumdog WORDS` with the node's own file, in its namespace."""
        file = str(self.home(name) / "quorumdog.conf")
        python = [sys.executable, "-I", "-m", "watchdog"]
        return self.lab.command(name, [*python, *words, "--config", file])

    def start(
        self,
        name: str,
        *words: str,
        shape: Shape | None = None,
        env: Mapping[str, str] | None = None,
    ) -> Running:
        """Start its daemon, with its file written anew."""
        assert name not in self._running, f"{name} runs already"
        self.write(name, shape)
        run = self.command(name, "run", "--node", name, *words)
        self._running[name] = Running(run, self.home(name) / "log", env or {})
        return self._running[name]

    def form(self, names: Sequence[str]) -> str:
        """Start all members of a fresh cluster and wait; who leads. The first has the most wish."""
        for name in names:
            self.start(name)
        leader = self.led()
        until("all see each other", lambda: all(self.is_whole(name) for name in names))
        until("all vote", lambda: all(self.votes(name) for name in names))
        return leader

    def is_whole(self, name: str) -> bool:
        """Whether its daemon reaches every member."""
        return all(row["reachable"] for row in self.status(name).get("nodes", [{"reachable": 0}]))

    def votes(self, name: str) -> bool:
        """Whether it has left LOADING, which it does after its first record is on disk."""
        rows = self.status(name).get("nodes", [])
        own = [row["state"] for row in rows if row["name"] == name]
        return own in (["STANDBY"], ["COORDINATOR"])

    def stop(self, name: str) -> int | None:
        """Ask it to stop; its exit code, or None when it had to be killed."""
        running = self._running.pop(name)
        return None if stop_all([running], STOP_S) else running.exit_code

    def stop_together(self) -> None:
        """Ask every daemon to stop; each must end by itself, with 0."""
        running = list(self._running.values())
        self._running.clear()
        assert not stop_all(running, STOP_S)
        assert [one.exit_code for one in running] == [0] * len(running)

    def is_running(self, name: str) -> bool:
        """Whether it was started and not stopped."""
        return name in self._running

    def refused(self, name: str, *words: str, shape: Shape | None = None) -> tuple[int, str]:
        """Start a daemon that must not run: its exit code and all that it said."""
        self.write(name, shape)
        return self.ended(self.command(name, "run", "--node", name, *words))

    @staticmethod
    def ended(command: Sequence[str]) -> tuple[int, str]:
        """Exit code of a command that ends by itself, and all that it said."""
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        return done.returncode, done.stdout + done.stderr

    def running(self, name: str) -> Running:
        """Its daemon as it was started last."""
        return self._running[name]

    def rss_mib(self, name: str) -> int:
        """Resident memory of its node process."""
        return self.rss_of(self.running(name).node_pid())

    @staticmethod
    def rss_of(pid: int | None) -> int:
        """Resident memory of a process."""
        text = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
        return int(text.partition("VmRSS:")[2].split()[0]) // 1024

    # -- looking -------------------------------------------------------------------------------

    def status(self, name: str) -> dict[str, Any]:
        """What its daemon says over its socket; empty while it says nothing."""
        socket = self.home(name) / "run" / f".s.PGPOOLWD_CMD.{PORT}"
        with suppress(UnreachableError, RefusedError, OSError):
            return call(socket, "status")
        return {}

    def told(self, name: str) -> dict[str, Any]:
        """What its daemon says; waits for a busy machine, and fails when it never answers."""
        found: dict[str, Any] = until(f"{name} answers", lambda: self.status(name))
        return found

    def status_json(self, name: str) -> dict[str, Any]:
        """What `quorumdog status --json` prints."""
        run = self.command(name, "status", "--json")
        done = subprocess.run(run, capture_output=True, text=True, timeout=30, check=False)
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def holders(self) -> list[str]:
        """The nodes whose kernel has the VIP on any interface."""
        return [name for name in self.lab.places if f" {VIP}/" in self.lab.addresses(name)]

    def expect_not_two(self) -> None:
        """No two nodes have the VIP; one look takes longer than a hand-over, so it takes two."""
        first, second = self.holders(), self.holders()
        if len(both := set(first) & set(second)) > 1:
            raise TwoHoldersError(f"the VIP is on {', '.join(sorted(both))}")

    def expect_holder(self, *names: str) -> None:
        """This node has the VIP, or nobody, and no second one."""
        self.expect_not_two()
        found = self.holders()
        assert found == list(names), f"{found or 'nobody'} has the VIP, not {names or 'nobody'}"

    def led(self, by: str | None = None) -> str:
        """Wait until one node leads with the VIP up; its name."""

        def leader() -> str:
            holders = self.holders()
            if len(holders) != 1 or by not in (None, holders[0]):
                return ""
            found = self.status(holders[0])
            return holders[0] if found.get("phase") == "escalated" else ""

        return str(until(f"a coordinator {by or ''} with the VIP", leader))

    def close(self) -> None:
        """Stop all daemons; nothing of theirs may be left."""
        late = stop_all(list(self._running.values()), STOP_S)
        holders = self.holders()
        left = {name: labs.pids(place.namespace) for name, place in self.lab.places.items()}
        stuck = self.lab.destroy()
        if holders:  # nothing runs that could take it off before another node has it
            raise TwoHoldersError(f"the VIP was left behind on {holders}")
        assert not any(left.values()), f"processes were left behind: {left}"
        assert not late, f"had to be killed: {late}"
        assert not stuck, stuck


def make_folder(path: Path) -> None:
    """A directory instead of the file."""
    path.unlink(missing_ok=True)
    path.mkdir()


def make_key(path: Path) -> Path:
    """A new authkey at `path`, as `quorumdog key gen` makes them."""
    path.write_bytes(secrets.token_bytes(KEY_SIZE))
    path.chmod(0o600)
    return path


@contextmanager
def opened(root: Path, names: Sequence[str], shape: Shape) -> Iterator[Yard]:
    """A yard for the length of a block."""
    root.chmod(0o700)
    yard = Yard(root, names, shape)
    try:
        yard.lab.build()
        with watched(yard.expect_not_two):
            yield yard
    except BaseException as failure:
        for name in names:
            if (yard.home(name) / "log").exists():
                print(f"--- log of {name}\n{yard.log(name)}")
        check_too(failure, yard.expect_not_two)
        raise
    finally:
        yard.close()
