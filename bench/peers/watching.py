"""The observing process: `python -m bench.peers.watching SPEC`; it belongs to no peer.

One loop asks the VIP from the network's side, asks on each node's own wire who has the VIP (ARP;
that works while the node is cut off from the bridge too) and hears the kernels' address events of
all namespaces in one queue.  What stays the same is not written, only what changes: a time without
answers, a node that falls silent or speaks.  Standard input says how often to ask (`ask MS`);
its end ends the process.
"""

import ctypes
import json
import os
import select
import socket
import struct
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from watchdog.cli.demo import observer
from watchdog.cli.demo.client import Client
from watchdog.cli.demo.journal import Journal, now_ns
from watchdog.cli.demo.outside import NICE, inside

MS: Final = 1_000_000
WIRE_PER_ASK: Final = 2
"""Each node is asked on its wire half as often as the VIP."""
SILENT_MIN: Final = 3
"""Questions in a row without an answer that make a silence."""
GAP_MS: Final = 4
"""A shorter time without answers is not written."""
ALIVE_MS: Final = 250
ASKED_MIN: Final = 2
"""Questions without an answer that make a gap; where nobody asked there is no outage."""
_ARP: Final = 0x0806
_BODY: Final = struct.Struct("!HHBBH6s4s6s4s")
_SO_ATTACH_FILTER: Final = 26
_ONLY_ARP: Final = (
    (0x28, 0, 0, 12),  # the type of the frame
    (0x15, 0, 1, _ARP),
    (0x06, 0, 0, 0xFFFF),
    (0x06, 0, 0, 0),
)


@dataclass(frozen=True, slots=True)
class Spec:
    """What to watch: `nodes` maps the namespace's id to (name of the node, its port)."""

    journal: str
    network: str
    nodes: dict[int, tuple[str, str]]
    vip: str

    def to_json(self) -> str:
        """As it is passed to the process."""
        return json.dumps([self.journal, self.network, list(self.nodes.items()), self.vip])

    @classmethod
    def from_json(cls, text: str) -> "Spec":
        """The counterpart of `to_json`."""
        journal, network, nodes, vip = json.loads(text)
        return cls(journal, network, {int(n): (name, port) for n, (name, port) in nodes}, vip)


class Wire:
    """Asks one node, on the other end of its cable, whether it has the VIP."""

    def __init__(self, node: str, port: str, vip: str, journal: Journal) -> None:
        self.node = node
        self._journal = journal
        self._vip = socket.inet_aton(vip)
        self._socket = _tap(port)
        mac = self._socket.getsockname()[4]
        body = _BODY.pack(1, 0x0800, 6, 4, 1, mac, bytes(4), bytes(6), self._vip)
        self._question = b"\xff" * 6 + mac + _ARP.to_bytes(2, "big") + body
        self._open: list[int] = []
        self._answered_ns = 0
        self._is_silent = False

    def fileno(self) -> int:
        """For poll."""
        return self._socket.fileno()

    def ask(self) -> None:
        """One more question; the silence that those before have shown is written."""
        if len(self._open) >= SILENT_MIN and not self._is_silent:
            self._is_silent = True
            last = self._answered_ns
            self._journal.write("wire", self._open[0], node=self.node, answers=False, last=last)
        del self._open[SILENT_MIN:]
        self._open.append(now_ns())
        with suppress(OSError):  # the cable is being changed
            self._socket.send(self._question)

    def hear(self) -> None:
        """Take what came; only an answer of this node about the VIP counts."""
        for _ in range(64):
            try:
                frame, (_, _, kind, *_) = self._socket.recvfrom(256)
            except OSError:
                return
            # What the bridge sends out here are the others' words, such as a new holder's.
            if kind == socket.PACKET_OUTGOING or len(frame) < 14 + _BODY.size:
                continue
            *_, operation, _, address, _, _ = _BODY.unpack_from(frame, 14)
            if operation == 2 and address == self._vip:
                self._answered()

    def _answered(self) -> None:
        if self._open:
            self._answered_ns = self._open[-1]
        self._open.clear()
        if self._is_silent:
            self._is_silent = False
            self._journal.write("wire", node=self.node, answers=True)

    def forget(self, since_ns: int) -> None:
        """Begin anew: what is not known yet counts as answering. 0: since its address changed."""
        self._answered()
        self._answered_ns = since_ns


def _tap(port: str) -> socket.socket:
    """See every ARP frame that this port receives, before its bridge does."""
    made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    made.setblocking(False)
    program = b"".join(struct.pack("=HBBI", *line) for line in _ONLY_ARP)
    buffer = ctypes.create_string_buffer(program, len(program))
    at = struct.pack("HP", len(_ONLY_ARP), ctypes.addressof(buffer))
    made.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, at)
    made.bind((port, 3))  # ETH_P_ALL
    return made


class Asking:
    """The client: the answers it gets, by what is missing between them."""

    def __init__(self, vip: str, journal: Journal) -> None:
        self._client = Client(vip)
        self._journal = journal
        self._last_ns = 0
        self._node = ""
        self._asked = 0

    def fileno(self) -> int:
        """For poll."""
        return self._client.fileno()

    def ask(self) -> None:
        """One more question."""
        self._asked += 1
        self._client.ask()

    def hear(self) -> None:
        """Take the answers that wait."""
        seen = now_ns()
        for _, node in self._client.answers():
            is_gap = seen - self._last_ns >= GAP_MS * MS and self._asked >= ASKED_MIN
            if self._last_ns and (is_gap or node != self._node):
                self._journal.write(
                    "gap", self._last_ns, until=seen, asked=self._asked, was=self._node, node=node
                )
            self._last_ns, self._node, self._asked = seen, node, 0

    def alive(self) -> None:
        """Say how it stands."""
        self._journal.write("alive", last=self._last_ns, node=self._node, unanswered=self._asked)

    def forget(self) -> None:
        """Nobody asks any more."""
        self._last_ns, self._asked = 0, 0


class Watching:
    """All sockets, and the loop over them."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._journal = Journal(Path(spec.journal))
        self._kernel: socket.socket = inside(spec.network, observer.listen)
        self._asking = inside(spec.network, lambda: Asking(spec.vip, self._journal))
        self._wires = inside(
            spec.network,
            lambda: [
                Wire(name, port, spec.vip, self._journal) for name, port in spec.nodes.values()
            ],
        )
        self._every_s = 0.0
        self._due = dict.fromkeys(("ask", "wire", "alive"), 0.0)

    def run(self) -> None:
        """Watch until standard input ends."""
        handlers: dict[int, Callable[[], None]] = {
            self._kernel.fileno(): self._changes,
            self._asking.fileno(): self._asking.hear,
            **{wire.fileno(): wire.hear for wire in self._wires},
        }
        poll = select.poll()
        for descriptor in (0, *handlers):
            poll.register(descriptor, select.POLLIN)
        print("ready", flush=True)
        while True:
            for descriptor, _ in poll.poll(self._wait_ms()):
                if descriptor:
                    handlers[descriptor]()
                elif not self._order():
                    return
            if self._every_s:
                self._turn(time.monotonic())

    def _wait_ms(self) -> float | None:
        if not self._every_s:
            return None
        return max(0.0, min(self._due.values()) - time.monotonic()) * 1000

    def _order(self) -> bool:
        line = sys.stdin.readline()
        if not line:
            return False
        self._every_s = float(line.split()[1]) / 1000
        self._due = dict.fromkeys(self._due, time.monotonic())
        for wire in self._wires:
            wire.forget(now_ns())
        if not self._every_s:
            self._asking.forget()
        return True

    def _turn(self, now: float) -> None:
        if now >= self._due["ask"]:
            self._due["ask"] = max(self._due["ask"] + self._every_s, now)
            self._asking.ask()
        if now >= self._due["wire"]:
            self._due["wire"] = now + WIRE_PER_ASK * self._every_s
            for wire in self._wires:
                wire.ask()
        if now >= self._due["alive"]:
            self._due["alive"] = now + ALIVE_MS / 1000
            self._asking.alive()

    def _changes(self) -> None:
        seen = now_ns()
        changes = [self._change(seen, change) for change in observer.receive(self._kernel)]
        self._journal.write_all(changes)
        moved = {change.get("node") for change in changes}
        for wire in self._wires:
            if wire.node in moved:
                wire.forget(0)

    def _change(self, seen: int, change: observer.Change | None) -> dict[str, Any]:
        if change is None:
            return {"t": seen, "kind": "lost"}
        name, _ = self._spec.nodes.get(change.nsid, ("network", ""))
        up = change.is_up
        return {"t": seen, "kind": "address", "node": name, "address": change.address, "up": up}


def main() -> None:
    """Entry of the process."""
    with suppress(OSError):  # not permitted: times may be a little later, never earlier
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
        least = os.sched_get_priority_min(os.SCHED_RR)
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(least))
    Watching(Spec.from_json(sys.argv[1])).run()


if __name__ == "__main__":
    main()
