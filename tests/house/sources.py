"""The source text of the repository as the house tests see it: files, modules, imports, calls."""

import ast
import gc
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from tests.support import REPOSITORY

PRODUCT: Final = ("watchdog", "ipc", "lifecheck")
PYTHON: Final = (*PRODUCT, "tests", "bench", "scripts", "packaging")
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One parsed file: `path` from the root of the repository, `name` as it is imported."""

    path: str
    name: str
    text: str
    tree: ast.Module


@dataclass(frozen=True)
class Import:
    """One imported name: `from a.b import c` is target `a.b.c`, `import a.b` is `a.b`."""

    line: int
    target: str
    inside_function: bool


def parse(path: str, text: str) -> Module:
    """Parse one file; `path` is relative to the repository."""
    parts = path.removesuffix(".py").split("/")
    if parts[-1] == "__init__":
        parts.pop()
    return Module(path, ".".join(parts), text, ast.parse(text, path))


@cache
def modules(*folders: str) -> tuple[Module, ...]:
    """Every Python file under these folders, parsed; in order of their paths."""
    files = sorted(f for folder in folders for f in (REPOSITORY / folder).rglob("*.py"))
    gc.disable()  # a million nodes that live as long as the process: looking at them is in vain
    try:
        return tuple(parse(relative(f), f.read_text(encoding="utf-8")) for f in files)
    finally:
        gc.freeze()
        gc.enable()


def product() -> tuple[Module, ...]:
    """Every module that is shipped."""
    return modules(*PRODUCT)


def relative(file: Path) -> str:
    """Return a path as it is printed in a fault."""
    return file.relative_to(REPOSITORY).as_posix()


def texts() -> Iterator[tuple[str, str]]:
    """(path, text) of every file that people read: code, documents, scripts, settings."""
    kinds = {".py", ".md", ".toml", ".sh", ".conf", ".txt", ".service", ".lock", ".json"}
    names = {"Makefile", "LICENSE"}
    folders = {"scripts", "packaging", ".ci"}
    hidden = {".venv", ".git", ".hypothesis", "__pycache__", "build"}
    for file in sorted(REPOSITORY.rglob("*")):
        parts = file.relative_to(REPOSITORY).parts
        if hidden.intersection(parts) or parts[0].endswith("_cache") or not file.is_file():
            continue
        if file.suffix in kinds or file.name in names or parts[0] in folders:
            yield relative(file), file.read_text(encoding="utf-8")


def imports(module: Module) -> Iterator[Import]:
    """Yield everything the module imports, with the line and whether a function does it."""
    inner = {
        id(node)
        for function in ast.walk(module.tree)
        if isinstance(function, FunctionNode)
        for node in ast.walk(function)
    }
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, alias.name, id(node) in inner)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield Import(node.lineno, f"{node.module}.{alias.name}", id(node) in inner)


def aliases(module: Module) -> dict[str, str]:
    """Return what each imported local name stands for, in full."""
    found: dict[str, str] = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                local = alias.asname or alias.name.partition(".")[0]
                found[local] = alias.name if alias.asname else local
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return found


def dotted(node: ast.expr) -> str:
    """`a.b.c` for a chain of names; what is not a name becomes `?`."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return "?"


def full_name(node: ast.expr, known: dict[str, str]) -> str:
    """`dotted` with the first name replaced by what it was imported as."""
    first, _, rest = dotted(node).partition(".")
    first = known.get(first, first)
    return f"{first}.{rest}" if rest else first


def calls(module: Module) -> Iterator[tuple[int, str, ast.Call]]:
    """Yield (line, full name, node) of every call."""
    known = aliases(module)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            yield node.lineno, full_name(node.func, known), node


def within(name: str, prefix: str) -> bool:
    """Whether a dotted name is `prefix` or below it."""
    return name == prefix or name.startswith(prefix + ".")


def none(faults: Iterable[str]) -> None:
    """Fail with one line for each fault, when there is one."""
    found = list(faults)
    assert not found, "\n" + "\n".join(found)
