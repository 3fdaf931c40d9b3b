"""The observing process: `python -m tests.nemesis.judge SPEC`, SPEC in JSON.

It belongs to no node.  One loop reads the kernels' address events of all namespaces, serves on the
VIP for the nodes (a service that no fault reaches), asks as a client, and puts ARP, neighbour and
UDP questions to every node from a namespace that no fault cuts off.  Kernel events are read again
between an answer and its time: whatever came or went before it, in its node's kernel or another's,
has an earlier time.  Ends when its standard input is closed.
"""

import json
import os
import select
import socket
import struct
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from tests.nemesis import frames
from watchdog.cli.demo import observer
from watchdog.cli.demo.client import PORT, Client, Service
from watchdog.cli.demo.journal import Journal, now_ns
from watchdog.cli.demo.lab import INTERFACE
from watchdog.cli.demo.outside import NICE, inside

EVERY_MS: Final = 5
FLUSH_S: Final = 0.1
PRIORITY: Final = 20
"""Above the daemon's own: a truth that comes late is no truth."""
ASK_PORT: Final = 7778
BURST_MAX: Final = 256
_NUMBER: Final = struct.Struct("!Q")


@dataclass(frozen=True, slots=True)
class Spec:
    """What to watch."""

    journal: str
    network: str
    client: str
    judge: str
    """Namespaces of the bridge, of the client and of who asks every node."""
    judge_addresses: tuple[str, str]
    vips: tuple[str, ...]
    nodes: list[tuple[int, str, str, str]]
    """(id of the namespace, node, namespace, MAC address)"""

    def to_json(self) -> str:
        """As it is passed to the process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Spec":
        """The counterpart of `to_json`."""
        said = json.loads(text)
        said["judge_addresses"] = tuple(said["judge_addresses"])
        said["vips"] = tuple(said["vips"])
        said["nodes"] = [tuple(one) for one in said["nodes"]]
        return cls(**said)


class Asker:
    """Puts the questions to all nodes, and hears who answers.

    `look` reads the kernels' events that wait.
    """

    def __init__(self, spec: Spec, look: Callable[[], None]) -> None:
        self._spec = spec
        self._look = look
        self._by_mac = {bytes.fromhex(mac.replace(":", "")): name for _, name, _, mac in spec.nodes}
        self.arp = _packets(frames.ARP)
        self.neighbours = _packets(frames.IP6)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind((spec.judge_addresses[0], ASK_PORT))
        self.udp.setblocking(False)
        self._mac: bytes = self.arp.getsockname()[4]
        self._number = 0
        self.rounds: list[tuple[int, int]] = []
        self.answers: list[tuple[int, int, str, str]] = []
        self._fixed = [self._question(vip) for vip in spec.vips]

    def _question(self, vip: str) -> bytes:
        four, six = self._spec.judge_addresses
        if ":" in vip:
            return frames.who_has6(self._mac, six, vip)
        return frames.who_has4(self._mac, four, vip)

    def ask(self) -> None:
        """One round: who has each VIP, and each node by its MAC address over the VIP.

        What was answered before is read first, or it would count for this round.
        """
        self.hear_frames(self.arp)
        self.hear_frames(self.neighbours)
        self._number += 1
        self.rounds.append((self._number, now_ns()))
        data = _NUMBER.pack(self._number)
        source = self._spec.judge_addresses[0], ASK_PORT
        target = next(vip for vip in self._spec.vips if ":" not in vip), PORT
        questions = [frames.datagram(m, self._mac, source, target, data) for m in self._by_mac]
        for frame in (*self._fixed, *questions):
            with suppress(OSError):  # the queue is full: an unanswered question proves little
                self.arp.send(frame)

    def hear_frames(self, of: socket.socket) -> None:
        """Whose addresses were told; the answer belongs to the newest round."""
        found = []
        with suppress(BlockingIOError):
            for _ in range(BURST_MAX):
                said = frames.answered(of.recv(2048))
                if said is not None and said[0] in self._by_mac and said[1] in self._spec.vips:
                    found.append((self._number, self._by_mac[said[0]], said[1]))
        self._note(found)

    def hear_datagrams(self) -> None:
        """Which node's service answered which round."""
        found = []
        with suppress(OSError):
            for _ in range(BURST_MAX):
                data, sender = self.udp.recvfrom(512)
                number, node = _NUMBER.unpack_from(data)[0], data[_NUMBER.size :].decode()
                found.append((number, node, sender[0]))
        self._note(found)

    def _note(self, found: Sequence[tuple[int, str, str]]) -> None:
        """Give answers their time, later than that of every change before them."""
        if found:
            self._look()
            t = now_ns()
            self.answers += [(number, t, node, vip) for number, node, vip in found]


def _packets(protocol: int) -> socket.socket:
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(protocol))
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    made.bind((INTERFACE, protocol))
    made.setblocking(False)
    return made


class Judge:
    """All sockets, and the loop over them."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._journal = Journal(Path(spec.journal))
        self._names = {nsid: name for nsid, name, _, _ in spec.nodes}
        four = next(vip for vip in spec.vips if ":" not in vip)
        self._kernel: socket.socket = inside(spec.network, observer.listen)
        self._client = inside(spec.client, lambda: Client(four))
        self._asker = inside(spec.judge, lambda: Asker(spec, self._changes))
        self._services = [self._service(four, name, space) for _, name, space, _ in spec.nodes]
        self._asked: list[int] = []
        self._served: list[tuple[int, str]] = []

    @staticmethod
    def _service(vip: str, name: str, space: str) -> Service:
        return inside(space, lambda: Service(vip, name))

    def run(self) -> None:
        """Watch until standard input ends."""
        asker = self._asker
        handlers: dict[int, Callable[[], None]] = {s.fileno(): s.answer for s in self._services}
        handlers[self._client.fileno()] = self._served_client
        handlers[asker.udp.fileno()] = asker.hear_datagrams
        handlers[asker.arp.fileno()] = lambda: asker.hear_frames(asker.arp)
        handlers[asker.neighbours.fileno()] = lambda: asker.hear_frames(asker.neighbours)
        poll = select.poll()
        for descriptor in (0, self._kernel.fileno(), *handlers):
            poll.register(descriptor, select.POLLIN)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        due = flush = time.monotonic()
        while True:
            ready = {d for d, _ in poll.poll(max(0.0, due - time.monotonic()) * 1000)}
            self._changes()
            if 0 in ready:
                return
            for descriptor in ready & handlers.keys():
                handlers[descriptor]()
            now = time.monotonic()
            if now >= due:
                due = max(due + EVERY_MS / 1000, now)
                asker.ask()
                self._asked.append(now_ns())
                self._client.ask()
            if now >= flush:
                flush = now + FLUSH_S
                self._flush()

    def _served_client(self) -> None:
        self._served += [(now_ns(), node) for _, node in self._client.answers()]

    def _flush(self) -> None:
        asker = self._asker
        self._journal.write("probes", rounds=asker.rounds)
        self._journal.write("heard", answers=asker.answers)
        self._journal.write("client", asked=self._asked, answers=self._served)
        asker.rounds, asker.answers, self._asked, self._served = [], [], [], []

    def _changes(self) -> None:
        seen = now_ns()
        self._journal.write_all(
            self._change(seen, change) for change in observer.receive(self._kernel)
        )

    def _change(self, seen: int, change: observer.Change | None) -> dict[str, Any]:
        if change is None:
            return {"t": seen, "kind": "lost"}
        return {
            "t": seen,
            "kind": "address",
            "node": self._names.get(change.nsid, ""),
            "address": change.address,
            "up": change.is_up,
        }


def main() -> None:
    """Entry of the process."""
    with suppress(OSError):  # not permitted: it may see later, never earlier
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY))
    Judge(Spec.from_json(sys.argv[1])).run()


if __name__ == "__main__":
    main()
