"""The simulator runs the shipped code and has no rule of its own.

A simulator that repeats a rule proves that the rule agrees with itself.  So it must import the
node, the codec, the slots, the guardian's deadline and the packets' translation, and may define
nothing that has the name of a thing in the rooms that decide.  (planted.py replaces such
functions by broken ones on purpose; that is its whole job.)
"""

import ast
from collections.abc import Iterator

import pytest

from tests.house.sources import FunctionNode, Module, imports, modules, none, parse

DECIDING = ("watchdog/core", "watchdog/guardian")
SHIPPED = {
    "watchdog.core.node": "the node",
    "watchdog.wire.codec": "every message crosses as bytes",
    "watchdog.slots": "the state on disk",
    "watchdog.guardian.deadline": "the guardian's decisions",
    "watchdog.shell.guard_translate": "packets of the socketpair",
    "watchdog.config.timing": "the profiles",
}
BREAKS_ON_PURPOSE = "tests/simulation/planted"
COMMON = {
    "step": "the world has steps too",
    "status": "any object may have one",
    "send": "the network sends",
    "main": "an entry point",
    "run": "an entry point",
    "close": "links and files close",
    "open": "links and files open",
    "load": "the disk loads",
    "save": "the disk saves",
    "next_deadline": "asks the node and the guardian for theirs",
    "now": "the simulated clock",
    "asked": "who was asked, as seen from outside",
    "put": "queues and disks take things",
    "is_on": "reads the guardian's own answer",
    "timing": "picks a profile",
    "link_opened": "the network tells both ends",
    "link_closed": "the network tells both ends",
    "finished": "a worker of the simulated machine ended",
}


def _definitions(module: Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(module.tree):
        if isinstance(node, FunctionNode | ast.ClassDef):
            yield node.lineno, node.name


def rule_names() -> frozenset[str]:
    """Return the public names that decide something in the shipped code."""
    pure = [m for m in modules(*DECIDING) if "/core/" in m.path or "deadline" in m.path]
    names = {name for module in pure for _, name in _definitions(module)}
    return frozenset(name for name in names if not name.startswith("_") and name not in COMMON)


def own_rule_faults(module: Module, rules: frozenset[str]) -> Iterator[str]:
    """Yield definitions that have the name of a shipped rule."""
    if module.path.startswith(BREAKS_ON_PURPOSE):
        return
    for line, name in _definitions(module):
        if name in rules:
            yield f"{module.path}:{line}: defines {name}, which is a rule of the shipped code"


def test_the_simulator_runs_the_shipped_code() -> None:
    """What is not imported cannot be what is tested."""
    found = {item.target for module in modules("tests/simulation") for item in imports(module)}
    none(
        f"tests/simulation imports nothing from {name} ({why})"
        for name, why in SHIPPED.items()
        if not any(target == name or target.startswith(name + ".") for target in found)
    )


def test_the_simulator_defines_no_rule() -> None:
    """A second copy of a rule would hide a fault in the first."""
    rules = rule_names()
    none(
        fault for module in modules("tests/simulation") for fault in own_rule_faults(module, rules)
    )


@pytest.mark.parametrize("text", ["def may_promise(x): ...", "class A:\n    def quorum(self): ..."])
def test_the_check_sees_a_rule(text: str) -> None:
    """A check that cannot fail is no check."""
    module = parse("tests/simulation/world.py", text)
    assert list(own_rule_faults(module, frozenset({"may_promise", "quorum"})))


def test_the_rules_are_found() -> None:
    """The names come from the code, so moving the code must not empty the list."""
    assert len(rule_names()) > 20
