"""Those who speak to a cluster under test: clients, the real wd_cli, and what filters heartbeats.

Rule: nothing here decides whether an answer was right.  `unmoved` is the claim of most tests: the
same coordinator, term and epoch, and no address event in any kernel.
"""

import itertools
import os
import re
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import pairwise
from typing import Any, Final, NamedTuple, Self

from ipc.client import Subscription, subscribe
from tests.system.cluster import LOG_LINES, SystemCluster
from tests.system.prober import PATIENCE_S, Seen
from watchdog.cli.demo.lab import INTERFACE, run
from watchdog.cli.demo.outside import inside

WD_CLI: Final = "/usr/sbin/wd_cli"
PORT: Final = 9000
HEARTBEATS: Final = 9694
RUN_S: Final = 20
SAMPLE_S: Final = 0.05
_IP: Final = 0x0800
_TCP: Final = 6
_UDP: Final = 17
_IP_TRANSPARENT: Final = 19
_numbers: Final = itertools.count()
_FIELD: Final = re.compile(r"^\s*([A-Z][A-Za-z ]+?):\s+(.*?)\s*$", re.MULTILINE)

Edges = dict[tuple[str, str], str]


def until(
    cluster: SystemCluster, what: str, fact: Callable[[], object], seconds: float = PATIENCE_S
) -> None:
    """Wait for a fact; TooLateError with `what`."""
    cluster.cluster.interrupt.wait(what, lambda: bool(fact()), seconds)


@contextmanager
def unmoved(cluster: SystemCluster) -> Iterator[str]:
    """Within the block nothing moves; the coordinator. A failure shows what the nodes printed."""
    leader = cluster.wait_coordinator()
    seen, before = Seen(cluster), _tenure(cluster, leader)
    count = len(seen.changes())
    try:
        yield leader
        assert cluster.wait_coordinator() == leader
        assert _tenure(cluster, leader) == before
        assert seen.changes()[count:] == []
    except BaseException:
        for name in cluster.names:
            print(f"--- {name}:", *cluster.log(name).splitlines()[-LOG_LINES:], sep="\n")
        raise
    finally:
        seen.close()


def _tenure(cluster: SystemCluster, leader: str) -> tuple[object, ...]:
    body = cluster.status(leader)
    return body["coordinator"], body["term"], body["epoch"], body["escalated"]


# --- clients


def line(cluster: SystemCluster, at: str, name: str = "tester") -> Subscription:
    """A registered client on the machine of a node."""
    return subscribe(cluster.cluster.socket(at), name)


def dial(cluster: SystemCluster, at: str) -> socket.socket:
    """A connection to a control socket on which nothing was said yet."""
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    made.connect(str(cluster.cluster.socket(at)))  # waits for a place in the backlog
    made.settimeout(PATIENCE_S)
    return made


def events(
    push_line: Subscription, wanted: Sequence[str], seconds: float = PATIENCE_S
) -> list[dict[str, object]]:
    """What is pushed until each of these events was; fails when one does not come."""
    end_s = time.monotonic() + seconds
    got: list[dict[str, object]] = []
    while missing := set(wanted) - {str(body["Event"]) for body in got}:
        push = push_line.wait(max(0.0, end_s - time.monotonic()))
        assert push is not None, f"no {missing}, only {[body['Event'] for body in got]}"
        if push.kind == "4":
            got.append(push.body)
    return got


def row(cluster: SystemCluster, at: str, subject: str) -> dict[str, Any]:
    """What one node says of another, or of itself."""
    found: dict[str, Any] = next(r for r in cluster.status(at)["nodes"] if r["name"] == subject)
    return found


def callers(cluster: SystemCluster, at: str, subject: str) -> set[str]:
    """The nodes that call `subject` dead, as one node sees it."""
    return set(row(cluster, at, subject)["called_dead_by"])


class Beat:
    """Sees every packet with content that the coordinator sends to a peer; the longest gap."""

    def __init__(self, cluster: SystemCluster, leader: str, to: str) -> None:
        self._from = socket.inet_aton(cluster.lab.places[leader].address)
        self._tap = _tap(cluster, to)
        self._tap.settimeout(SAMPLE_S)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.times_s: list[float] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self._tap.close()

    def longest_ms(self) -> float:
        """The longest silence."""
        return 1000 * max(later - sooner for sooner, later in pairwise(self.times_s))

    def _run(self) -> None:
        while not self._end.is_set():
            with suppress(TimeoutError):
                packet = self._tap.recv(65536)[14:]
                body = (packet[0] & 15) * 4
                if packet[12:16] == self._from and _has_content(packet, body):
                    self.times_s.append(time.monotonic())


def _has_content(packet: bytes, body: int) -> bool:
    """Whether a datagram of the peers' port, or a TCP segment that is no bare acknowledgement."""
    if packet[9] == _UDP:
        return int.from_bytes(packet[body + 2 : body + 4], "big") == PORT
    segment = body + (packet[body + 12] >> 4) * 4
    return packet[9] == _TCP and int.from_bytes(packet[2:4], "big") > segment


def _tap(cluster: SystemCluster, at: str) -> socket.socket:
    """All IPv4 packets at a node's interface."""

    def made() -> socket.socket:
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_IP))
        tap.bind((INTERFACE, _IP))
        return tap

    return inside(cluster.lab.places[at].namespace, made)


# --- wd_cli


class Ran(NamedTuple):
    """Exit status, and everything that was printed."""

    code: int
    text: str

    @property
    def rows(self) -> list[dict[str, str]]:
        """The nodes of a verbose listing."""
        blocks = re.split(r"(?=Node ID:)", self.text)[1:]
        return [dict(_FIELD.findall(block)) for block in blocks]


def wd_cli(cluster: SystemCluster, at: str, *arguments: str, key: str = "") -> Ran:
    """The real program on the machine of a node, with the three-line file of docs/ipc.md."""
    assert os.access(WD_CLI, os.X_OK), f"{WD_CLI} is missing: install Debian's package pgpool2"
    folder = cluster.cluster.folder / at
    lines = [f"wd_ipc_socket_dir = '{folder / 'run'}'", f"wd_port0 = {PORT}"]
    text = "\n".join([*lines, f"wd_authkey = '{key}'", ""])
    (folder / "wd.conf").write_text(text, encoding="ascii")
    done = subprocess.run(
        [WD_CLI, "-f", "./wd.conf", *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=RUN_S,
        check=False,
    )
    return Ran(done.returncode, done.stdout)


# --- heartbeats


def edges(cluster: SystemCluster) -> Edges:
    """(who hears, who is heard) -> verdict, as the nodes' status shows it."""
    return {
        (name, str(edge["node"])): str(edge["verdict"])
        for name in cluster.names
        for edge in cluster.status(name)["lifecheck"]["heartbeat"]
    }


def all_alive(cluster: SystemCluster) -> bool:
    """Whether everybody hears everybody."""
    found = edges(cluster)
    count = len(cluster.names)
    return len(found) == count * (count - 1) and set(found.values()) == {"alive"}


@contextmanager
def filtered(cluster: SystemCluster, rule: str = "") -> Iterator[None]:
    """Heartbeats that match `rule` (all without one) are lost in the network, nothing else is."""
    name = f"t{next(_numbers)}"
    chain = f"type filter hook forward priority 1; policy accept;\n{rule} udp dport {HEARTBEATS}"
    table = f"table bridge {name} {{\nchain forward {{\n{chain} drop\n}}\n}}\n"
    nft = ["ip", "netns", "exec", cluster.lab.network, "nft"]
    run([*nft, "-f", "-"], table)
    try:
        yield
    finally:
        run([*nft, "delete", "table", "bridge", name])


def from_to(source: str, target: str) -> str:
    """The rule for one direction between two nodes."""
    return f'iifname "p-{source}" oifname "p-{target}"'


def capture(cluster: SystemCluster, source: str, target: str, count: int) -> list[bytes]:
    """Real heartbeats as they arrive at a node."""
    address = socket.inet_aton(cluster.lab.places[source].address)

    found: list[bytes] = []
    with _tap(cluster, target) as tap:
        tap.settimeout(PATIENCE_S)
        while len(found) < count:
            packet = tap.recv(65536)[14:]
            size = (packet[0] & 15) * 4
            port = int.from_bytes(packet[size + 2 : size + 4], "big")
            if packet[9] == _UDP and packet[12:16] == address and port == HEARTBEATS:
                found.append(packet[size + 8 :])
    return found


@contextmanager
def pretending(cluster: SystemCluster, source: str, target: str) -> Iterator[socket.socket]:
    """A socket in the network that sends to a node's heartbeat port as if it were another one."""

    def made() -> socket.socket:
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sender.setsockopt(socket.IPPROTO_IP, _IP_TRANSPARENT, 1)
        sender.bind((cluster.lab.places[source].address, 0))
        sender.connect((cluster.lab.places[target].address, HEARTBEATS))
        return sender

    with inside(cluster.lab.network, made) as sender:
        yield sender
