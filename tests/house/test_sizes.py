"""Sizes: what does not fit on a screen or in a head is split.

Functions at most 50 lines, files 400, lines 100 columns, module docstrings 10 lines.
"""

import ast
from collections.abc import Iterator

import pytest

from tests.house.sources import PYTHON, FunctionNode, Module, modules, none, parse, texts

FUNCTION_LINES_MAX = 50
FILE_LINES_MAX = 400
COLUMNS_MAX = 100
DOCSTRING_LINES_MAX = 10
NARROW = (".py", ".sh", ".toml", ".conf", ".service")


def size_faults(module: Module) -> Iterator[str]:
    """Yield what is too long in one module."""
    lines = module.text.splitlines()
    if len(lines) > FILE_LINES_MAX:
        yield f"{module.path}: {len(lines)} lines, at most {FILE_LINES_MAX}: split it"
    for node in ast.walk(module.tree):
        if isinstance(node, FunctionNode):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                where = f"{module.path}:{node.lineno}: {node.name}"
                yield f"{where} has {length} lines, at most {FUNCTION_LINES_MAX}"


def docstring_faults(module: Module) -> Iterator[str]:
    """Yield a module that does not say, briefly, what it is for."""
    text = ast.get_docstring(module.tree)
    if text is None and module.text.strip():
        yield f"{module.path}: no module docstring (purpose, rule, theory)"
    if text is not None and len(text.splitlines()) > DOCSTRING_LINES_MAX:
        count = len(text.splitlines())
        yield f"{module.path}: module docstring has {count} lines, at most {DOCSTRING_LINES_MAX}"


def test_functions_and_files_are_short() -> None:
    """Tests and tools too: a long test hides what it claims."""
    none(fault for module in modules(*PYTHON) for fault in size_faults(module))


def test_modules_open_with_their_purpose_in_ten_lines() -> None:
    """The first thing read in a file is why it exists."""
    none(fault for module in modules(*PYTHON) for fault in docstring_faults(module))


def test_lines_fit_in_a_hundred_columns() -> None:
    """Two files fit side by side; prose in documents wraps as its author likes."""
    none(
        f"{path}:{number}: {len(line)} columns, at most {COLUMNS_MAX}"
        for path, text in texts()
        if path.endswith(NARROW)
        for number, line in enumerate(text.splitlines(), 1)
        if len(line) > COLUMNS_MAX
    )


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n" + "    pass\n" * 50,
        "async def f():\n" + "    pass\n" * 50,
        "x = 1\n" * 401,
    ],
)
def test_the_size_check_sees_what_is_too_long(text: str) -> None:
    """A check that cannot fail is no check."""
    assert list(size_faults(parse("watchdog/x.py", text)))


@pytest.mark.parametrize("text", ["x = 1", '"""' + "a\n" * 11 + '"""'])
def test_the_docstring_check_sees_its_fault(text: str) -> None:
    """A check that cannot fail is no check."""
    assert list(docstring_faults(parse("watchdog/x.py", text)))
