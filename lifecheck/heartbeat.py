"""Heartbeats over UDP: sends one to every peer per interval, hears theirs, and says who lives.

Rule: nothing that the network does ends this process or holds it up: a send that fails and a
datagram that is refused are counted by cause, and the first of each kind is logged.  A port that
cannot be had is tried again.  What is believed is decided in lifecheck/edge.py.
"""

import asyncio
import errno
import os
import socket
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final

from lifecheck import clock
from lifecheck.edge import Edge, Verdict
from lifecheck.log import Log
from lifecheck.plan import HeartbeatPlan
from watchdog.wire.heartbeat import SALT_SIZE, SIZE_MAX, HeartbeatError, Stream

BATCH: Final = 64
"""So many datagrams are taken before others get their turn."""
RETRY_MIN_S: Final = 0.5
RETRY_MAX_S: Final = 10.0
PAUSE_INTERVALS: Final = 3
"""After so many intervals without a turn this process was not listening (stopped, suspended)."""
MS_US: Final = 1000
DEAF: Final = "nobody's heartbeats arrive here"


class Heartbeat:
    """The edges between this node and its peers."""

    def __init__(
        self,
        plan: HeartbeatPlan,
        node: str,
        cluster_id: bytes,
        key: bytes,
        changed: Callable[[], None],
        log: Log,
    ) -> None:
        """`changed` is called after the verdict on a peer has changed."""
        self._plan = plan
        self._changed = changed
        self._log = log
        times_us = (plan.interval_ms * MS_US, plan.deadtime_ms * MS_US)
        now_us = clock.now_us()
        make = partial(Stream, key, cluster_id)
        self._edges = [
            Edge(node, peer.name, make, os.urandom(SALT_SIZE), times_us, now_us)
            for peer in plan.peers
        ]
        pairs = zip(plan.peers, self._edges, strict=True)
        self._by_address = {_address(peer.address): edge for peer, edge in pairs}
        self._targets = {peer.name: _target(peer.address, plan.port) for peer in plan.peers}
        self._said: dict[str, Verdict] = {peer.name: "unknown" for peer in plan.peers}
        self._told = dict(self._said)
        self._ticked_us = self._hearing_us = now_us
        self._deadtime_us = plan.deadtime_ms * MS_US
        self.is_mute = True
        """Nothing can be sent: the port is not had yet, or is somebody else's."""
        self.refused: Counter[str] = Counter()
        """Datagrams that were not believed, by cause."""
        self.send_errors: Counter[str] = Counter()

    def peers(self) -> dict[str, tuple[Verdict, str]]:
        """Peer name to verdict and reason, as the node is told."""
        now_us = clock.now_us()
        return {edge.peer: self._word(edge, now_us) for edge in self._edges}

    def _word(self, edge: Edge, now_us: int) -> tuple[Verdict, str]:
        """DEAD needs others that were heard long enough: whoever hears nobody may be deaf.

        A port that is filtered for all silences the edges one by one, and opens them one by one:
        the first of them must not look like the only one.
        """
        verdict, heard_us, latest_us = edge.verdict(now_us), edge.heard_us, self._latest_us()
        if verdict == "dead" and heard_us is not None and latest_us is not None:
            is_new_here = now_us - self._hearing_us < self._deadtime_us
            if is_new_here or latest_us - heard_us < self._deadtime_us // 2:
                return "unknown", DEAF
        return verdict, edge.reason(now_us)

    def _latest_us(self) -> int | None:
        """When anybody was heard last."""
        return max((at for edge in self._edges if (at := edge.heard_us) is not None), default=None)

    def rows(self) -> list[dict[str, object]]:
        """Every edge, for `status`."""
        now_us = clock.now_us()
        return [edge.row(now_us) for edge in self._edges]

    async def run(self) -> None:
        """Send and hear until cancelled."""
        loop = asyncio.get_running_loop()
        with await self._bound() as port:
            self.is_mute = False
            self._changed()
            loop.add_reader(port, self._hear, port)
            try:
                await self._send_for_ever(port)
            finally:
                loop.remove_reader(port)

    async def _bound(self) -> socket.socket:
        retry_s = RETRY_MIN_S
        while True:
            try:
                return _bind(self._plan.address, self._plan.port)
            except OSError as error:
                if retry_s == RETRY_MIN_S:
                    self._log.warning(
                        "heartbeat_port_unusable",
                        address=self._plan.address,
                        port=self._plan.port,
                        why=error.strerror,
                    )
            await asyncio.sleep(retry_s)
            retry_s = min(2 * retry_s, RETRY_MAX_S)

    async def _send_for_ever(self, port: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        interval_s = self._plan.interval_ms / 1000
        next_s = loop.time()
        while True:
            self._tick(port)
            next_s = max(next_s + interval_s, loop.time())
            await asyncio.sleep(next_s - loop.time())

    def _tick(self, port: socket.socket) -> None:
        now_us = clock.now_us()
        paused = now_us - self._ticked_us > PAUSE_INTERVALS * self._plan.interval_ms * MS_US
        self._ticked_us = now_us
        for edge in self._edges:
            if paused:
                edge.resume(now_us)
            self._send(port, edge, now_us)
        self._judge(now_us)

    def _send(self, port: socket.socket, edge: Edge, now_us: int) -> None:
        try:
            port.sendto(edge.next_datagram(now_us), self._targets[edge.peer])
        except OSError as error:
            cause = errno.errorcode.get(error.errno or 0, "error")
            self.send_errors[cause] += 1
            if self.send_errors[cause] == 1:
                self._log.warning("heartbeat_not_sent", peer=edge.peer, why=error.strerror)

    def _hear(self, port: socket.socket) -> None:
        for _ in range(BATCH):
            try:
                datagram, source = port.recvfrom(SIZE_MAX + 1)
            except BlockingIOError:
                break
            except OSError:
                continue  # an error of an earlier datagram, told late
            self._take(datagram, source[0])
        self._judge(clock.now_us())

    def _take(self, datagram: bytes, source: str) -> None:
        try:
            edge = self._by_address.get(_address(source))
            if edge is None:
                raise HeartbeatError("address", "no peer has this address")
            now_us, before_us = clock.now_us(), self._latest_us()
            edge.receive(datagram, now_us)
            if before_us is None or now_us - before_us > self._deadtime_us // 2:
                self._hearing_us = now_us
        except HeartbeatError as error:
            self.refused[error.cause] += 1
            # A new start is never believed at once, so that is no news.
            if self.refused[error.cause] == 1 and error.cause != "unproven":
                self._log.warning(
                    "heartbeat_refused", address=source, cause=error.cause, why=str(error)
                )

    def _judge(self, now_us: int) -> None:
        """Say what has changed."""
        for edge in self._edges:
            verdict = edge.verdict(now_us)
            if verdict != self._said[edge.peer]:
                self._said[edge.peer] = verdict
                if verdict == "alive":
                    self._log.info("heartbeat_heard", peer=edge.peer)
                else:
                    self._log.warning("heartbeat_silent", peer=edge.peer, why=edge.reason(now_us))
        told = {peer: verdict for peer, (verdict, _) in self.peers().items()}
        if told != self._told:
            self._told = told
            self._changed()


def _address(text: str) -> bytes:
    """An address in its one form, without a zone; `ipaddress` would cost 0.3 MiB here."""
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    return socket.inet_pton(family, text.partition("%")[0])


def _target(address: str, port: int) -> tuple[object, ...]:
    """The socket address of a literal address, which needs no look-up."""
    host, numeric = address.encode(), socket.AI_NUMERICHOST  # a str would load IDNA, 0.3 MiB
    return socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=numeric)[0][4]


def _bind(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        bound.bind(_target(address, port))
    except OSError:
        bound.close()
        raise
    return bound
