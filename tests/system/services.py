"""Real programs behind a VIP: one of a kind on each node, hurt and mended; a client that asks.

Rule: each program tells which node it is of, so an answer over the VIP proves where it leads.  A
fleet is started by the test, never by the daemon, and all of it ends with the test; a binary that
is missing fails.
"""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from tests.system.cluster import SystemCluster
from tests.system.prober import QUIET_S, Story
from watchdog.cli.demo.lab import VIP
from watchdog.cli.demo.outside import inside

PATIENCE_S: Final = 30.0
ANSWER_S: Final = 1.0
ANSWER_MAX: Final = 4096
CALM_S: Final = 0.6
"""How long a mended node is watched: three beacons, in which it could be offered the lead."""
Argv = Callable[[str], Sequence[str]]
Ask = Callable[[str], str]
Mend = Callable[[], None]


def binary(name: str, folder: str | None = None) -> str:
    """Where a program is."""
    found = shutil.which(name, path=folder)
    assert found, f"{name} is not installed: packaging/prerequisites.sh installs it"
    return found


def home(cluster: SystemCluster, name: str) -> Path:
    """The folder of a node."""
    return cluster.cluster.folder / name


class Fleet:
    """A program on each node; `ask(address)` is the node whose program answers there, or ""."""

    def __init__(self, cluster: SystemCluster, argv: Argv, ask: Ask) -> None:
        self._cluster = cluster
        self._argv = argv
        self.ask = ask
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        """Start it on a node, in a session of its own."""
        self.kill(name)
        with (home(self._cluster, name) / "service.log").open("ab") as log:
            self._running[name] = subprocess.Popen(
                self._cluster.lab.command(name, self._argv(name)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )

    def wait(self, name: str) -> None:
        """Wait until it answers."""
        place = self._cluster.lab.places[name]
        self._cluster.cluster.interrupt.wait(
            f"the service of {name}", lambda: self.ask(place.address) == name, PATIENCE_S
        )

    def start_all(self) -> None:
        """Start it on every node, and wait until each answers."""
        for name in self._cluster.names:
            self.start(name)
        for name in self._cluster.names:
            self.wait(name)

    def pid(self, name: str) -> int:
        """Its first process."""
        return self._running[name].pid

    def tell(self, name: str, number: int) -> None:
        """Signal its first process alone."""
        self._running[name].send_signal(number)

    def tell_all(self, name: str, number: int) -> None:
        """Signal every process of its group."""
        with suppress(ProcessLookupError):
            os.killpg(self._running[name].pid, number)

    def kill(self, name: str) -> None:
        """SIGKILL its group, if it runs."""
        if name in self._running:
            self.tell_all(name, signal.SIGKILL)
            self._running.pop(name).wait()

    def stop(self, name: str, number: int = signal.SIGTERM) -> None:
        """End it in order; by force when it does not."""
        self.tell_all(name, signal.SIGCONT)
        self.tell(name, number)
        with suppress(subprocess.TimeoutExpired):
            self._running[name].wait(PATIENCE_S)
        self.kill(name)

    def end(self) -> None:
        """Nothing of it is left."""
        for name in list(self._running):
            self.stop(name)

    # --- faults: each returns how it is mended

    def killed(self, name: str) -> Mend:
        """SIGKILL of all its processes."""
        self.kill(name)
        return lambda: self.start(name)

    def stopped(self, name: str) -> Mend:
        """SIGSTOP of all its processes: its sockets go on to accept."""
        self.tell_all(name, signal.SIGSTOP)
        return lambda: self.tell_all(name, signal.SIGCONT)


@contextmanager
def started(cluster: SystemCluster, *fleets: Fleet) -> Iterator[None]:
    """Run the programs, then the nodes; all programs end."""
    try:
        for fleet in fleets:
            fleet.start_all()
        cluster.cluster.start_all()
        cluster.wait_healthy()
        yield
    finally:
        for fleet in fleets:
            fleet.end()


def say(cluster: SystemCluster, address: str, port: int, text: str, until: bytes = b"") -> str:
    """What comes back over TCP, asked by the machine of the client; "" when nothing does.

    Reads to the end, or until `until` was seen.
    """
    heard = b""
    made = inside(cluster.lab.network, lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    with made as line, suppress(OSError):
        line.settimeout(ANSWER_S)
        line.connect((address, port))
        line.sendall(text.encode())
        while len(heard) < ANSWER_MAX and not (until and until in heard):
            more = line.recv(ANSWER_MAX)
            if not more:
                break
            heard += more
    return heard.decode(errors="replace")


def row(cluster: SystemCluster, at: str, name: str) -> dict[str, Any]:
    """What node `at` says of a node."""
    rows: list[dict[str, Any]] = cluster.status(at)["nodes"]
    return next(row for row in rows if row["name"] == name)


def check(cluster: SystemCluster, name: str, which: str) -> dict[str, Any]:
    """What a node says of one of its checks."""
    found: dict[str, Any] = {}

    def is_told() -> bool:
        found.update(row(cluster, name, name)["checks"].get(which, {}))
        return bool(found)

    cluster.cluster.interrupt.wait(f"{name} tells of {which}", is_told, PATIENCE_S)
    return found


def served_by(told: Story, fleet: Fleet, name: str) -> None:
    """Wait until the service of this node answers on the VIP."""
    told.wait(f"{name} serves on the VIP", lambda: fleet.ask(VIP) == name, PATIENCE_S)


def moves(told: Story, fleet: Fleet, hurt: Callable[[str], Mend], says: str) -> None:
    """The VIP moves to a service that works, once; the mended node may lead, and does not.

    `says` is how the reason begins.
    """
    cluster, sick = told.cluster, told.leader
    assert fleet.ask(VIP) == sick
    mend = hurt(sick)
    try:
        following = cluster.wait_coordinator(other_than=sick)
        served_by(told, fleet, following)
        assert cluster.status(following)["last_move"]["reason"].startswith(f"unhealthy: {says}")
        told.wait(
            "the node says why it is unfit",
            lambda: cluster.status(sick)["unfit"].startswith(says),
        )
    finally:
        mend()
    comes_back(told, sick, following)
    assert fleet.ask(VIP) == following
    moved_once(told, sick, following)


def comes_back(told: Story, sick: str, following: str) -> None:
    """The mended node is eligible again, and that disturbs nobody."""
    assert told.cluster.wait_healthy(PATIENCE_S) == following
    told.wait(f"{sick} is eligible", lambda: bool(row(told.cluster, following, sick)["eligible"]))
    told.stays_calm(following, CALM_S)


def moved_once(told: Story, giver: str, taker: str) -> None:
    """One node gave the VIPs up, then one took them."""
    changes = told.changes()
    assert {change.node for change in changes if not change.is_up} == {giver}
    assert {change.node for change in changes if change.is_up} == {taker}
    is_up = [change.is_up for change in changes]
    assert is_up == sorted(is_up), "on before the other was off"
    assert len(changes) == 2 * len({change.what for change in changes})


def nothing_moves(told: Story, seconds: float = QUIET_S) -> None:
    """The same node leads, and no VIP came or went since the story began."""
    told.stays_calm(told.leader, seconds)
    assert told.changes() == []
