"""The directions of the arrows: who may import whom, and what a pure room may not touch.

Rule: arrows point inward (shell -> wire -> core); a decision is testable because nothing in its
room can read a clock, a socket or a file.  The tables below are the rule; ARCHITECTURE.md is
the picture.  Each check is a function on one module, so that it is tried on a bad sample too.
"""

import ast
import sys
from collections.abc import Iterator

import pytest

from tests.house.sources import (
    PRODUCT,
    Module,
    aliases,
    full_name,
    imports,
    modules,
    none,
    parse,
    product,
    within,
)

# Longest prefix wins. What a room may import of ours (itself always), and of other people's.
ROOMS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "watchdog": ((), ()),
    "watchdog.__main__": (("watchdog.cli",), ()),
    "watchdog.instant": ((), ()),
    "watchdog.slots": ((), ()),
    "watchdog.lateness": (("watchdog.instant",), ()),
    "watchdog.stolen": (("watchdog.instant",), ()),
    "watchdog.log": ((), ()),
    "watchdog.guardian_child": ((), ()),
    "watchdog.guardian_protocol": (("watchdog.instant",), ()),
    "watchdog.core": (("watchdog.instant", "watchdog.lateness"), ("transitions",)),
    "watchdog.wire": (("watchdog.core", "watchdog.instant"), ("msgpack", "cryptography")),
    "watchdog.config": (
        ("watchdog.core.settings", "watchdog.instant"),
        ("pydantic", "pydantic_core"),
    ),
    "watchdog.guardian": (
        (
            "watchdog.guardian_protocol",
            "watchdog.slots",
            "watchdog.instant",
            "watchdog.lateness",
            "watchdog.stolen",
            "watchdog.log.line",
        ),
        (),
    ),
    "watchdog.shell": (
        (
            "watchdog.core",
            "watchdog.wire",
            "watchdog.slots",
            "watchdog.guardian_protocol",
            "watchdog.guardian_child",
            "watchdog.instant",
            "watchdog.stolen",
            "watchdog.log",
            "ipc",
        ),
        ("cryptography",),
    ),
    "watchdog.cli": (
        (
            "watchdog.config",
            "watchdog.slots",
            "watchdog.wire",
            "watchdog.cli.demo",
            "watchdog.core.effects",  # the record that `run` compares with the file
            "watchdog.core.settings",
            "ipc",
            "lifecheck",  # `check test` looks with the same eyes, `check set` by the same rules
        ),
        ("click",),
    ),
    "watchdog.cli.demo": (
        ("ipc", "watchdog.cli.privileges", "watchdog.cli.status"),
        ("click",),
    ),
    "watchdog.web": (
        ("ipc", "watchdog.guardian_child", "watchdog.log.line"),
        ("aiohttp", "prometheus_client"),
    ),
    "ipc": ((), ()),
    "lifecheck": (
        (
            "ipc",
            "watchdog.wire.heartbeat",
            "watchdog.guardian_protocol",
            "watchdog.guardian_child",
            "watchdog.log",
        ),
        (),
    ),
}

PURE = (
    "watchdog.core",
    "watchdog.wire",
    "watchdog.slots",
    "watchdog.instant",
    "watchdog.lateness",
    "watchdog.log.floods",
    "watchdog.log.line",
    "watchdog.guardian_protocol",
    "watchdog.guardian.actions",
    "watchdog.guardian.arp",
    "watchdog.guardian.backstops",
    "watchdog.guardian.deadline",
    "watchdog.guardian.due",
    "watchdog.guardian.epochs",
    "watchdog.guardian.gating",
    "watchdog.guardian.going_off",
    "watchdog.guardian.helper_life",
    "watchdog.guardian.holding",
    "watchdog.guardian.nft.backlog",
    "watchdog.guardian.nft.expressions",
    "watchdog.guardian.node_life",
    "watchdog.guardian.phase",
    "watchdog.guardian.policy",
    "watchdog.guardian.presence",
    "watchdog.guardian.restart_limit",
    "watchdog.guardian.rounds",
    "watchdog.shell.guard_translate",
    "watchdog.shell.health_view",
    "watchdog.shell.pgpool_view",
    "watchdog.shell.status_view",
    "watchdog.web.answers",
    "watchdog.web.series",
    "watchdog.web.status",
    "watchdog.web.visitors",
    "lifecheck.check",
    "lifecheck.detector",
    "lifecheck.edge",
    "lifecheck.details",
    "lifecheck.presence",
    "lifecheck.probes.icmp",
    "lifecheck.probes.lines",
    "lifecheck.processes.newcomers",
    "lifecheck.restarts",
    "lifecheck.settings",
    "lifecheck.statement",
    "ipc.framing",
    "ipc.messages",
    "ipc.words",
    "ipc.places",
    "ipc.requests",
    "watchdog.cli.demo.timeline",
)
IMPURE = (
    "asyncio",
    "concurrent",
    "ctypes",
    "datetime",
    "fcntl",
    "io",
    "logging",
    "multiprocessing",
    "os",
    "pathlib",
    "secrets",
    "select",
    "selectors",
    "shutil",
    "signal",
    "socket",
    "ssl",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "uuid",
)
CORE_STDLIB = ("collections", "dataclasses", "enum", "math", "random", "typing")
LATE_IMPORTS = ("watchdog.cli", "lifecheck.probes")


def _room(name: str) -> str:
    return max((room for room in ROOMS if within(name, room)), key=len)


def import_faults(module: Module) -> Iterator[str]:
    """Yield what a module imports against the tables, as lines that name the rule."""
    room = _room(module.name)
    ours, theirs = ROOMS[room]
    for item in imports(module):
        where = f"{module.path}:{item.line}"
        top = item.target.partition(".")[0]
        if item.inside_function and not module.name.startswith(LATE_IMPORTS):
            yield f"{where}: imports {item.target} inside a function; only cli and probes may"
        if top in PRODUCT:
            allowed = within(item.target, room) and _room(item.target) in {room, "watchdog"}
            allowed = allowed or any(within(item.target, o) for o in ours)
            allowed = allowed or item.target == "watchdog.__version__"
            if not allowed:
                yield f"{where}: {room} may not import {item.target} (see ROOMS)"
        elif top not in sys.stdlib_module_names and top not in theirs:
            yield f"{where}: {room} may not import the package {top} (see ROOMS)"


def purity_faults(module: Module) -> Iterator[str]:
    """Yield imports that give a pure room a clock, a file, a socket or hidden randomness."""
    if not any(within(module.name, pure) for pure in PURE):
        return
    for item in imports(module):
        where = f"{module.path}:{item.line}"
        top = item.target.partition(".")[0]
        if top in IMPURE:
            yield f"{where}: {module.name} is pure and may not import {item.target}"
        in_core = within(module.name, "watchdog.core") and top in sys.stdlib_module_names
        if in_core and top not in CORE_STDLIB:
            yield f"{where}: core imports only {', '.join(CORE_STDLIB)}; not {item.target}"
    known = aliases(module)
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Attribute | ast.Name):
            continue
        name = full_name(node, known)
        if name.startswith("random.") and name != "random.Random":
            yield f"{module.path}:{node.lineno}: {name}: take a random.Random as a parameter"


def simulator_faults(module: Module) -> Iterator[str]:
    """Yield imports of asyncio or sockets in the simulator: it has no real world."""
    for item in imports(module):
        if item.target.partition(".")[0] in {"asyncio", "socket", "threading"}:
            yield f"{module.path}:{item.line}: the simulator may not import {item.target}"


@pytest.mark.parametrize("module", product(), ids=lambda m: m.path)
def test_a_module_imports_only_what_its_room_may(module: Module) -> None:
    """Arrows point inward, and the guardian stays small (house rules 1)."""
    none(import_faults(module))


@pytest.mark.parametrize("module", product(), ids=lambda m: m.path)
def test_a_pure_room_touches_nothing_outside(module: Module) -> None:
    """What is pure can be simulated for years in minutes (house rule 2)."""
    none(purity_faults(module))


def test_product_modules_import_each_other_without_a_cycle() -> None:
    """A cycle means that two modules are one idea, or that an arrow points outward."""
    names = {module.name for module in product()}
    graph = {module.name: _edges(module, names) for module in product()}
    done: set[str] = set()
    for start in sorted(graph):
        _visit(start, graph, (), done)


def _edges(module: Module, names: set[str]) -> set[str]:
    found = set()
    for item in imports(module):
        target = item.target if item.target in names else item.target.rpartition(".")[0]
        if target in names and target != module.name and not item.inside_function:
            found.add(target)
    return found


def _visit(name: str, graph: dict[str, set[str]], path: tuple[str, ...], done: set[str]) -> None:
    assert name not in path, "import cycle: " + " -> ".join([*path[path.index(name) :], name])
    if name in done:
        return
    for target in sorted(graph[name]):
        _visit(target, graph, (*path, name), done)
    done.add(name)


@pytest.mark.parametrize("module", modules("tests/simulation"), ids=lambda m: m.path)
def test_the_simulator_has_no_real_world(module: Module) -> None:
    """A run depends on its seed alone."""
    none(simulator_faults(module))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("watchdog/core/node.py", "import time"),
        ("watchdog/core/node.py", "import random\nx = random.random()"),
        ("watchdog/core/node.py", "from random import choice\nx = choice([1])"),
        ("watchdog/core/node.py", "import json"),
        ("watchdog/guardian/deadline.py", "import os"),
        ("ipc/framing.py", "import asyncio"),
    ],
)
def test_the_purity_check_sees_a_bad_import(path: str, text: str) -> None:
    """A check that cannot fail is no check."""
    assert list(purity_faults(parse(path, text)))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("watchdog/core/node.py", "from watchdog.wire.codec import encode"),
        ("watchdog/wire/codec.py", "from watchdog.shell import clock"),
        ("watchdog/guardian/main.py", "from watchdog.core.events import Ticked"),
        ("watchdog/guardian/main.py", "import msgpack"),
        ("watchdog/shell/daemon.py", "from watchdog.config import load"),
        ("watchdog/shell/daemon.py", "def f():\n    import os"),
        ("watchdog/config/load.py", "from watchdog.core.node import Node"),
        ("watchdog/shell/daemon.py", "from watchdog.cli.demo import lab"),
        ("watchdog/cli/run.py", "from watchdog.shell import daemon"),
        ("ipc/server.py", "import watchdog"),
    ],
)
def test_the_import_check_sees_a_bad_arrow(path: str, text: str) -> None:
    """A check that cannot fail is no check."""
    assert list(import_faults(parse(path, text)))


def test_the_import_check_allows_the_arrows_inward() -> None:
    """The counterpart: what the rule allows is not a fault."""
    text = "from watchdog.wire.codec import encode\nfrom watchdog.shell.clock import now"
    assert list(import_faults(parse("watchdog/shell/peers.py", text))) == []
