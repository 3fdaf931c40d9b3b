"""Unit tests mirror the packages one to one, so that nobody searches for a test.

`watchdog/wire/codec.py` is tested by `tests/unit/watchdog/wire/test_codec.py`.  What needs
sockets, descriptors or files on loopback and temporary folders is tested in `tests/shell`; what
needs another process or a namespace in `tests/system`.  Each such file is named here with why.
"""

import re
from collections.abc import Iterator

from tests.house.sources import Module, modules, none, parse, product, relative
from tests.support import REPOSITORY

ELSEWHERE = {
    "watchdog/__main__.py": "three lines; every system test runs them",
    "watchdog/core/events.py": "only names and types",
    "watchdog/core/effects.py": "only names and types",
    "watchdog/core/messages.py": "only names and types; bytes are tested in wire",
    "watchdog/guardian/__main__.py": "three lines; every system test runs them",
    "watchdog/guardian/actions.py": "only names and types",
    "watchdog/guardian/link.py": "needs interfaces: tests/system",
    "watchdog/guardian/machine.py": "acts on the machine: tests/system",
    "watchdog/guardian/main.py": "polls descriptors and children: tests/system",
    "watchdog/guardian/children.py": "spawns: tests/system",
    "watchdog/guardian/helpers.py": "spawns: tests/system",
    "watchdog/guardian/hook_start.py": "spawns: tests/system",
    "watchdog/guardian/restarts.py": "spawns: tests/system",
    "watchdog/guardian/vip.py": "changes interfaces: tests/system",
    "watchdog/guardian/clock.py": "reads the clock",
    "watchdog/shell/__main__.py": "inherits descriptors, ends its process: tests/system",
    "watchdog/shell/clock.py": "reads the clock",
    "watchdog/shell/sink.py": "only names and types",
    "watchdog/web/__main__.py": "inherits a descriptor, ends its process: tests/system",
    "watchdog/web/clock.py": "reads the clock",
    "lifecheck/clock.py": "reads the clock",
    "lifecheck/parts.py": "only names and types",
    "watchdog/cli/demo/__init__.py": "runs everything below: tests/system/test_demo.py",
    "watchdog/cli/demo/client.py": "asks a real VIP: tests/system",
    "watchdog/cli/demo/lab.py": "makes namespaces: tests/system/test_cluster.py",
    "watchdog/cli/demo/loopback.py": "runs three daemons: tests/system/test_demo.py",
    "watchdog/cli/demo/namespaces.py": "runs three daemons: tests/system/test_demo.py",
    "watchdog/cli/demo/observe.py": "two lines, run by tests/system",
    "watchdog/cli/demo/outside.py": "enters namespaces: tests/system/test_cluster.py",
    "watchdog/cli/demo/processes.py": "looks at real processes: tests/system/test_cluster.py",
    "watchdog/cli/demo/service.py": "a process of its own: tests/system/test_demo.py",
    "watchdog/cli/demo/services.py": "starts processes: tests/system/test_demo.py",
    "watchdog/cli/demo/story.py": "breaks real daemons: tests/system/test_demo.py",
}


def _tests_of(path: str) -> tuple[str, ...]:
    folder, _, name = path.rpartition("/")
    stem = name.removesuffix(".py")
    parts = folder.split("/")
    return (
        f"tests/unit/{folder}/test_{stem}.py",
        f"tests/shell/test_{stem}.py",
        f"tests/shell/test_{parts[-1]}_{stem}.py",
        f"tests/wire/test_{stem}.py",
    )


def mirror_faults(module: Module, existing: frozenset[str]) -> Iterator[str]:
    """Yield a module without its test file."""
    empty = len(module.tree.body) <= 1  # a docstring
    if module.path in ELSEWHERE or empty or existing.intersection(_tests_of(module.path)):
        return
    first = _tests_of(module.path)[0].replace("test___init__", "test_init")
    if first not in existing:
        yield f"{module.path}: no {first} (nor a reason in tests/house/test_mirror.py)"


def _existing() -> frozenset[str]:
    return frozenset(module.path for module in modules("tests"))


def test_every_module_has_its_test() -> None:
    """The test of a module is where its name says."""
    existing = _existing()
    none(
        fault
        for module in product()
        if not module.path.endswith("watchdog/__init__.py")
        for fault in mirror_faults(module, existing)
    )


def test_every_unit_test_has_its_module() -> None:
    """A test whose module was renamed or removed tests something else by now."""
    paths = {module.path for module in (*product(), *modules("bench"))}
    for path in sorted((REPOSITORY / "tests" / "unit").rglob("test_*.py")):
        subject = relative(path).removeprefix("tests/unit/").replace("/test_", "/")
        subject = subject.replace("/init.py", "/__init__.py")
        whole = re.sub(r"_[a-z]+\.py$", ".py", subject)  # test_promise_releases.py: a part of it
        assert {subject, whole} & paths, f"{relative(path)}: there is no {subject}"


def test_every_exemption_is_still_needed() -> None:
    """A file that has got its test needs no excuse."""
    existing = _existing()
    none(
        f"{path}: has {found}; remove its exemption"
        for path in ELSEWHERE
        for found in existing.intersection(_tests_of(path))
    )


def test_the_mirror_check_sees_a_missing_test() -> None:
    """A check that cannot fail is no check."""
    module = parse("watchdog/wire/nothing.py", '"""Doc."""\nx = 1\ny = 2')
    assert list(mirror_faults(module, frozenset()))
    assert not list(mirror_faults(module, frozenset({"tests/unit/watchdog/wire/test_nothing.py"})))
