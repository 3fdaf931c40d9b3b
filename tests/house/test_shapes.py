"""The shapes that keep the code plain: no inheritance of ours, complete matches, public words.

Rule: a class says what it is without a parent to read first; a `match` over a union ends in
`assert_never`, so that mypy finds the arm that a new event needs; every public name says what
it is for in a sentence (ruff checks that there is one, this file that it is short enough).
"""

import ast
from collections.abc import Iterator

import pytest

from tests.house.sources import PRODUCT, Module, aliases, full_name, none, parse, product

UNIONS = (
    "watchdog.core.events.",
    "watchdog.core.effects.",
    "watchdog.core.messages.",
    "watchdog.guardian_protocol.",
)
ARMS_OF_A_UNION = 4
PARENTS_ALLOWED = {
    "watchdog/config/schema.py": "pydantic models share the settings of one strict base",
}


def inheritance_faults(module: Module) -> Iterator[str]:
    """Yield classes whose parent is a class of ours."""
    if module.path in PARENTS_ALLOWED:
        return
    known = aliases(module)
    own = {node.name for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)}
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.ClassDef):
            continue
        for base in node.bases:
            name = full_name(base, known)
            if name.partition(".")[0] in {*PRODUCT, *own}:
                yield f"{module.path}:{node.lineno}: {node.name} inherits from {name}"
        if any(keyword.arg == "metaclass" for keyword in node.keywords):
            yield f"{module.path}:{node.lineno}: {node.name} has a metaclass"


def decorator_faults(module: Module) -> Iterator[str]:
    """Yield decorators that we wrote ourselves (a click group's own methods are click's)."""
    known = aliases(module)
    own = {n.name for n in module.tree.body if isinstance(n, ast.FunctionDef)}
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        for decorator in node.decorator_list:
            bare = decorator.func if isinstance(decorator, ast.Call) else decorator
            name = full_name(bare, known)
            if isinstance(bare, ast.Name) and name.partition(".")[0] in {*PRODUCT, *own}:
                yield f"{module.path}:{node.lineno}: decorator {name} is our own"


def match_faults(module: Module) -> Iterator[str]:
    """Yield matches over events, effects, messages or packets that may miss one silently."""
    known = aliases(module)
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Match):
            continue
        arms = [
            full_name(pattern.cls, known)
            for case in node.cases
            for pattern in ast.walk(case.pattern)
            if isinstance(pattern, ast.MatchClass)
        ]
        union = [arm for arm in arms if arm.startswith(UNIONS)]
        if len(union) >= ARMS_OF_A_UNION and "assert_never" not in ast.dump(node.cases[-1]):
            yield f"{module.path}:{node.lineno}: this match must end in `case _: assert_never(..)`"


CHECKS = [inheritance_faults, decorator_faults, match_faults]


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.__name__)
def test_the_code_keeps_its_plain_shapes(check: object) -> None:
    """Readers follow calls, not hierarchies (style card)."""
    assert callable(check)
    none(fault for module in product() for fault in check(module))


@pytest.mark.parametrize(
    "text",
    [
        "class A:\n    pass\nclass B(A):\n    pass",
        "from watchdog.core.node import Node\nclass B(Node):\n    pass",
        "class A(metaclass=M):\n    pass",
        "def d(f):\n    return f\n@d\ndef g():\n    pass",
        "from watchdog.core.events import A, B, C, D\nmatch x:\n"
        + "".join(f"    case {name}():\n        pass\n" for name in "ABCD"),
    ],
)
def test_a_check_sees_its_fault(text: str) -> None:
    """A check that cannot fail is no check."""
    module = parse("watchdog/core/x.py", text)
    assert [fault for check in CHECKS for fault in check(module)]
