"""Inputs from valid ones: what is between two places is replaced, removed, doubled or damaged.

A sample is bytes and its spans: the places of its parts (a msgpack value, a JSON member, a header
line), however nested.  A part is replaced by a value of the pool or by a part of another sample,
so that most inputs pass the outermost syntax and fail, if they fail, deep inside.
"""

from collections.abc import Callable, Sequence
from random import Random
from typing import Final, NamedTuple, TypeVar

T = TypeVar("T")
Span = tuple[int, int]
LENGTHS: Final = (1, 2, 4, 8, 16, 64)
"""Bytes removed, doubled or put in at once."""


class Sample(NamedTuple):
    """Valid bytes, and where their parts are."""

    data: bytes
    spans: tuple[Span, ...]


def _nothing(data: bytes) -> bytes:
    return data


class Mutator:
    """Makes inputs; `pool` holds values of the same syntax, `repair` mends lengths and sums."""

    def __init__(
        self,
        samples: Sequence[Sample],
        pool: Sequence[bytes],
        repair: Callable[[bytes], bytes] = _nothing,
        *,
        damage: float = 0.25,
    ) -> None:
        """`damage` is the share of inputs whose bytes are changed without regard to the parts."""
        self._samples = samples
        self._pool = [*pool, *(s.data[a:b] for s in samples for a, b in s.spans)]
        self._interesting = list(pool) or self._pool
        self._repair = repair
        self._damage = damage

    def __call__(self, rng: Random) -> bytes:
        """The next input."""
        sample = pick(self._samples, rng)
        chance = rng.random()
        if chance < 0.04:
            return self._repair(sample.data)
        if chance < 0.04 + self._damage:
            return self._repair(damaged(sample.data, rng))
        data = self.replaced(sample, rng)
        if chance > 0.97:
            data = damaged(data, rng)
        return self._repair(data)

    def replaced(self, sample: Sample, rng: Random) -> bytes:
        """Another part at one place, or at several that do not overlap."""
        data, spans = sample
        times = 1 if rng.random() < 0.6 else 1 + int(rng.random() * 3)
        before = len(data) + 1
        for _ in range(times):
            start, end = pick(spans, rng)
            if end > before:
                continue
            before = start
            data = data[:start] + self._part(data[start:end], rng) + data[end:]
        return data

    def _part(self, part: bytes, rng: Random) -> bytes:
        chance = rng.random()
        if chance < 0.55:
            return pick(self._interesting, rng)
        if chance < 0.85:
            return pick(self._pool, rng)
        if chance < 0.90:
            return b""
        if chance < 0.95:
            return part * (2 + int(rng.random() * 3))
        return damaged(part, rng)


def pick(items: Sequence[T], rng: Random) -> T:
    """One of them; quicker than `rng.choice`."""
    return items[int(rng.random() * len(items))]


def damaged(data: bytes, rng: Random) -> bytes:
    """Flip, overwrite, cut, double or insert, once or a few times."""
    out = bytearray(data)
    for _ in range(1 if rng.random() < 0.6 else 1 + int(rng.random() * 4)):
        at, what = int(rng.random() * (len(out) + 1)), int(rng.random() * 7)
        if what == 0 and at < len(out):
            out[at] ^= 1 << int(rng.random() * 8)
        elif what == 1:
            out[at : at + 1] = bytes((int(rng.random() * 256),))
        elif what == 2:
            del out[at : at + pick(LENGTHS, rng)]
        elif what == 3:
            out[at:at] = out[at : at + pick(LENGTHS, rng)]
        elif what == 4:
            out[at:at] = rng.randbytes(pick(LENGTHS, rng))
        elif what == 5:
            del out[at:]
        else:
            out[at : at + 1] = pick((b"\0", b"\xff", b"\x7f", b"\x80", b"\x01"), rng)
    return bytes(out)


def noise(rng: Random, size_max: int) -> bytes:
    """Random bytes of any length, short ones more often."""
    return rng.randbytes(int(rng.random() ** 2 * size_max))
