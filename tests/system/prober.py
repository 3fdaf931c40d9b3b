"""What stands outside of a cluster under test: who holds, who answers, what is on the wire.

Rule: a story ends with the count of holders by the kernels' own events, in the kernels' order; the
ARP prober and the listeners are second witnesses that live in namespaces of the network or of
other nodes.  Times are BOOTTIME in ns, the same in every namespace and process.
"""

import json
import re
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Self

from tests.system.cluster import LOG_LINES, SystemCluster
from tests.system.exclusion import TwoHoldersError, check_too
from watchdog.cli.demo.journal import now_ns
from watchdog.cli.demo.lab import INTERFACE, VIP
from watchdog.cli.demo.outside import inside
from watchdog.cli.demo.timeline import Change, changes
from watchdog.config.timing import timing_for
from watchdog.core.settings import Timing
from watchdog.wire.session import is_round

MS: Final = 1_000_000
SECOND: Final = 1_000_000_000
PATIENCE_S: Final = 20.0
QUIET_S: Final = 1.4
"""How long a healed cluster is watched for a disturbance: more than a promise."""
PORT: Final = 9000
_IP: Final = 0x0800
_ARP: Final = 0x0806
_UDP: Final = 17
_ASK_S: Final = 0.02
_ARP_BODY: Final = struct.Struct("!HHBBH6s4s6s4s")
_STATE: Final = re.compile(r" state=(\S+) was=(\S+) ")


def timing(cluster: SystemCluster) -> Timing:
    """The numbers that the nodes of a cluster without hooks obey."""
    layout = cluster.cluster.layout
    return timing_for(layout.timing, hook=False, scheduling=layout.scheduling, gate=True)


class Seen:
    """The journal of the observer, read as it grows; only what tells of holders is kept."""

    def __init__(self, cluster: SystemCluster) -> None:
        self._file = cluster.journal.path.open("rb")
        self.names = cluster.names
        self._rest = b""
        self._kept: list[dict[str, Any]] = []

    def changes(self) -> list[Change]:
        """Every time a VIP came or went, in the kernels' order."""
        lines = (self._rest + self._file.read()).split(b"\n")
        self._rest = lines.pop()
        for line in lines:
            if b'"kind":"asked"' not in line and b'"kind":"answer"' not in line:
                self._kept.append(json.loads(line))
        if any(one["kind"] == "lost" for one in self._kept):
            raise TwoHoldersError("the observer lost messages: there may have been two holders")
        return _first(c for c in changes(self._kept) if c.node in self.names)

    def close(self) -> None:
        """No more is read."""
        self._file.close()


def _first(found: Iterator[Change]) -> list[Change]:
    """Leave out what changed nothing: a kernel repeats what is renewed."""
    held: set[tuple[str, str]] = set()
    kept = []
    for change in found:
        key = change.node, change.what
        if change.is_up != (key in held):
            held ^= {key}
            kept.append(change)
    return kept


@dataclass
class Story:
    """One story on a running cluster, from a healthy moment on."""

    cluster: SystemCluster
    leader: str
    begin: int
    seen: Seen
    log_sizes: dict[str, int] = field(default_factory=dict)

    @property
    def others(self) -> list[str]:
        """Who did not lead at the beginning."""
        return [name for name in self.cluster.names if name != self.leader]

    def changes(self, since: int | None = None) -> list[Change]:
        """What changed since the story (or `since`) began."""
        return [c for c in self.seen.changes() if c.t >= (since or self.begin)]

    def gone(self, node: str, since: int) -> Change | None:
        """When `node` gave up the last of its VIPs; None when it has not or holds one again."""
        mine = [c for c in self.seen.changes() if c.node == node]
        held = {c.what for c in mine if c.is_up} - _down(mine)
        last = [c for c in mine if not c.is_up and c.t >= since]
        return None if held or not last else last[-1]

    def wait_gone(self, node: str, since: int) -> Change:
        """Wait until `node` has given up every VIP; its last change."""
        self.wait(f"{node} gave up every VIP", lambda: self.gone(node, since) is not None)
        found = self.gone(node, since)
        assert found is not None
        return found

    def came(self, node: str, since: int) -> Change:
        """When `node` got its first VIP since then."""
        return next(c for c in self.changes(since) if c.node == node and c.is_up)

    def holding(self) -> set[str]:
        """The nodes that hold a VIP now; machines outside of the cluster do not count."""
        held: set[tuple[str, str]] = set()
        for change in self.seen.changes():
            held = held ^ {(change.node, change.what)}
        return {node for node, _ in held}

    def holders(self, since: int | None = None) -> int:
        """The largest number of holders at once since the beginning (or `since`)."""
        start = since or self.begin
        held: set[tuple[str, str]] = set()
        most = 0
        for change in self.seen.changes():
            if change.t >= start:
                most = max(most, len({node for node, _ in held}))
            held = (
                held | {(change.node, change.what)}
                if change.is_up
                else held - {(change.node, change.what)}
            )
        return max(most, len({node for node, _ in held}))

    def wait(self, what: str, is_so: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
        """Wait until it is so; TooLateError with `what`."""
        self.cluster.cluster.interrupt.wait(what, is_so, seconds)

    def log(self, name: str) -> str:
        """What a node printed since the story began."""
        whole = self.cluster.cluster.log(name).read_bytes()
        return whole[self.log_sizes[name] :].decode(errors="replace")

    def states(self, name: str) -> list[str]:
        """The states that a node entered since the story began."""
        return [state for state, was in _STATE.findall(self.log(name)) if state != was]

    def stays_calm(self, holder: str, seconds: float = QUIET_S) -> None:
        """Assert that nothing changes for a while and that `holder` holds all VIPs."""
        since = now_ns()
        self.cluster.pause(seconds)
        assert self.changes(since) == []
        assert self.cluster.wait_coordinator() == holder
        assert self.holding() == {holder}


def _down(mine: list[Change]) -> set[str]:
    return {c.what for c in mine if not [d for d in mine if d.what == c.what][-1].is_up}


@contextmanager
def story(cluster: SystemCluster, *, most: int | None = 1) -> Iterator[Story]:
    """Begin when all is well; afterwards at most `most` nodes have held a VIP at once.

    None: this story has no promise of one holder. A failure shows what the nodes printed.
    """
    if most != 1:
        cluster.may_hold = None
    leader = _beginning(cluster)
    sizes = {name: cluster.cluster.log(name).stat().st_size for name in cluster.names}
    told = Story(cluster, leader, now_ns(), Seen(cluster), sizes)
    arp = Arp(cluster)
    try:
        with arp:
            yield told
            cluster.pause(0.1)
        _expect(told, arp, most)
    except BaseException as failure:
        for name in cluster.names:
            print(f"--- {name}:", *told.log(name).splitlines()[-LOG_LINES:], sep="\n")
        print(*told.changes(), sep="\n")
        check_too(failure, lambda: _expect(told, arp, most))
        raise
    finally:
        told.seen.close()


def _beginning(cluster: SystemCluster) -> str:
    try:
        return cluster.wait_healthy()
    except Exception as failure:
        check_too(failure, cluster.expect_not_too_many)
        raise


def _expect(told: Story, arp: "Arp", most: int | None) -> None:
    """By the kernels' events, and by what machines said; TwoHoldersError."""
    if most is None:
        return
    if told.holders() > most:
        raise TwoHoldersError(f"more than {most} held at once: {told.changes()}")
    if arp.most() > most:
        raise TwoHoldersError(f"more than {most} answered one question: {arp.answers}")


class Arp:
    """Asks the whole network who has a VIP, all the time, and notes which machines answer."""

    def __init__(self, cluster: SystemCluster, vip: str = VIP) -> None:
        self._vip = socket.inet_aton(vip)
        self._socket = inside(cluster.lab.network, lambda: _packets("br0", _ARP))
        self.answers: list[tuple[int, int, str]] = []
        """(number of the question, time, MAC)"""
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self._socket.close()

    def most(self) -> int:
        """The largest number of machines that answered one question."""
        by_question: dict[int, set[str]] = {}
        for number, _, mac in self.answers:
            by_question.setdefault(number, set()).add(mac)
        return max(map(len, by_question.values()), default=0)

    def _run(self) -> None:
        mac = self._socket.getsockname()[4]
        ask = _ARP_BODY.pack(1, _IP, 6, 4, 1, mac, bytes(4), bytes(6), self._vip)
        number = 0
        while not self._end.is_set():
            while select.select([self._socket], [], [], 0)[0]:
                self._hear(number, mac)  # or it would count for the next question
            number += 1
            self._socket.send(b"\xff" * 6 + mac + _ARP.to_bytes(2, "big") + ask)
            due = time.monotonic() + _ASK_S
            while (left := due - time.monotonic()) > 0:
                if select.select([self._socket], [], [], left)[0]:
                    self._hear(number, mac)

    def _hear(self, number: int, mac: bytes) -> None:
        frame = self._socket.recv(2048)
        *_, operation, sender, address, target, _ = _ARP_BODY.unpack_from(frame, 14)
        if operation == 2 and address == self._vip and target == mac:
            self.answers.append((number, now_ns(), sender.hex(":")))


class Wills:
    """Hears in a node's namespace every will that arrives at the peers' port by UDP."""

    def __init__(self, cluster: SystemCluster, at: str) -> None:
        place = cluster.lab.places[at].namespace
        self._socket = inside(place, lambda: _packets(INTERFACE, _IP))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def heard(self) -> list[tuple[str, bytes]]:
        """(address of the sender, payload) of each datagram that came so far."""
        found = []
        while select.select([self._socket], [], [], 0)[0]:
            packet = self._socket.recv(65536)[14:]
            size = (packet[0] & 15) * 4
            payload = packet[size + 8 :]
            if packet[9] != _UDP or int.from_bytes(packet[size + 2 : size + 4], "big") != PORT:
                continue
            if not is_round(payload):
                found.append((socket.inet_ntoa(packet[12:16]), payload))
        return found


def _packets(interface: str, protocol: int) -> socket.socket:
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(protocol))
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    made.bind((interface, protocol))
    return made
