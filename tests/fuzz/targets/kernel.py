"""What the kernel says: netlink of every kind, frames of the link, ICMP, and files of /proc.

The kernel is trusted, and a parser of its words must still not end a daemon: it may be newer, a
message may be cut, and part of it (a name, a frame) is somebody else's choice.
"""

import errno
import os
import socket
import struct
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Final, cast

from lifecheck.probes import icmp
from lifecheck.processes import procfs
from tests.fuzz.engine import PAST, REFUSED, VALID, Target, brief
from tests.fuzz.mutate import Mutator, Sample, Span, damaged, noise
from tests.fuzz.texts import pieces_sample
from watchdog.guardian import arp, hook_group, netlink
from watchdog.guardian.nft import attributes as attribute
from watchdog.guardian.nft import batch, listing
from watchdog.shell.rtnetlink import Interfaces, Kind

SEQ: Final = 1
_V4: Final = netlink.Address(3, socket.AF_INET, bytes((10, 0, 0, 100)), 24)
_V6: Final = netlink.Address(4, socket.AF_INET6, bytes(range(16)), 64)
_EDGES: Final = (b"\0", b"\1", b"\xff", b"\x7f", b"\x80")
POOL: Final = (
    *(edge * size for edge in _EDGES for size in (1, 2, 4, 8, 16)),
    *(struct.pack("=I", number) for number in (3, 4, 15, 16, 17, 28, 0x7FFFFFFF, 0xFFFFFFFF)),
    *(struct.pack("=H", number) for number in (0, 1, 3, 4, 5, 0x4001, 0x8001, 0xFFFF)),
    *(netlink.attribute(kind, bytes(size)) for kind in (1, 2, 3, 6) for size in (0, 3, 4, 16, 17)),
    *(b"eth0\0", b"\xff\xfe\0", b"x" * 300, b""),
)


class Kernel:
    """A socket whose answers are an input, then a time-out."""

    def __init__(self) -> None:
        self.answers: list[bytes] = []

    def send(self, data: bytes) -> int:
        """Whatever it was."""
        return len(data)

    def recv(self, size: int) -> bytes:
        """The next answer."""
        if not self.answers:
            raise OSError(errno.EAGAIN, "the kernel says no more")
        return self.answers.pop()[:size]


def _message(kind: int, body: bytes, flags: int = 0) -> Sample:
    """One message; its parts are the fields of the header, the body, and words of the body."""
    data = struct.pack("=IHHII", 16 + len(body), kind, flags, SEQ, 0) + body
    spans: list[Span] = [(0, 4), (4, 6), (6, 8), (8, 12), (16, len(data))]
    spans += [(at, at + 2) for at in range(16, len(data) - 2, 2)]
    spans += [(at, at + 4) for at in range(16, len(data) - 4, 4)]
    return Sample(data, tuple(span for span in spans if span[0] < span[1]))


def _link(index: int, name: bytes, flags: int = 0x41, family: int = 0) -> bytes:
    return struct.pack("=BxHiII", family, 1, index, flags, 0) + netlink.attribute(3, name + b"\0")


def _rtnetlink_samples() -> list[Sample]:
    done, error = struct.pack("=i", 0), struct.pack("=i", -errno.EEXIST) + bytes(16)
    return [
        _message(netlink.RTM_NEWADDR, netlink.address_body(_V4, 5)),
        _message(netlink.RTM_NEWADDR, netlink.address_body(_V6), netlink.NLM_F_DUMP_INTR),
        _message(netlink.RTM_DELADDR, netlink.address_body(_V4)),
        _message(Kind.NEW_LINK, _link(3, b"eth0")),
        _message(Kind.NEW_LINK, _link(4, b"bond0.100", 0x1) + netlink.attribute(1, bytes(6))),
        _message(Kind.NEW_LINK, _link(3, b"port", family=socket.AF_BRIDGE)),
        _message(Kind.DELETE_LINK, _link(3, b"eth0")),
        _message(netlink.NLMSG_ERROR, done),
        _message(netlink.NLMSG_ERROR, error),
        _message(netlink.NLMSG_DONE, done),
    ]


def _streams(samples: list[Sample], pool: tuple[bytes, ...]) -> Callable[[Random], bytes]:
    """A few messages behind each other, most of them mutated; lengths are mended in most."""
    mutate = Mutator(samples, pool, damage=0.15)

    def make(rng: Random) -> bytes:
        parts = []
        for _ in range(1 + int(rng.random() * 3)):
            part = mutate(rng)
            if rng.random() < 0.8 and len(part) >= 4:
                part = struct.pack("=I", len(part)) + part[4:]
            parts.append(part + bytes(-len(part) % 4))
        if rng.random() < 0.5:
            parts.append(samples[-1].data)
        return b"".join(parts)

    return make


def addresses() -> Target:
    """The guardian's list of addresses, and the answers to a change."""
    kernel = Kernel()
    link = netlink.Netlink.__new__(netlink.Netlink)
    link._socket = cast("socket.socket", kernel)

    def judge(data: bytes) -> int:
        reached = REFUSED
        for ask in (link.addresses, partial(link.remove, _V4)):
            kernel.answers, link._seq = [data], SEQ - 1
            try:
                found = ask()
            except OSError as error:
                reached = max(reached, REFUSED if error.errno == errno.EBADMSG else PAST)
                continue
            reached = VALID
            for address in found or ():
                assert address.packed, "an address of nothing"
        return reached

    return Target("addresses", _streams(_rtnetlink_samples(), POOL), judge, 50, 20)


def interfaces() -> Target:
    """The node's view of its uplink: links and addresses that come and go."""

    def judge(data: bytes) -> int:
        known = Interfaces()
        known.feed(data)
        known.feed(data)
        for address in ("10.0.0.100", ""):
            is_up, why = known.judge(address)
            assert isinstance(is_up, bool)
            assert len(why) < 500, "a name too long for a line of log"
        if known._addresses or known._names:
            return VALID
        return PAST if known.done else REFUSED

    return Target("interfaces", _streams(_rtnetlink_samples(), POOL), judge, 50, 20)


def link_frames() -> Target:
    """ARP and neighbour messages: anybody on the link may send any frame."""
    mac = bytes.fromhex("020000000001")
    frames = [*arp.announcements(mac, _V4.packed), *arp.announcements(mac, _V6.packed)]
    frames += [arp.probe(mac, _V4.packed), arp.probe(mac, _V6.packed)]
    samples = [
        Sample(frame, tuple((at, at + 2) for at in range(0, len(frame) - 1, 2))) for frame in frames
    ]
    mutate = Mutator(samples, POOL, damage=0.3)

    def make(rng: Random) -> bytes:
        return noise(rng, 200) if rng.random() < 0.05 else mutate(rng)

    def judge(data: bytes) -> int:
        claim = arp.parse_claim(data)
        if claim is None:
            return PAST if data[12:14] in {b"\x08\x06", b"\x86\xdd"} else REFUSED
        assert len(claim.mac) == 6
        assert len(claim.packed) in {4, 16}
        assert claim.mac in data
        assert claim.packed in data
        return VALID

    return Target("link-frames", make, judge, 70, 50)


STAT: Final = b"%s S 1 2 2 0 -1 4194560 9 0 0 0 4 5 0 0 20 0 3 0 77 1000 250 18446744073709551615 0"
NAMES: Final = (b"postgres", b"a) R 1 2 (b", b"", b")", b"((((", b"\xff\xfe", b"x y\nz", b"1 2 3")
NUMBERS: Final = (b"0", b"-1", b"99999999999999999999", b"x", b"", b"1.5", b"\xff", b"0x1", b"1_0")


def proc_files() -> Target:
    """Files of /proc. First byte: which; the name in a stat line is the process's own choice."""
    stat = [pieces_sample(b"17 (" + name + b") " + STAT[3:], rb"\S+") for name in NAMES]
    mutate = Mutator(stat, (*NUMBERS, *NAMES, b" ", b"(", b")"), damage=0.1)
    mounts = pieces_sample(
        b"25 31 0:23 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
        b"36 31 0:30 / /x/a\\040b rw - ext4 /dev/sda1 rw\n",
        rb"\S+",
    )
    other = Mutator([mounts], (b" ", b"\n", b"-", b" - ", b"\xff", b"cgroup2", b""), damage=0.2)

    def make(rng: Random) -> bytes:
        return b"m" + other(rng) if rng.random() < 0.1 else b"s" + mutate(rng)

    def judge(data: bytes) -> int:
        if data[:1] == b"m":
            text = data[1:].decode(errors="surrogateescape")
            return VALID if hook_group.find_mount(text) + hook_group.own_path(text) else PAST
        found = procfs.parse_stat(data[1:])
        if found is None:
            return REFUSED if b")" not in data else PAST
        assert found.rss % os.sysconf("SC_PAGE_SIZE") == 0
        return VALID

    return Target("proc-files", make, judge, 80, 30)


def echoes() -> Target:
    """Answers to our pings: a raw socket hears those of others, too."""
    nonce = bytes(range(16))
    reply = b"\0\0\0\0\0\x09\0\x01" + nonce
    samples = [
        Sample(reply, ((0, 1), (1, 2), (2, 4), (8, 24))),
        Sample(b"\x45" + bytes(19) + reply, ((0, 1), (20, 21), (21, 22), (28, 44))),
        Sample(b"\x81" + reply[1:], ((0, 1), (1, 2), (8, 24))),
    ]
    mutate = Mutator(samples, (*_EDGES, b"\x4f", b"\x40", b"\x81", bytes(16)), damage=0.3)

    def judge(data: bytes) -> int:
        found = {
            icmp.answered(version, data, raw=raw) for version in (4, 6) for raw in (True, False)
        } - {None}
        assert all(answer is not None and len(answer) == 16 for answer in found)
        return VALID if found else PAST if len(data) >= 24 else REFUSED

    return Target(
        "echoes",
        lambda rng: mutate(rng) if rng.random() < 0.95 else damaged(b"", rng),
        judge,
        50,
        10,
    )


def nft_answers() -> Target:
    """What nf_tables says: outcomes of a transaction, and lists of tables, chains, sets, rules."""
    name, counts = attribute.text(1, "quorumdog"), attribute.u32(2, 0) + attribute.u32(3, 4)
    handle, hook = attribute.u64(4, 9), attribute.nest(4, attribute.u32(1, 0), attribute.u32(2, 5))
    bodies = {
        batch.NEWTABLE: name + counts + handle,
        batch.NEWCHAIN: name
        + attribute.u64(2, 5)
        + attribute.text(3, "in")
        + hook
        + attribute.u32(5, 1),
        batch.NEWSET: name + attribute.text(2, "lease") + attribute.u64(16, 3),
        batch.NEWRULE: name + attribute.text(2, "in") + attribute.u64(3, 7),
        batch.NEWGEN: attribute.u32(1, 12),
    }
    samples = [
        _message(batch.SUBSYSTEM << 8 | kind, bytes((1, 0, 0, 0)) + body)
        for kind, body in bodies.items()
    ]
    samples += [sample for sample in _rtnetlink_samples() if sample.data[4:6] in {b"\2\0", b"\3\0"}]
    pool = (*POOL, name, handle, hook, counts, attribute.text(2, "lease"), attribute.u32(1, 1))
    return Target("nft-answers", _streams(samples, pool), _judge_nft, 30, 5)


def _judge_nft(data: bytes) -> int:
    """As `nft.kernel` does, which makes an OSError of a ValueError."""
    reached = REFUSED
    for read in (_outcomes, _things, _generation):
        try:
            read(data)
        except OSError:
            reached = max(reached, PAST)
        except ValueError as error:
            text = brief(str(error), 200)
            is_first = text.startswith(("netlink: ", "nf_tables: "))
            reached = max(reached, REFUSED if is_first else PAST)
        else:
            reached = VALID
    return reached


def _outcomes(data: bytes) -> None:
    for seq, code in batch.outcome(data):
        assert 0 <= seq < 2**32
        assert 0 <= code <= netlink.ERRNO_MAX


def _things(data: bytes) -> None:
    answers, _ = batch.answers(data, SEQ)
    batch.was_torn(data)
    for thing in listing.things(answers, "quorumdog"):
        assert len(thing.text) < 70_000
    _demand(answers)


def _generation(data: bytes) -> None:
    listing.generation(batch.answers(data, SEQ)[0])


def _demand(answers: list[batch.Answer]) -> None:
    """No answer at all is nothing to have come far with."""
    if not answers:
        raise ValueError("nf_tables: nothing")
