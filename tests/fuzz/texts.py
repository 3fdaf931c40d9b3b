"""The parts of JSON, TOML and HTTP texts, and pools of values for them."""

import json
import re
from random import Random
from typing import Final

from tests.fuzz.mutate import Mutator, Sample, Span

_STRING: Final = re.compile(rb'"(?:[^"\\]|\\.)*"')
_SCALAR: Final = re.compile(rb"[^\s,\]}]+")


def _deep(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


_GOOD: Final = (
    *(b"0", b"1", b"2", b"3", b"4", b"-1", b"-0", b"1.0", b"1e3", b"1e-9", b"0.5", b"-2147483648"),
    *(
        str(edge + step).encode()
        for edge in (64, 2**31, 2**32, 2**63, 2**64)
        for step in (-1, 0, 1)
    ),
    *(b"-2147483649", b"15000", b"3600000", b"3600001", b"9" * 400),
    *(b"true", b"false", b"null", b"{}", b"[]", b'""', b'"status"', b'"switchover"', b'"\\n"'),
    *(b'"alive"', b'"dead"', b'"unknown"', b'"alpha"', b'"beta"', b'"verdict"', b'"reason"'),
    *(b'"\\ud83d\\ude00"', b'"\\u0000"', b'"\n"', b'"\0"', b'"\xc3\xa4"', b'" "', b'"\xc2\xa0"'),
    *(b'"' + b"x" * size + b'"' for size in (63, 64, 65, 255, 256, 257, 511, 512, 513, 4000)),
    *(_deep(depth) for depth in (1, 2, 28, 29, 30, 31, 32)),
    *(b'{"a":' * depth + b"1" + b"}" * depth for depth in (1, 29, 30, 31, 32)),
    b'{"verdict":"dead","reason":"x"}',
    b'{"verdict":1}',
    b'{"a":1,"a":2}',
    json.dumps({str(key): key for key in range(64)}).encode(),
    json.dumps({str(key): {"verdict": "dead"} for key in range(65)}).encode(),
    json.dumps([0] * 300).encode(),
)
_BROKEN: Final = (
    *(b"1e400", b"-1e400", b"9" * 5000, b"NaN", b"Infinity", b"-Infinity", b"nul", b"'", b'"\\x"'),
    *(
        b'"\\ud800"',
        b'"\\udfff\\ud800"',
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b'"',
        b"{",
        b"}",
        b"[",
        b"]",
    ),
    *(_deep(depth) for depth in (33, 300, 600, 900, 2000)),
    *(b'{"a":' * depth + b"1" + b"}" * depth for depth in (33, 1000)),
)
JSON_POOL: Final = _GOOD * 4 + _BROKEN
_KEYS: Final = (b'"verb"', b'"verdict"', b'"a"', b'""', b'"NodeID"', b'"IPCAuthKey"', b'"schema"')
MEMBERS: Final = tuple(key + b":" + value for key in _KEYS for value in _GOOD[::3])


class JsonMutator:
    """Texts with other values, and with other members; the syntax is right in most."""

    def __init__(self, *values: object, damage: float = 0.15, size_max: int = 10_000) -> None:
        """Start from `values`; what is put in has at most `size_max` bytes."""
        pool = [part for part in JSON_POOL if len(part) <= size_max]
        whole = [json_spans(value) for value in values]
        self._values = Mutator([inner for inner, _ in whole], pool, damage=damage)
        members = [outer for _, outer in whole if outer.spans]
        self._members = Mutator(members, MEMBERS, damage=damage) if members else self._values

    def __call__(self, rng: Random) -> bytes:
        """The next input."""
        return self._values(rng) if rng.random() < 0.75 else self._members(rng)


def json_spans(value: object) -> tuple[Sample, Sample]:
    """A JSON text with every value in it, and the same with every member."""
    data = json.dumps(value, separators=(",", ":")).encode()
    values: list[Span] = []
    members: list[Span] = []

    def walk(at: int, *, is_key: bool = False) -> int:
        start = at
        if data[at : at + 1] in {b"{", b"["}:
            closing = b"}" if data[at : at + 1] == b"{" else b"]"
            at += 1
            while data[at : at + 1] != closing:
                member = at
                at = walk(at, is_key=closing == b"}")
                if closing == b"}":
                    at = walk(at + 1)
                    members.append((member, at))
                at += data[at : at + 1] == b","
            at += 1
        else:
            found = _STRING.match(data, at) or _SCALAR.match(data, at)
            assert found is not None
            at = found.end()
        if not is_key:
            values.append((start, at))
        return at

    assert walk(0) == len(data)
    return Sample(data, tuple(values)), Sample(data, tuple(members))


def pieces_sample(data: bytes, pattern: bytes) -> Sample:
    """Any text; its parts are what `pattern` matches, and its lines."""
    spans = [found.span() for found in re.finditer(pattern, data)]
    spans += [found.span() for found in re.finditer(rb"[^\n]+\n?", data)]
    return Sample(data, tuple(span for span in spans if span[0] < span[1]))
