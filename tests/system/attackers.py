"""The hostile network: clients that know too little, too much, or nothing, and a wire tap.

Each attacker opens real sockets in a namespace of the yard.  A `Knock` is one connection and what
became of it; nothing here decides whether that was right.
"""

import select
import socket
import ssl
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from watchdog.cli.demo.outside import inside
from watchdog.config import numbers
from watchdog.core.messages import PROTOCOL, Hello
from watchdog.shell import identity
from watchdog.shell.identity import ALPN
from watchdog.shell.secret import Secret
from watchdog.shell.tls import Channel, TlsEndedError, TlsFaultError
from watchdog.wire import codec, frames

_ETH_ALL: Final = 0x0003
_ETH_IP: Final = 0x0800
_TCP: Final = 6
_READ: Final = 1 << 16
_SYN: Final = 0x02
CONNECT_S: Final = 5.0
CROWD_REST_S: Final = 0.5


def dial(namespace: str, target: tuple[str, int], source: str = "") -> socket.socket:
    """A TCP connection out of a namespace."""

    def made() -> socket.socket:
        return socket.create_connection(
            target, CONNECT_S, source_address=(source, 0) if source else None
        )

    return inside(namespace, made)


def end_of(sock: socket.socket, seconds: float) -> bytes | None:
    """All bytes until the other side closes or resets; None when it never did."""
    got = bytearray()
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if not select.select([sock], [], [], left)[0]:
            break
        try:
            data = sock.recv(_READ)
        except (ConnectionResetError, BrokenPipeError):
            return bytes(got)
        if not data:
            return bytes(got)
        got += data
    return None


class Crowd:
    """Connections that never say a word, and are dialled again soon after they are closed."""

    def __init__(
        self, namespace: str, target: tuple[str, int], sources: Sequence[str], size: int
    ) -> None:
        self._namespace = namespace
        self._target = target
        self._sources = sources
        self._sockets: list[socket.socket | None] = [None] * size
        self._has_ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="crowd")
        self.dialled = 0
        self.faults: list[str] = []

    def begin(self) -> None:
        """Dial them all, and go on in the background."""
        self._dial_missing()
        self._thread.start()

    def close(self) -> None:
        """End all."""
        self._has_ended.set()
        self._thread.join()
        for sock in self._sockets:
            if sock is not None:
                sock.close()

    def _run(self) -> None:
        while not self._has_ended.wait(CROWD_REST_S):
            for number, sock in enumerate(self._sockets):
                if sock is not None and is_over(sock):
                    sock.close()
                    self._sockets[number] = None
            try:
                self._dial_missing()
            except OSError as error:
                self.faults.append(str(error))
                return

    def _dial_missing(self) -> None:
        for number, sock in enumerate(self._sockets):
            if sock is None:
                source = self._sources[number % len(self._sources)]
                self._sockets[number] = dial(self._namespace, self._target, source)
                self.dialled += 1


def is_over(sock: socket.socket) -> bool:
    """Whether the other side has closed, without waiting."""
    try:
        return not sock.recv(_READ, socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True


# -- TLS strangers ---------------------------------------------------------------------------------


def stranger(*, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    """A client without a certificate that trusts everybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols([ALPN])
    return context


def shake(context: ssl.SSLContext, sock: socket.socket) -> str:
    """Try to be let in: the error's text, or empty when the other side kept us for a second.

    In TLS 1.3 a client learns that it is refused only when it reads.
    """
    sock.settimeout(CONNECT_S)
    try:
        tls = context.wrap_socket(sock)
    except (OSError, ssl.SSLError) as error:
        return str(error)
    tls.settimeout(1.0)
    with tls:
        try:
            while tls.recv(_READ):
                pass
        except TimeoutError:
            return ""
        except OSError as error:
            return str(error)
    return "closed"


def hello(cluster: str, inc: bytes = b"i" * 16, **changed: object) -> bytes:
    """A frame with the HELLO of an ordinary standby, in clear."""
    fields: dict[str, object] = {
        "inc": inc,
        "cluster_id": numbers.cluster_id(cluster),
        "proto": PROTOCOL,
        "digest": b"d" * 32,
        "seq": 1,
        "hard_ms": 600,
        "promise_ms": 640,
        "priority": 1,
        "witness": False,
        "eligible": True,
        "standing_down": False,
        "quorum_connected": False,
        "state": "STANDBY",
        "leader": None,
        "term": 1,
        "healthy": True,
    }
    return frames.pack(codec.encode(Hello(**{**fields, **changed})))  # type: ignore[arg-type]


# -- somebody who has the key ----------------------------------------------------------------------


class Insider:
    """A client with the cluster's key and a name: past TLS, and then it says what it likes."""

    def __init__(self, sock: socket.socket, authkey: Path, cluster: str, node: str) -> None:
        self._sock = sock
        key, number = Secret(authkey.read_bytes()), numbers.cluster_id(cluster)
        who = identity.from_authkey(key, cluster, number, node, frozenset({node}))
        self._channel = Channel(who.client_context, is_server=False)
        sock.setblocking(True)
        sock.settimeout(CONNECT_S)
        self._channel.start()
        while not self._channel.is_up:
            self._flush()
            data = sock.recv(_READ)
            assert data, "the handshake was cut off"
            self._channel.feed(data)
        self._flush()

    def say(self, data: bytes) -> None:
        """Send bytes through TLS, as they are."""
        self._channel.seal(data)
        self._flush()

    def say_altered(self, data: bytes) -> None:
        """Send a record with one bit of its last byte turned: its tag no longer fits."""
        self._channel.seal(data)
        record = bytearray(self._channel.outgoing())
        record[-1] ^= 1
        self._sock.sendall(record)

    def say_cut(self, data: bytes) -> None:
        """Send all of a record but its last ten bytes."""
        self._channel.seal(data)
        self._sock.sendall(self._channel.outgoing()[:-10])

    def was_closed(self, seconds: float) -> bool:
        """Whether the other side ends the connection in time; what it says is thrown away."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._sock.settimeout(left)
            try:
                data = self._sock.recv(_READ)
                if not data:
                    return True
                self._channel.feed(data)
            except TimeoutError:
                return False
            except (OSError, TlsEndedError, TlsFaultError):
                return True
        return False

    def close(self) -> None:
        """Leave."""
        self._sock.close()

    def _flush(self) -> None:
        if data := self._channel.outgoing():
            self._sock.sendall(data)


# -- the wire tap ----------------------------------------------------------------------------------

Flow = tuple[str, int, str, int]
"""Source address and port, target address and port."""


@dataclass
class Tape:
    """What a tap has heard: TCP payloads by flow, and every other frame as it is."""

    flows: dict[Flow, dict[int, bytes]] = field(default_factory=lambda: defaultdict(dict))
    begins: dict[Flow, int] = field(default_factory=dict)
    others: list[bytes] = field(default_factory=list)

    def add(self, frame: bytes) -> None:
        """Take one Ethernet frame in."""
        parsed = parse(frame)
        if parsed is None:
            self.others.append(frame)
            return
        flow, seq, is_first, payload = parsed
        if is_first:
            self.begins[flow] = (seq + 1) % (1 << 32)
        elif payload:
            self.flows[flow].setdefault(seq, payload)

    def stream(self, flow: Flow) -> bytes:
        """One direction of one connection from its first byte; stops at the first hole."""
        pieces, at = self.flows[flow], self.begins.get(flow)
        found = bytearray()
        while at is not None and at in pieces:
            found += pieces[at]
            at = (at + len(pieces[at])) % (1 << 32)
        return bytes(found)

    def bytes_heard(self) -> int:
        """Bytes of TCP payload."""
        return sum(len(p) for pieces in self.flows.values() for p in pieces.values())

    def clear_words(self, words: Iterable[str]) -> set[str]:
        """Which of `words` can be read by whoever listens, also across segments."""
        heard = [self.stream(flow) for flow in list(self.flows)]
        heard += [piece for pieces in self.flows.values() for piece in pieces.values()]
        heard += self.others
        return {word for word in words if any(word.encode() in data for data in heard)}


def parse(frame: bytes) -> tuple[Flow, int, bool, bytes] | None:
    """Flow, sequence number, whether it opens the flow, and payload; None: no TCP over IPv4."""
    if len(frame) < 54 or struct.unpack_from("!H", frame, 12)[0] != _ETH_IP or frame[23] != _TCP:
        return None
    total = struct.unpack_from("!H", frame, 16)[0]
    tcp = 14 + (frame[14] & 0x0F) * 4
    source_port, target_port, seq = struct.unpack_from("!HHI", frame, tcp)
    flow = (
        socket.inet_ntoa(frame[26:30]),
        source_port,
        socket.inet_ntoa(frame[30:34]),
        target_port,
    )
    payload = frame[tcp + (frame[tcp + 12] >> 4) * 4 : 14 + total]
    return flow, seq, bool(frame[tcp + 13] & _SYN), payload


class Tap:
    """Hears every frame that crosses the bridge, from now on."""

    def __init__(self, namespace: str) -> None:
        def made() -> socket.socket:
            return socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_ALL))

        self._sock = inside(namespace, made)
        self._sock.setblocking(False)
        self._sock.setsockopt(socket.SOL_SOCKET, 33, 16 << 20)  # SO_RCVBUFFORCE
        self.tape = Tape()

    def listen(self, seconds: float = 0.0) -> Tape:
        """Take in what crosses for so long, and everything that waits already."""
        end = time.monotonic() + seconds
        while True:
            ready = select.select([self._sock], [], [], max(0.0, end - time.monotonic()))[0]
            if not ready:
                return self.tape
            with suppress(BlockingIOError):
                for _ in range(10_000):
                    self.tape.add(self._sock.recv(_READ))

    def close(self) -> None:
        """Hear no more."""
        self._sock.close()


@contextmanager
def tapped(namespace: str) -> Iterator[Tap]:
    """A tap for the length of a block."""
    tap = Tap(namespace)
    try:
        yield tap
    finally:
        tap.close()
