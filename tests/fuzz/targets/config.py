"""The configuration file: texts, and valid texts whose values have other types and sizes.

Inputs are TOML texts, and (first byte 1) JSON of what a TOML text would say: tomllib is Python's,
so most inputs go past it to what is ours, which is many times faster.
"""

import json
import re
import tomllib
from random import Random
from typing import Final

from tests.fuzz.engine import PAST, REFUSED, VALID, Target, brief
from tests.fuzz.mutate import Mutator, Sample, pick
from tests.fuzz.texts import JsonMutator
from tests.unit.watchdog.config.samples import GOOD
from watchdog.config import rules
from watchdog.config.draft import draft
from watchdog.config.errors import ConfigError
from watchdog.config.load import Loaded, _sorted
from watchdog.config.plan import resolve
from watchdog.config.positions import positions
from watchdog.config.source import Source, parse
from watchdog.guardian import plan as guardian_plan
from watchdog.shell import plan as node_plan

FAULTS_MAX: Final = 200
TIME_MAX_NS: Final = 20_000_000
"""More than for what strangers send: 64 misspelt checks get a hint each."""
MEMORY_MAX: Final = 2 << 20
"""Likewise: what tomllib itself takes for a text of a few kilobytes."""
FULL: Final = """\
[cluster]
name = "pg-prod"
timing = "fast"
port = 9000
failback = "auto"
failback_delay = "1m"
[nodes]
alpha = { address = "10.0.0.11", priority = 3, weight = 2 }
beta = { address = "10.0.0.12" }
[vip.db]
address = "10.0.0.100/24"
interface = "eth0"
[hooks]
escalation = ["/etc/up", "x"]
escalation_timeout = "10s"
[lifecheck]
interval = "1s"
deadtime = "10s"
[check.db]
process = "/usr/bin/postgres -D"
on_fail = "priority:-2"
[check.up]
ping = ["10.0.0.1", "10.0.0.254"]
every = 2
[http]
listen = "127.0.0.1:8780"
"""
VALUES: Final = (
    *(b"0 1 -1 65535 65536 2147483648 9223372036854775808 1.5 nan inf 1e400 true false".split()),
    *(b"0x10 0b1 1_000 07 1979-05-27 07:32:00 1979-05-27T07:32:00Z".split()),
    *(b'"" "alpha" "10s" "-1s" "1e9h" "99999999999d" "1.5s" "5" "fast" "default" "wan"'.split()),
    *(b'"10.0.0.11" "10.0.0.300" "::1" "fe80::1%eth0" "10.0.0.1/33" "fd00::9/64"'.split()),
    *(b'"extreme" "witness" "auto" "off" "rt" [] {} [1] ["a"] [[1]] [{a=1}] {a=1}'.split()),
    *(b'"\\uD800" "\\U0010FFFF" "\\q" " #'.split()),
    *(b'" "', b'"\xff"', b"'''\n'''", b'"""\\\n  x"""', b'["/bin/x", "\\u0000"]'),
    *(b'"' + b"x" * size + b'"' for size in (63, 64, 108, 256, 4097)),
    *(b"1" * size for size in (400, 5000)),
    *(b"[" * 50 + b"]" * 50, b"[" * 1500, b"a.b.c = 1\n" * 30),
    *(b"\n[cluster]\n", b"\n[[nodes]]\n", b"1979-05-27T00:00:00-25:00"),
)
_BASE: Final = tomllib.loads(GOOD)
_FULL: Final = tomllib.loads(FULL)
_NODES: Final = {"cluster": {"name": "a"}, "nodes": {"a": {"address": "10.0.0.1"}}}
TREES: Final = (
    _BASE,
    {**_NODES, "cluster": _FULL["cluster"]},
    {**_NODES, "nodes": _FULL["nodes"]},
    {**_NODES, "vip": _FULL["vip"], "hooks": _FULL["hooks"]},
    {**_NODES, "lifecheck": _FULL["lifecheck"], "check": _FULL["check"]},
    {**_NODES, "http": _FULL["http"], "ipc": {"group": "x"}, "timing": {"soft": "900ms"}},
)


def config() -> Target:
    """Texts and values."""
    texts = Mutator([_pieces(GOOD)] * 3 + [_pieces(FULL)], VALUES)
    values = JsonMutator(*TREES, damage=0.0, size_max=600)
    words = [text.strip(b'"') for text in VALUES if text[:1] == b'"' and b"\\" not in text]
    quoted = [json.dumps(word.decode("utf-8", "replace")).encode() for word in words]
    marks = [json.dumps(text).encode() for text in _strings(list(TREES))]

    def make(rng: Random) -> bytes:
        if rng.random() < TEXTS:
            return b"\0" + texts(rng)
        data = values(rng)
        if rng.random() < 0.4:
            data = data.replace(pick(marks, rng), pick(quoted, rng), 1)
        return b"\1" + data

    return Target(
        "config",
        make,
        _judge,
        past_min=50,
        valid_min=2,
        time_max_ns=TIME_MAX_NS,
        memory_max=MEMORY_MAX,
    )


TEXTS: Final = 0.04
"""The share of inputs that are texts; tomllib takes a millisecond for each."""


def _pieces(text: str) -> Sample:
    data = text.encode()
    spans = [found.span(1) for found in re.finditer(rb"= *([^\n,}]+)", data)]
    spans += [found.span() for found in re.finditer(rb"[^\n]+\n", data)]
    spans += [found.span(1) for found in re.finditer(rb"(?m)^\[?([a-z.]+)", data)]
    return Sample(data, tuple(spans))


def _strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for inner in value.values() for text in _strings(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in _strings(inner)]
    return []


def _judge(data: bytes) -> int:
    if data[:1] == b"\1":
        if b"\\ud" in data:
            return REFUSED  # half a character: TOML knows none
        try:
            tree = json.loads(data[1:].decode())
        except (ValueError, RecursionError):
            return REFUSED
        return _examine(Source("f", tree)) if isinstance(tree, dict) else REFUSED
    try:
        text = data[1:].decode()
    except UnicodeDecodeError:
        return REFUSED
    try:
        found = parse("f", text)
    except ConfigError as error:
        brief(str(error), 1000)
        return REFUSED
    return _examine(Source("f", found, positions(text)))


def _examine(source: Source) -> int:
    """As `examine` does, without a file."""
    made = draft(source.data)
    made.faults += rules.faults(made)
    assert len(made.faults) < FAULTS_MAX, "too many faults to be read"
    if made.faults:
        for fault in _sorted(source, made.faults):
            assert str(fault)
        return PAST
    loaded = Loaded(made.config(), source, _sorted(source, rules.warnings(made)))
    return _resolve(loaded)


def _resolve(loaded: Loaded) -> int:
    """What is valid makes a plan for each node, which guardian and node process can read."""
    for node in list(loaded.config.nodes)[:1]:
        document = json.dumps(resolve(loaded, node))
        guardian_plan.parse(document.encode())
        node_plan.parse(document)
    return VALID
