"""A stage for the kernel gate: two namespaces, talk about the VIPs, and ears outside.

`inside` has both VIPs on v0 and, when it is made, a gate; `outside` asks for them, and its ears
note every frame that speaks for a VIP, with the kernel's own time of its arrival: a busy machine
delays who reads the notes, never what they say.
"""

import itertools
import os
import select
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple, Self, TypeVar

from tests.system.guardian.bench import in_namespace, ip
from watchdog.guardian import actions as act
from watchdog.guardian import arp
from watchdog.guardian.gate import Gate
from watchdog.guardian.plan import Vip
from watchdog.instant import MS

VIP: Final = "10.77.0.100"
VIP6: Final = "fd77::100"
PACKED: Final = socket.inet_pton(socket.AF_INET, VIP)
PACKED6: Final = socket.inet_pton(socket.AF_INET6, VIP6)
VIPS: Final = (Vip("a", VIP, 24, 4, "v0"), Vip("b", VIP6, 64, 6, "v0"))
KINDS: Final = frozenset({"udp4", "udp6", "arp", "garp", "na", "una"})
PORT: Final = 9999
PAUSE_S: Final = 0.003
PATIENCE_S: Final = 10.0
SO_TIMESTAMPNS: Final = 35
ETH_ALL: Final = 3
PACKET_OUTGOING: Final = 4
_NUMBERS: Final = itertools.count()
Answer = TypeVar("Answer", bound=act.Input)


class Frame(NamedTuple):
    """A frame that spoke for a VIP, and when the kernel outside got it."""

    kind: str
    at_ns: int
    raw: bytes


def kind_of(frame: bytes) -> str:
    """Which way of speaking for a VIP it is; empty: none."""
    is_to_all = frame[0] & 1
    ether, body = frame[12:14], frame[14:]
    if ether == b"\x08\x06" and body[14:18] == PACKED:
        return "garp" if is_to_all else "arp"
    if ether == b"\x08\x00" and body[12:16] == PACKED:
        return "udp4"
    if ether == b"\x86\xdd" and body[6] == arp.ICMPV6 and body[48:64] == PACKED6:
        return ("una" if is_to_all else "na") if body[40] == arp.ND_ADVERTISEMENT else ""
    return "udp6" if ether == b"\x86\xdd" and body[8:24] == PACKED6 else ""


class Hand:
    """Does with a gate what the guardian does, one thing at a time."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.others: list[act.Input] = []
        self.round = 0

    def hear(self, kind: type[Answer], patience_s: float = PATIENCE_S) -> Answer:
        """The next answer of this kind; others are kept."""
        end = time.monotonic() + patience_s
        while True:
            for at, answer in enumerate(self.others):
                if isinstance(answer, kind):
                    del self.others[at]
                    return answer
            left = end - time.monotonic()
            ready = select.select([self.gate.fd], [], [], max(0, left))[0]
            assert ready, f"no {kind.__name__} within {patience_s} s; heard {self.others}"
            self.gate.take_answers(self.others.append)

    def open(self, ticket_ms: int = 5000) -> act.TicketOpened:
        """Open the ticket of the next round."""
        self.round += 1
        self.gate.open_ticket(1, self.round, ticket_ms * MS)
        return self.hear(act.TicketOpened)

    def arm(self, timeout_ms: int) -> act.GateArmed:
        """Arm with the ticket of this round."""
        self.gate.arm(1, self.round, timeout_ms * MS)
        return self.hear(act.GateArmed)

    def renew(self, timeout_ms: int) -> act.GateArmed:
        """Both."""
        opened = self.open()
        assert opened.ok, opened.why
        return self.arm(timeout_ms)

    def close(self) -> None:
        """Close, and wait until that was done."""
        self.gate.close_lease()
        self.open()  # what waits for the kernel is done in order


class Stage:
    """Two namespaces with a wire between them, and the VIPs inside."""

    def __init__(self) -> None:
        name = f"qg{os.getpid()}x{next(_NUMBERS)}"
        self.inside, self.outside = f"{name}i", f"{name}o"
        self.tag = name
        self.table = f"quorumdog_{name}"
        self._hands: list[Hand] = []

    def make(self) -> None:
        """Make the namespaces."""
        for name in (self.inside, self.outside):
            ip("netns", "add", name)
            ip("-n", name, "link", "set", "lo", "up")
        self.wire()

    def wire(self) -> None:
        """Make the wire and the addresses; the neighbours know each other for good."""
        ip("-n", self.inside, "link", "add", "v0", "type", "veth", "peer", "name", "v1")
        ip("-n", self.inside, "link", "set", "v1", "netns", self.outside)
        for name, device, last in ((self.inside, "v0", 1), (self.outside, "v1", 2)):
            ip("-n", name, "addr", "add", f"10.77.0.{last}/24", "dev", device)
            ip("-n", name, "addr", "add", f"fd77::{last}/64", "dev", device, "nodad")
            ip("-n", name, "link", "set", device, "up")
        self.put_vips(self.inside, "v0")
        mac = self.mac(self.inside, "v0")
        for address in (VIP, VIP6):
            words = ["replace", address, "lladdr", mac, "dev", "v1", "nud", "permanent"]
            ip("-n", self.outside, "neigh", *words)

    @staticmethod
    def put_vips(namespace: str, device: str) -> None:
        """Have a machine hold the VIPs."""
        ip("-n", namespace, "addr", "add", f"{VIP}/24", "dev", device)
        ip("-n", namespace, "addr", "add", f"{VIP6}/64", "dev", device, "nodad")

    @staticmethod
    def mac(namespace: str, device: str) -> str:
        """Hardware address of an interface."""
        words = ip("-n", namespace, "link", "show", "dev", device).split()
        return words[words.index("link/ether") + 1]

    def gate(self, vips: tuple[Vip, ...] = VIPS, tag: str = "") -> Hand:
        """Make a gate inside."""
        with in_namespace(self.inside):
            hand = Hand(Gate(vips, tag or self.tag, "normal"))
        self._hands.append(hand)
        return hand

    def nft(self, *words: str, text: str = "", check: bool = True) -> str:
        """Run nft inside; what it prints."""
        command = ["ip", "netns", "exec", self.inside, "nft", *words]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert not check or done.returncode == 0, f"nft {words}: {done.stderr}"
        return done.stdout

    def remove(self) -> None:
        """End the gates and delete the namespaces."""
        for hand in self._hands:
            hand.gate.end()
        for name in (self.inside, self.outside):
            ip("netns", "del", name, check=False)


@contextmanager
def staged() -> Iterator[Stage]:
    """A stage for the length of a block."""
    stage = Stage()
    try:
        stage.make()
        yield stage
    finally:
        stage.remove()


class Ears:
    """Notes what arrives at an interface and speaks for a VIP; can ask there, too."""

    def __init__(self, namespace: str, device: str) -> None:
        with in_namespace(namespace):
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        self._socket.bind((device, ETH_ALL))  # before this it hears nothing of other interfaces
        self._socket.setblocking(False)

    def heard(self) -> list[Frame]:
        """Everything since the last call."""
        found = []
        with suppress(BlockingIOError):
            while True:
                raw, ancillary, _, sender = self._socket.recvmsg(2048, 64)
                if sender[2] != PACKET_OUTGOING and kind_of(raw):
                    seconds, ns = struct.unpack("@ll", ancillary[0][2])
                    found.append(Frame(kind_of(raw), seconds * 10**9 + ns, raw))
        return found

    def heard_of(self, kind: str) -> list[Frame]:
        """Everything of one kind since the last call."""
        return [frame for frame in self.heard() if frame.kind == kind]

    def ask(self) -> None:
        """Ask whoever is at the other end of the wire for the VIPs."""
        for frame in questions(self._socket.getsockname()[4]):
            with suppress(OSError):  # a wire that is down, or full
                self._socket.send(frame)

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class Talk:
    """Speaks for the VIPs in every way there is, all the time: asked, and unasked."""

    def __init__(self, stage: Stage) -> None:
        self._ends = threading.Event()
        with in_namespace(stage.inside):
            self._servers = [_server(VIP, socket.AF_INET), _server(VIP6, socket.AF_INET6)]
            self._mouth = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self._mouth.bind(("v0", 0))
        with in_namespace(stage.outside):
            self._clients = [
                (socket.socket(socket.AF_INET, socket.SOCK_DGRAM), VIP),
                (socket.socket(socket.AF_INET6, socket.SOCK_DGRAM), VIP6),
            ]
            self._asker = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self._asker.bind(("v1", 0))
        self._threads = [threading.Thread(target=self._serve), threading.Thread(target=self._talk)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        for thread in self._threads:
            thread.join()
        for used in (*self._servers, self._mouth, self._asker, *(c for c, _ in self._clients)):
            used.close()

    def _serve(self) -> None:
        while not self._ends.is_set():
            for server in select.select(self._servers, [], [], 0.05)[0]:
                data, sender = server.recvfrom(100)
                with suppress(PermissionError):  # what the gate drops is an error to its sender
                    server.sendto(data, sender)

    def _talk(self) -> None:
        while not self._ends.is_set():
            for client, vip in self._clients:
                with suppress(OSError):
                    client.sendto(b"?", (vip, PORT))
            for frame in questions(self._asker.getsockname()[4]):
                self._asker.send(frame)
            mac = self._mouth.getsockname()[4]
            for packed in (PACKED, PACKED6):
                for frame in arp.announcements(mac, packed):
                    with suppress(OSError):
                        self._mouth.send(frame)
            time.sleep(PAUSE_S)


def questions(mac: bytes) -> list[bytes]:
    """Who has the VIPs? as the machine outside asks it."""
    own = socket.inet_pton(socket.AF_INET, "10.77.0.2")
    own6 = socket.inet_pton(socket.AF_INET6, "fd77::2")
    group = bytes.fromhex("ff0200000000000000000001ff") + PACKED6[-3:]
    body = struct.pack(">I16s", 0, PACKED6) + b"\x01\x01" + mac
    return [
        arp._arp(arp.ARP_REQUEST, mac, own, arp.NOBODY, PACKED),
        arp._neighbour(mac, own6, group, arp.ND_SOLICITATION, body),
    ]


def _server(address: str, family: socket.AddressFamily) -> socket.socket:
    server = socket.socket(family, socket.SOCK_DGRAM)
    server.bind((address, PORT))
    return server
