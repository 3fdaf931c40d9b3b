"""A scripted lifecheck for the guardian's tests, and the plans that have one started."""

import select
import socket
import sys
import time
from pathlib import Path
from typing import Any, Final

from tests.system.guardian.bench import HERE, PATIENCE_S, Bench, Node, wait_for
from watchdog.guardian_protocol import RestartEnded, RestartWanted, pack, unpack_to_lifecheck

TIMING: Final = {"deesc": 200, "drop": 50, "slack": 100, "escalation_timeout": 600}


class Lifecheck:
    """The test's end of a lifecheck process that the guardian has started."""

    def __init__(self, link: socket.socket) -> None:
        self.link = link
        self.pid, self.uid, _, self.key_size = map(int, link.recv(100).split())
        self._ticket = 0

    def ask(self, check: str) -> int:
        """Ask for a restart action; its ticket."""
        self._ticket += 1
        self.link.send(pack(RestartWanted(self._ticket, check)))
        return self._ticket

    def hear(self, patience_s: float = PATIENCE_S) -> RestartEnded:
        """Return the next answer."""
        assert select.select([self.link], [], [], patience_s)[0], "no answer"
        return unpack_to_lifecheck(self.link.recv(4096))

    def restart(self, check: str) -> RestartEnded:
        """Ask and hear."""
        ticket = self.ask(check)
        ended = self.hear()
        assert ended.ticket == ticket
        return ended

    def wait_gone(self) -> None:
        """Wait until the guardian has ended it."""
        assert select.select([self.link], [], [], PATIENCE_S)[0], "still there"
        assert self.link.recv(4096) == b""
        self.link.close()


class Relayed:
    """Where scripted lifechecks report to; make it before the guardian is started."""

    def __init__(self, bench: Bench) -> None:
        path = str(bench.folder / "lifecheck")
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(path)
        self._listener.listen(16)
        self._listener.settimeout(PATIENCE_S)
        self._links: list[socket.socket] = []
        bench.helpers["lifecheck"] = [sys.executable, "-I", str(HERE / "relay.py"), path]

    def next(self) -> Lifecheck:
        """Return the next lifecheck process that the guardian starts."""
        link, _ = self._listener.accept()
        self._links.append(link)
        return Lifecheck(link)

    def close(self) -> None:
        """Hang up."""
        for used in (self._listener, *self._links):
            used.close()


def check(name: str, argv: list[str], when: str = "always", **on_fail: Any) -> dict[str, Any]:
    """Return a check with a restart action."""
    action = {"kind": "restart", "argv": argv, "restarts": 3, "within_ms": 600_000}
    return {
        "name": name,
        "when": when,
        "on_fail": {**action, "timeout_ms": 2000, **on_fail},
        "probes": [],
    }


def lifecheck(*checks: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a plan that has lifecheck started."""
    return {"method": "heartbeat", "accelerators": [], "checks": list(checks)}


def start(bench: Bench, *checks: dict[str, Any], **changes: Any) -> Node:
    """Start the guardian with lifecheck; its greeted node."""
    changes.setdefault("timing_ms", TIMING)
    bench.start(lifecheck=lifecheck(*checks), **changes)
    node = bench.node()
    node.greet()
    return node


def pids_of(file: Path, count: int = 1) -> list[int]:
    """Return the pids that scripts wrote down, one a line, once there are `count`."""
    wait_for(
        f"{count} pids in {file.name}",
        lambda: file.exists() and len(file.read_text().splitlines()) >= count,
    )
    return [int(line) for line in file.read_text().splitlines()]


def seen_for(seconds: float, fact: Any) -> bool:
    """Whether fact() stays true for so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not fact():
            return False
        time.sleep(0.01)
    return True
