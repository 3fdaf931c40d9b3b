"""Says messages to peers: by datagram, by TCP or both, as `wire.ways` chooses.

One packing serves all peers and both ways; each peer gets its own number, the same in both copies.
What cannot go by datagram (too long, the kernel has no room or no route) goes by TCP.
"""

from collections.abc import Callable

from watchdog.core.messages import Message
from watchdog.shell.datagrams import Datagrams
from watchdog.shell.paths import Paths
from watchdog.shell.peers import Peers
from watchdog.wire.codec import Packed, pack


class Routes:
    """The way out of this node; never waits, never raises."""

    def __init__(
        self, peers: Peers, datagrams: Datagrams, paths: Paths, now_ns: Callable[[], int]
    ) -> None:
        self._peers = peers
        self._datagrams = datagrams
        self._paths = paths
        self._now_ns = now_ns
        self._last: tuple[Message | None, Packed] = (None, Packed(b"", b""))

    def send(self, peer: str, message: Message) -> None:
        """Say `message` to `peer`; lost and counted where there is no way."""
        path, now_ns = self._paths.to(peer), self._now_ns()
        payload = self._packed(message).numbered(path.ways.next_seq())
        choice = path.choose(message, now_ns)
        is_gone = choice.udp and self._datagrams.send(path, payload, now_ns)
        if choice.tcp or not is_gone:
            self._peers.send(peer, message, payload)

    def close(self, peer: str, why: str) -> None:
        """Drop the connection; it is dialled again after a while."""
        self._peers.close(peer, why)

    def _packed(self, message: Message) -> Packed:
        """Pack a message once, however many peers it is for."""
        last, packed = self._last
        if last is not message:
            packed = pack(message)
            self._last = (message, packed)
        return packed
