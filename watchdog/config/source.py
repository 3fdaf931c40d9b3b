"""The raw configuration: file, environment and flags laid over each other, each with its origin.

Rule: flag > environment > file > default.  `QUORUMDOG__CLUSTER__NAME` is `cluster.name`; a
variable is read as its option's kind, so that a port is a number and a name stays text.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any, Final

from watchdog.config.errors import EXIT_UNREADABLE, ConfigError, Fault, Path
from watchdog.config.options import lookup
from watchdog.config.positions import Positions, positions

PREFIX: Final = "QUORUMDOG__"
FILE_SIZE_MAX: Final = 1 << 20
DEFAULT_FILE: Final = "/etc/quorumdog/quorumdog.conf"


@dataclass
class Source:
    """Nested values, and for each where it came from."""

    file: str
    data: dict[str, Any]
    lines: Positions = field(default_factory=Positions)
    origins: dict[Path, str] = field(default_factory=dict)

    def where(self, path: Path) -> str:
        """`file:line`, or the variable or flag that set it."""
        for size in range(len(path), 0, -1):
            around = path[:size]
            if around in self.origins:
                return self.origins[around]
            if around in self.lines.lines:
                break
            for origin, name in self.origins.items():
                if origin[:size] == around:
                    return name
        return f"{self.file}:{self.lines.line(path)}"


def read_source(file: str, env: Mapping[str, str], flags: Mapping[str, str]) -> Source:
    """Read everything that is given; ConfigError when the file cannot be read or is no TOML."""
    text = _read(file)
    source = Source(file, parse(file, text), positions(text))
    for name in sorted(env):
        if name.startswith(PREFIX):
            path = tuple(name.removeprefix(PREFIX).lower().split("__"))
            _lay_over(source, path, env[name], f"environment {name}")
    for key, value in flags.items():
        _lay_over(source, tuple(key.split(".")), value, f"flag {key}")
    return source


def parse(file: str, text: str) -> dict[str, Any]:
    """The tables of a TOML text; ConfigError when it is none."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([_syntax(file, text, str(error))]) from None
    except ValueError as error:  # an integer of thousands of digits
        raise ConfigError([Fault(file, f"has a value that cannot be: {error}")]) from None
    except RecursionError:
        what = "has hundreds of brackets inside each other"
        raise ConfigError([Fault(file, what, hint="is this the right file?")]) from None


def _read(file: str) -> str:
    try:
        raw = FilePath(file).read_bytes()
    except OSError as error:
        hint = "`quorumdog init` writes one; --config FILE names another"
        if isinstance(error, PermissionError):
            hint = "run this as the user that owns the file, or as root"
        what = f"cannot be read: {error.strerror}"
        raise ConfigError([Fault(file, what, hint=hint)], EXIT_UNREADABLE) from None
    if len(raw) > FILE_SIZE_MAX:
        what = f"is {len(raw)} bytes long; a configuration has at most {FILE_SIZE_MAX}"
        raise ConfigError([Fault(file, what, hint="is this the right file?")], EXIT_UNREADABLE)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        fault = Fault(f"{file}:{line}", "is no UTF-8 text", hint="is this the right file?")
        raise ConfigError([fault], EXIT_UNREADABLE) from None


def _syntax(file: str, text: str, message: str) -> Fault:
    """`Invalid value (at line 3, column 8)` as a fault at line 3."""
    what, _, place = message.partition(" (at ")
    line = place.removeprefix("line ").partition(",")[0]
    if not line.isdigit():  # "at end of document"
        line = str(max(1, len(text.splitlines())))
    column = place.partition("column ")[2].rstrip(")")
    detail = f" at column {column}" if column else ""
    hint = "strings need quotes, and a table may be opened only once"
    return Fault(f"{file}:{line}", f"is no valid TOML: {what}{detail}", "", hint)


def _lay_over(source: Source, path: Path, raw: str, origin: str) -> None:
    if not raw.isascii() and not _is_text(raw):
        raise ConfigError([Fault(origin, "is no UTF-8 text")])
    table: Any = source.data
    for part in path[:-1]:
        table = table.setdefault(part, {})
        if not isinstance(table, dict):
            fault = Fault(origin, f"`{part}` is a single value in the file, not a table")
            raise ConfigError([fault])
    table[path[-1]] = _value(path, raw)
    source.origins[path] = origin


def _is_text(raw: str) -> bool:
    """Whether it can be written: bytes of the environment that are no UTF-8 cannot."""
    try:
        raw.encode()
    except UnicodeEncodeError:
        return False
    return True


def _value(path: Path, raw: str) -> object:
    option = lookup(path)
    kind = option.kind if option else ""
    is_list = raw.startswith("[") and any(word in kind for word in ("array", "command", "pair"))
    if "\n" not in raw and (kind.startswith(("integer", "number")) or is_list):
        try:
            return tomllib.loads(f"value = {raw}")["value"]
        except (ValueError, RecursionError):
            return raw
    return raw
