"""What only a few named files may do: read a clock, write a file, spawn, catch everything.

Rule: whoever wants to know what the node process can do to the machine reads these tables and
then the files in them.  Each entry has its reason beside it.
"""

import ast
from collections.abc import Iterator

import pytest

from tests.house.sources import Module, aliases, calls, dotted, full_name, none, parse, product
from tests.house.sources import within as below

CLOCK_READERS = {
    "watchdog/shell/clock.py": "the node's only clock",
    "watchdog/guardian/clock.py": "the guardian's only clock",
    "watchdog/web/clock.py": "the health port's only clock",
    "watchdog/shell/identity.py": "dates of a certificate, no decision",
    "watchdog/shell/refusals.py": "when a stranger was last refused: shown, never decided on",
}
CLOCK_ROOMS = (
    "watchdog.core",
    "watchdog.wire",
    "watchdog.shell",
    "watchdog.guardian",
    "watchdog.web",
    "ipc.server",
)
NOT_A_READING = ("fromtimestamp", "fromisoformat", "strftime", "gmtime", "timedelta", "datetime")

SPAWNERS = {
    "watchdog/guardian/spawning.py": "node process, helpers, hooks, restart actions",
    "watchdog/guardian/privileged.py": "becomes lifecheck",
    "watchdog/guardian/sentinel.py": "forks the sentinel, before any thread or child",
    "watchdog/cli/run.py": "execs the guardian",
    "watchdog/cli/hook.py": "`hook test`",
    "watchdog/cli/demo/": "the demo's nodes and namespaces",
    "lifecheck/probes/child.py": "the command probe",
}
SPAWNS = (
    "subprocess",
    "os.posix_spawn",
    "os.posix_spawnp",
    "os.fork",
    "os.forkpty",
    "os.system",
    "os.popen",
    "os.exec",
    "os.execv",
    "os.execve",
    "os.execvp",
    "os.execvpe",
    "os.spawn",
    "asyncio.create_subprocess_exec",
    "asyncio.create_subprocess_shell",
    "multiprocessing",
    "pty",
)

FILE_WRITERS = {
    "watchdog/shell/storage.py": "the node's state",
    "watchdog/shell/recorder.py": "`run --record`",
    "watchdog/shell/identity.py": "a memfd, because OpenSSL loads a key only from a file",
}
FILE_WRITES = ("os.replace", "os.rename", "os.truncate", "os.ftruncate", "os.pwrite", "os.mkdir")
WRITE_METHODS = (".write_text", ".write_bytes", ".touch", ".mkdir")

STEPPERS = {
    "watchdog/shell/daemon.py": "the one inbox",
    "watchdog/shell/recorder.py": "replays a recording through a fresh node",
}

CATCHERS = {
    "watchdog/shell/daemon.py": "the daemon's edge",
    "watchdog/shell/__main__.py": "the daemon's edge",
    "watchdog/guardian/main.py": "the daemon's edge",
    "watchdog/guardian/__main__.py": "the daemon's edge",
    "watchdog/guardian/sentinel_life.py": "the sentinel's edge: it never returns to the guardian",
    "watchdog/web/__main__.py": "the health port's edge",
    "lifecheck/__main__.py": "the process's edge",
    "watchdog/cli/demo/": "cleans up after anything, then raises again",
}


def _allowed(path: str, table: dict[str, str]) -> bool:
    return any(path == entry or (entry[-1] == "/" and path.startswith(entry)) for entry in table)


def clock_faults(module: Module) -> Iterator[str]:
    """Yield uses of a clock outside the two clock files."""
    inside = any(below(module.name, room) for room in CLOCK_ROOMS)
    if not inside or _allowed(module.path, CLOCK_READERS):
        return
    for line, name, _ in calls(module):
        first, last = name.partition(".")[0], name.rpartition(".")[2]
        reads = first in {"time", "datetime"} and last not in NOT_A_READING
        if reads or name.endswith("loop.time"):
            yield f"{module.path}:{line}: {name}(): only {', '.join(CLOCK_READERS)} read a clock"


def spawn_faults(module: Module) -> Iterator[str]:
    """Yield calls that start or replace a process outside the named files."""
    if _allowed(module.path, SPAWNERS):
        return
    for line, name, _ in calls(module):
        if any(below(name, spawn) for spawn in SPAWNS):
            yield f"{module.path}:{line}: {name}(): only {', '.join(SPAWNERS)} may spawn"


def write_faults(module: Module) -> Iterator[str]:
    """Yield calls of the node process that write a file outside storage."""
    if not below(module.name, "watchdog.shell") or _allowed(module.path, FILE_WRITERS):
        return
    for line, name, call in calls(module):
        writes = name in FILE_WRITES or name.endswith(WRITE_METHODS)
        if writes or _opens_for_writing(name, call):
            yield f"{module.path}:{line}: {name}(): only {', '.join(FILE_WRITERS)} write files"


def _opens_for_writing(name: str, call: ast.Call) -> bool:
    flags = {dotted(node) for argument in call.args for node in _attributes(argument)}
    if name == "os.open":
        return not flags.isdisjoint({"os.O_WRONLY", "os.O_RDWR", "os.O_CREAT"})
    modes = [*call.args, *(k.value for k in call.keywords if k.arg == "mode")]
    return name.rpartition(".")[2] == "open" and any(
        isinstance(mode, ast.Constant)
        and isinstance(mode.value, str)
        and len(mode.value) <= 3
        and not {"w", "a", "x", "+"}.isdisjoint(mode.value)
        for mode in modes
    )


def _attributes(node: ast.expr) -> Iterator[ast.Attribute]:
    return (inner for inner in ast.walk(node) if isinstance(inner, ast.Attribute))


def catch_faults(module: Module) -> Iterator[str]:
    """Yield handlers that catch everything outside the daemon's edge."""
    if _allowed(module.path, CATCHERS):
        return
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        if any(c is None or dotted(c) in {"Exception", "BaseException"} for c in caught):
            yield f"{module.path}:{node.lineno}: catches everything; name the errors you expect"


def step_faults(module: Module) -> Iterator[str]:
    """Yield calls of Node.step outside the daemon: one inbox, never re-entered."""
    if _allowed(module.path, STEPPERS) or not below(module.name, "watchdog.shell"):
        return
    for line, name, _ in calls(module):
        if name.rpartition(".")[0].rpartition(".")[2].lstrip("_") == "node" and name.endswith(
            ".step"
        ):
            yield f"{module.path}:{line}: {name}(): only shell/daemon.py steps the node"


def task_faults(module: Module) -> Iterator[str]:
    """Yield tasks outside a TaskGroup, also by a method (which ruff's table does not see)."""
    known = aliases(module)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = full_name(node.func, known)
            if name.endswith(("loop.create_task", "asyncio.create_task", "ensure_future")):
                yield f"{module.path}:{node.lineno}: {name}: tasks live in a TaskGroup"


CHECKS = [clock_faults, spawn_faults, write_faults, catch_faults, step_faults, task_faults]


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.__name__)
def test_only_the_named_files_do_it(check: object) -> None:
    """What a process can do to the machine is in a few files (house rules 3 to 5)."""
    assert callable(check)
    none(fault for module in product() for fault in check(module))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("watchdog/shell/peers.py", "import time\nx = time.monotonic()"),
        ("watchdog/shell/peers.py", "from time import sleep\nsleep(1)"),
        ("watchdog/guardian/vip.py", "import subprocess\nsubprocess.run([])"),
        ("watchdog/guardian/vip.py", "import os\nos.fork()"),
        ("watchdog/shell/peers.py", "open('/x', 'wb')"),
        ("watchdog/shell/peers.py", "import os\nos.open('/x', os.O_RDWR | os.O_CREAT)"),
        ("watchdog/shell/peers.py", "from pathlib import Path\nPath('x').write_text('')"),
        ("watchdog/core/node.py", "try:\n    pass\nexcept Exception:\n    pass"),
        ("watchdog/core/node.py", "try:\n    pass\nexcept (OSError, BaseException):\n    pass"),
        ("watchdog/core/node.py", "try:\n    pass\nexcept:\n    pass"),
        ("watchdog/shell/control.py", "self._node.step(1, 2)"),
        ("watchdog/shell/control.py", "loop.create_task(f())"),
    ],
)
def test_a_check_sees_its_fault(path: str, text: str) -> None:
    """A check that cannot fail is no check."""
    module = parse(path, text)
    assert [fault for check in CHECKS for fault in check(module)]
