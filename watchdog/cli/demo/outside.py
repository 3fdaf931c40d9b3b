"""The observing process of the demo: `python -m watchdog.cli.demo.observe SPEC`, SPEC in JSON.

It belongs to no node: it enters each namespace only to open sockets there, then one loop asks the
VIP, answers for the nodes' services and writes down what the kernels say.  One process, so that
all its times come from one loop.  Ends when its standard input is closed: whoever started it and
died cannot leave it behind.
"""

import ctypes
import json
import os
import select
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from watchdog.cli.demo import observer
from watchdog.cli.demo.client import Client, Service
from watchdog.cli.demo.journal import Journal, now_ns

NETNS_FOLDER: Final = Path("/run/netns")
NICE: Final = -15
_CLONE_NEWNET: Final = 0x40000000
_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True)
class Spec:
    """What to watch: `nodes` maps the namespace's id to (name of the node, namespace)."""

    journal: str
    network: str
    nodes: dict[int, tuple[str, str]]
    vips: tuple[str, ...]
    every_ms: int
    serves: bool = True
    """Answer on the VIP from here; False when the nodes have a service of their own."""

    def to_json(self) -> str:
        """As it is passed to the process."""
        return json.dumps(
            [
                self.journal,
                self.network,
                list(self.nodes.items()),
                self.vips,
                self.every_ms,
                self.serves,
            ]
        )

    @classmethod
    def from_json(cls, text: str) -> "Spec":
        """The counterpart of `to_json`."""
        journal, network, nodes, vips, every_ms, serves = json.loads(text)
        named = {int(nsid): (str(name), str(space)) for nsid, (name, space) in nodes}
        return cls(journal, network, named, tuple(vips), every_ms, serves)


def inside(namespace: str, make: Callable[[], _Made]) -> _Made:
    """Call `make` in a network namespace; what it opens stays there. OSError when it is gone."""
    before = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    there = os.open(NETNS_FOLDER / namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _setns(there)
        try:
            return make()
        finally:
            _setns(before)
    finally:
        os.close(before)
        os.close(there)


def _setns(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"setns: {os.strerror(number)}")


class Outside:
    """All sockets, and the loop over them."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._journal = Journal(Path(spec.journal))
        self._kernel: socket.socket = inside(spec.network, observer.listen)
        self._client = inside(spec.network, lambda: Client(spec.vips[0])) if spec.vips else None
        self._services = [self._service(name, space) for name, space in spec.nodes.values()]

    def _service(self, name: str, space: str) -> Service | None:
        if not self._spec.vips or not self._spec.serves:
            return None
        return inside(space, lambda: Service(self._spec.vips[0], name))

    def run(self) -> None:
        """Watch until standard input ends."""
        poll = select.poll()
        handlers: dict[int, Callable[[], None]] = {self._kernel.fileno(): self._changes}
        if self._client is not None:
            handlers[self._client.fileno()] = self._answers
        handlers |= {s.fileno(): s.answer for s in self._services if s is not None}
        for descriptor in (0, *handlers):
            poll.register(descriptor, select.POLLIN)
        self._journal.write("observer", state="ready")
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        period = self._spec.every_ms / 1000
        due = time.monotonic()
        while True:
            for descriptor, _ in poll.poll(max(0.0, due - time.monotonic()) * 1000):
                if descriptor == 0:
                    return
                handlers[descriptor]()
            if time.monotonic() >= due:
                due = max(due + period, time.monotonic())
                self._ask()

    def _ask(self) -> None:
        if self._client is not None:
            asked = now_ns()
            self._journal.write("asked", asked, seq=self._client.ask())

    def _answers(self) -> None:
        assert self._client is not None
        seen = now_ns()
        self._journal.write_all(
            {"t": seen, "kind": "answer", "seq": seq, "node": node}
            for seq, node in self._client.answers()
        )

    def _changes(self) -> None:
        seen = now_ns()
        self._journal.write_all(
            self._change(seen, change) for change in observer.receive(self._kernel)
        )

    def _change(self, seen: int, change: observer.Change | None) -> dict[str, Any]:
        if change is None:
            return {"t": seen, "kind": "lost"}
        name, _ = self._spec.nodes.get(change.nsid, ("network", ""))
        return {
            "t": seen,
            "kind": "address",
            "node": name,
            "address": change.address,
            "up": change.is_up,
        }


def main() -> None:
    """Entry of the process."""
    with suppress(OSError):  # not permitted: times may be a little later, never earlier
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
        os.sched_setscheduler(
            0, os.SCHED_RR, os.sched_param(os.sched_get_priority_min(os.SCHED_RR))
        )
    Outside(Spec.from_json(sys.argv[1])).run()
