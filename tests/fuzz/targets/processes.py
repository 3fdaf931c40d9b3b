"""What our own processes say to each other, and what hooks print."""

import os
from collections.abc import Callable
from random import Random
from typing import Final, cast

from tests.fuzz.engine import PAST, REFUSED, VALID, Target
from tests.fuzz.mutate import Mutator, Sample, damaged, noise, pick
from watchdog import guardian_protocol as protocol
from watchdog.guardian import hook_output
from watchdog.guardian.hook_output import HookOutput
from watchdog.guardian.loop import Loop
from watchdog.guardian_protocol import Packet, PacketError
from watchdog.instant import Instant

HEARERS: Final = (
    protocol.unpack_to_guardian,
    protocol.unpack_to_node,
    protocol.unpack_from_lifecheck,
    protocol.unpack_to_lifecheck,
)
_VALUES: Final = {
    "q": (0, 7, 2**64 - 1),
    "?": (True, False),
    "s": (Instant(5, 6), Instant(2**64 - 1, 0)),
    "i": (bytes(range(16)), bytes(16)),
    "t": ("standby", "", "x" * 64, "ä" * 32),
    "r": ("no heartbeat", "", "y" * 160, "\U0001f600" * 40),
    "w": (b"will", b"", bytes(protocol.WILL_SIZE_MAX)),
    "a": ((("10.0.0.1", 9000),), (), (("fd00::1", 65535),) * protocol.WILL_ADDRESSES_MAX),
}
POOL: Final = (
    *(bytes((n,)) * size for n in (0, 1, 2, 127, 128, 255) for size in (1, 2, 8, 16)),
    *(b"\xc3", b"\xed\xa0\x80", b"\xff\xfe", b"a" * 64, b"\0a", b"\xc3\xa4" * 32),
)


def _packets() -> list[Packet]:
    """Each kind, three times with other values."""
    return [
        cast("Callable[..., Packet]", kind.packet)(
            *(_VALUES[letter][turn % len(_VALUES[letter])] for letter in kind.letters)
        )
        for kind in protocol._BY_NUMBER.values()
        for turn in range(3)
    ]


def _sample(packet: Packet) -> Sample:
    """The parts: the kind, and every number or text as it lies in the bytes."""
    data = protocol.pack(packet)
    layout = protocol._BY_PACKET[type(packet)].layout.format
    spans, at = [(0, 1)], 1
    sizes = {"Q": 8, "B": 1, "H": 2}
    count = ""
    for letter in layout[2:]:
        if letter.isdigit():
            count += letter
            continue
        size = int(count) if letter == "s" else sizes[letter]
        spans.append((at, at + size))
        at, count = at + size, ""
    assert at == len(data)
    return Sample(data, tuple(spans))


def packets() -> Target:
    """The socketpairs between guardian, node and lifecheck. First byte: who hears it."""
    samples = [_sample(packet) for packet in _packets()]
    numbers = bytes(protocol._BY_NUMBER)

    def fitted(sample: Sample, rng: Random) -> bytes:
        """A part replaced by another of the same size: only values are wrong then."""
        start, end = pick(sample.spans, rng)
        part = (pick(POOL, rng) * 300)[: end - start]
        return sample.data[:start] + part + sample.data[end:]

    def make(rng: Random) -> bytes:
        sample, chance = pick(samples, rng), rng.random()
        hearer = sample.data[0] >> 5 & 3
        hearer = (0, 2, 1, 3)[hearer] if rng.random() < 0.9 else int(rng.random() * 4)
        if chance < 0.6:
            data = fitted(sample, rng)
        elif chance < 0.65:
            data = sample.data
        elif chance < 0.9:
            data = damaged(sample.data, rng)
        else:
            data = bytes((pick(numbers, rng),)) + noise(rng, protocol.PACKET_SIZE_MAX)
        return bytes((hearer,)) + data

    return Target("packets", make, _judge_packet, past_min=35, valid_min=20)


def _judge_packet(data: bytes) -> int:
    hearer, packet = HEARERS[int.from_bytes(data[:1]) % 4], data[1:]
    try:
        found = hearer(packet)
    except PacketError as error:
        text = str(error)
        assert len(text) < 200, "too long for a line of log"
        return (
            REFUSED if text.startswith(("unknown kind", "kind ")) or "bytes, not" in text else PAST
        )
    again = hearer(protocol.pack(found))
    assert again == found, "what was read is not what is said"
    return VALID


class FakeLoop:
    """Remembers only whether somebody listens."""

    def watch(self, fd: int, call: object) -> None:
        """Not looked at."""

    def forget(self, fd: int) -> None:
        """Not looked at."""

    def call_in(self, delay_ns: int, call: object) -> None:
        """Not looked at."""


def hook_lines() -> Target:
    """What a hook prints: cut into lines of the log, bounded whatever comes."""
    mutate = Mutator(
        [
            Sample(b"starting\nall is well\n" * 3, ((0, 9), (9, 21), (21, 30))),
            Sample(b"no end", ((0, 2), (3, 6))),
            Sample(b"\xff\xfe\n\r\n\0\x1b[31m\n", ((0, 3), (3, 5), (5, 6))),
        ],
        (
            *(b"\n", b"\n" * 40, b"\n" * 600, b"x" * 999, b"x" * 1000, b"x" * 1001, b"x\n" * 300),
            *(b"\xe2\x82", b"\xf0\x9f\x98\x80" * 300, b"\r", b"\x1b[2J", b"\0" * 50, b"y" * 5000),
        ),
    )

    def judge(data: bytes) -> int:
        out, feed = os.pipe()
        lines: list[str] = []
        output = HookOutput.__new__(HookOutput)
        output.is_open, output._fd, output._loop = True, out, cast("Loop", FakeLoop())
        output._line, output._rest = lines.append, b""
        output._left, output._lines_left = hook_output.OUTPUT_MAX, hook_output.LINES_MAX
        try:
            half = len(data) // 2
            for piece in (data[:half], data[half:]):
                if piece and output._left > 0:
                    os.write(feed, piece)
                    output._on_readable()
        finally:
            os.close(feed)
            os.close(out)
        assert len(lines) <= hook_output.LINES_MAX + 3, f"{len(lines)} lines of log"
        assert all(len(line) <= hook_output.LINE_MAX for line in lines), "a line too long"
        return VALID if lines else PAST

    return Target("hook-output", mutate, judge, past_min=90, valid_min=40)
