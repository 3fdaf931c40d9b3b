"""A bench for the guardian: two namespaces, a real guardian, and the test as its node's brain.

`guardian` namespace: v0 with 10.77.0.1; `outside`: v1 with 10.77.0.2, where wills arrive and
where another holder of the VIP can be put.  Both are deleted at the end, whatever happens.
"""

import hashlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from watchdog.guardian.clock import now
from watchdog.guardian.locks import SENTINEL_RECORD
from watchdog.guardian_protocol import (
    ArmWill,
    Escalate,
    Escalated,
    Extend,
    ExtendRefused,
    NodeUp,
    Off,
    OpenRound,
    RoundOpened,
    ToGuardian,
    ToNode,
    Welcome,
    pack,
    unpack_to_node,
)
from watchdog.instant import Instant

HERE: Final = Path(__file__).resolve().parent
VIP: Final = "10.77.0.100"
VIP6: Final = "fd77::100"
WILL_PORT: Final = 9777
PATIENCE_S: Final = 5.0
TRIES_MAX: Final = 3
SOFT_MS: Final = 800
HARD_MS: Final = 1400
Packet = TypeVar("Packet")


def ip(*words: str, check: bool = True) -> str:
    """Run ip from iproute2 and return what it prints."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"
    return done.stdout


def wait_for(what: str, fact: Any, patience_s: float = PATIENCE_S) -> None:
    """Wait until fact() is true."""
    end = time.monotonic() + patience_s
    while not fact():
        assert time.monotonic() < end, f"not within {patience_s} s: {what}"
        time.sleep(0.005)


def is_alive(pid: int) -> bool:
    """Whether it runs; a zombie that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@dataclass
class Node:
    """The brain of one scripted node process: speaks to the guardian through its relay."""

    link: socket.socket
    pid: int
    uid: int
    key_size: int
    n: int = 0
    round: int = 0
    other: list[ToNode] = field(default_factory=list)

    def say(self, packet: ToGuardian) -> None:
        """Send a packet to the guardian."""
        self.link.send(pack(packet))

    def hear(self, kind: type[Packet], patience_s: float = PATIENCE_S) -> Packet:
        """Return the next packet of this kind; others are kept in `other`."""
        end = time.monotonic() + patience_s
        while True:
            packet = self._next(end, kind.__name__)
            if isinstance(packet, kind):
                return packet
            self.other.append(packet)

    def _next(self, end: float, wanted: str) -> ToNode:
        ready = select.select([self.link], [], [], max(0, end - time.monotonic()))[0]
        assert ready, f"no {wanted} in time; heard {self.other}"
        data = self.link.recv(65536)
        assert data, f"the guardian hung up instead of {wanted}; heard {self.other}"
        return unpack_to_node(data)

    def greet(self) -> Welcome:
        """Say hello."""
        self.say(NodeUp(os.urandom(16)))
        return self.hear(Welcome)

    def open_round(self, no: int = 1) -> Instant:
        """Open the next round; the instant after it was opened."""
        self.round += 1
        self.say(OpenRound(no, self.round))
        self.hear(RoundOpened)
        return now()

    def escalate(self, epoch: int, no: int = 1, hard_ms: int = HARD_MS) -> Instant:
        """Go on; returns the instant that the lease counts from.

        On a busy machine a lease may be over before it is looked at: like a node, try the next.
        """
        for _ in range(TRIES_MAX):
            s = self.open_round(no)
            self.n += 1
            self.say(Escalate(self.n, no, epoch, self.round, s, SOFT_MS, hard_ms))
            if self._is_escalated():
                return s
        raise AssertionError(f"refused {TRIES_MAX} times; the guardian's log says why")

    def _is_escalated(self) -> bool:
        end = time.monotonic() + PATIENCE_S
        while True:
            packet = self._next(end, "Escalated or Off")
            if isinstance(packet, Escalated | Off) and packet.n == self.n:
                return isinstance(packet, Escalated)
            self.other.append(packet)

    def extend(self, epoch: int, no: int = 1) -> bool:
        """Open a round and count from it; only a refusal is answered, so another round follows."""
        s = self.open_round(no)
        self.n += 1
        self.say(Extend(self.n, no, epoch, self.round, s))
        self.round += 1
        self.say(OpenRound(no, self.round))
        self.hear(RoundOpened)
        return ExtendRefused(self.n) not in self.other

    def keep_on(self, epoch: int, seconds: float, no: int = 1) -> None:
        """Extend again and again."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.extend(epoch, no)
            time.sleep(0.05)

    def arm_will(self, datagram: bytes) -> None:
        """Hand over a will for the outside address."""
        self.say(ArmWill(datagram, (("10.77.0.2", WILL_PORT),)))


class Bench:
    """One guardian's surroundings."""

    def __init__(self, folder: Path) -> None:
        tag = f"gd{os.getpid() % 100000}x{id(self) % 1000}"
        self.inside, self.outside = f"{tag}i", f"{tag}o"
        self.folder = folder
        self.log = folder / "log"
        self.hides_cgroups = False
        self.unprivileged = False
        self.helpers: dict[str, list[str]] = {}
        """Command of each scripted helper; a plan says whether it is started."""
        self.stderr: int | None = None
        self.process: subprocess.Popen[bytes] | None = None
        self.key = folder / "authkey"
        self.key.write_bytes(b"k" * 32)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(folder / "relay"))
        self._listener.listen(16)
        self._nodes: list[Node] = []
        self._sockets = [self._listener]

    def make(self) -> None:
        """Make the namespaces."""
        for name in (self.inside, self.outside):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        ip("-n", self.inside, "link", "add", "v0", "type", "veth", "peer", "name", "v1")
        ip("-n", self.inside, "link", "set", "v1", "netns", self.outside)
        for name, device, last in ((self.inside, "v0", 1), (self.outside, "v1", 2)):
            ip("-n", name, "addr", "add", f"10.77.0.{last}/24", "dev", device)
            ip("-n", name, "addr", "add", f"fd77::{last}/64", "dev", device, "nodad")
            ip("-n", name, "link", "set", device, "up")

    def remove(self) -> None:
        """Stop what still runs and delete the namespaces."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        sentinel = self.sentinel_pid
        if sentinel:
            os.kill(sentinel, signal.SIGCONT)
            wait_for("the sentinel's end", lambda: not is_alive(sentinel))
        for used in (*self._sockets, *(node.link for node in self._nodes)):
            used.close()
        for name in (self.inside, self.outside):
            ip("netns", "del", name, check=False)
        tag = hashlib.sha256(str((self.folder / "data").resolve()).encode()).hexdigest()[:12]
        for left in _groups_of(tag):
            (left / "cgroup.kill").write_text("1")
            wait_for(
                "no hooks", lambda at=left: "populated 0" in (at / "cgroup.events").read_text()
            )
            left.rmdir()

    def plan(self, **changes: Any) -> dict[str, Any]:
        """Return a plan of one node; `changes` replace whole keys."""
        vips = [(VIP, 24, 4), (VIP6, 64, 6)]
        plan: dict[str, Any] = {
            "schema": 1, "node": "alpha", "cluster": "bench", "cluster_id": "ab" * 32,
            "data_dir": str(self.folder / "data"), "run_dir": str(self.folder / "run"),
            "config_file": "", "log_json": False, "scheduling": "normal", "user": "",
            "witness": False, "on_conflict": "wait", "port": 9000,
            "authkey_file": str(self.key), "pki": None,
            "vips": [
                {"name": f"v{f}", "address": a, "prefix": p, "family": f, "interface": "v0"}
                for a, p, f in vips
            ],
            "hooks": {},
            "timing_ms": {"deesc": 0, "drop": 50, "slack": 100, "escalation_timeout": 2000},
        }  # fmt: skip
        return plan | changes

    def write_plan(self, **changes: Any) -> Path:
        """Write the plan to a file."""
        file = self.folder / "plan.json"
        file.write_text(json.dumps(self.plan(**changes)))
        return file

    def start(self, **changes: Any) -> None:
        """Start the guardian."""
        file = self.write_plan(**changes)
        # `ip netns exec` mounts a /sys without cgroups, nsenter keeps the machine's.
        into = ["nsenter", f"--net=/run/netns/{self.inside}"]
        into = ["ip", "netns", "exec", self.inside] if self.hides_cgroups else into
        into += ["setpriv", "--bounding-set=-all"] if self.unprivileged else []
        words = [
            *into, sys.executable, "-I", str(HERE / "launcher.py"),
            str(file), str(HERE / "relay.py"), str(self.folder / "relay"),
            json.dumps(self.helpers),
        ]  # fmt: skip
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(words, stderr=self.stderr or log, stdout=log)

    def node(self, patience_s: float = PATIENCE_S) -> Node:
        """Return the next node process that the guardian starts."""
        self._listener.settimeout(patience_s)
        try:
            link, _ = self._listener.accept()
        except TimeoutError:
            raise AssertionError(f"no node process; log:\n{self.log.read_text()}") from None
        pid, uid, plan_size, key_size = map(int, link.recv(100).split())
        assert plan_size > 100
        self._nodes.append(Node(link, pid, uid, key_size))
        return self._nodes[-1]

    def addresses(self) -> str:
        """Return what the guardian's namespace has on v0."""
        return ip("-n", self.inside, "addr", "show", "dev", "v0")

    def has_vip(self) -> bool:
        """Whether any VIP is there."""
        shown = self.addresses()
        return f" {VIP}/" in shown or f" {VIP6}/" in shown

    def has_all_vips(self) -> bool:
        """Whether every VIP is there."""
        shown = self.addresses()
        return f" {VIP}/" in shown and f" {VIP6}/" in shown

    def wait_off(self, patience_s: float = PATIENCE_S) -> None:
        """Wait until no VIP is there."""
        wait_for("VIPs off", lambda: not self.has_vip(), patience_s)

    def logged(self, text: str) -> bool:
        """Whether a text is in the guardian's log."""
        return text in self.log.read_text()

    def will_listener(self) -> socket.socket:
        """Return a socket outside to which wills come."""
        with in_namespace(self.outside):
            listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._sockets.append(listener)
            listener.bind(("10.77.0.2", WILL_PORT))
        listener.settimeout(PATIENCE_S)
        return listener

    def group_of(self, pid_file: Path) -> str:
        """Return "cgroup" when that process is in a cgroup of its hooks."""
        text = Path(f"/proc/{pid_file.read_text().strip()}/cgroup").read_text()
        return "cgroup" if "quorumdog-hooks" in text else "no group"

    def escalate_packet(self, node: Node, s: Instant) -> Escalate:
        """Return an Escalate whose answer is not waited for."""
        return Escalate(node.n, 1, 1, node.round, s, SOFT_MS, HARD_MS)

    @property
    def sentinel_pid(self) -> int:
        """The guardian's sentinel, or the one that its last one left; 0: none is there."""
        try:
            pid = int((self.folder / "run" / SENTINEL_RECORD).read_text().split()[0])
            name = Path(f"/proc/{pid}/comm").read_text()
        except OSError:
            return 0
        return pid if name == "qd-sentinel\n" and is_alive(pid) else 0

    def stop(self) -> int:
        """SIGTERM the guardian; its exit code."""
        assert self.process
        self.process.terminate()
        return self.process.wait(PATIENCE_S)


def _groups_of(tag: str) -> list[Path]:
    """Control groups that a guardian left; those of other tests come and go meanwhile."""
    whole = os.walk("/sys/fs/cgroup")  # unlike glob it passes over what has just gone
    return [
        Path(folder, name)
        for folder, names, _ in whole
        for name in names
        if name.startswith("quorumdog-") and name.endswith(f"-{tag}")
    ]


@contextmanager
def in_namespace(name: str) -> Iterator[None]:
    """Make sockets of another namespace in this thread."""
    with Path("/proc/self/ns/net").open() as home, Path(f"/run/netns/{name}").open() as there:
        _setns(there.fileno())
        try:
            yield
        finally:
            _setns(home.fileno())


def _setns(fd: int) -> None:
    import ctypes

    result = ctypes.CDLL(None, use_errno=True).setns(fd, 0)
    assert result == 0, os.strerror(ctypes.get_errno())
