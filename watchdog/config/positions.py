"""On which line each key of a TOML text stands, because `tomllib` does not say.

Rule: only for texts that `tomllib` has accepted, so that nothing here needs to judge syntax: it
walks statements (table headers, `key = value`), skips values, and remembers lines.
Keys inside an inline table have the line of the statement: TOML 1.0 keeps those on one line.
The second table of `[[check.db.probe]]` is `probe[2]` in a path.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from watchdog.config.errors import Path

_KEY: Final = re.compile(r"""[ \t]*(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|([A-Za-z0-9_-]+))[ \t]*""")
_STRINGS: Final = (
    re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}', re.DOTALL),
    re.compile(r"'''.*?'{3,5}", re.DOTALL),
    re.compile(r'"(?:[^"\\]|\\.)*"'),
    re.compile(r"'[^']*'"),
)
_OPENING: Final = "[{"
_CLOSING: Final = "]}"


@dataclass
class Positions:
    """Lines by key; `line(path)` gives the nearest line that is known."""

    lines: dict[Path, int] = field(default_factory=dict)

    def line(self, path: Path) -> int:
        """The line of `path`, or of the closest table around it; 1 when there is none."""
        for size in range(len(path), 0, -1):
            found = self.lines.get(path[:size]) or self.lines.get(_whole(path[:size]))
            if found is not None:
                return found
        return 1


def _whole(path: Path) -> Path:
    """The array around an element: `probe` for `probe[2]`."""
    return (*path[:-1], path[-1].partition("[")[0])


def positions(text: str) -> Positions:
    """Walk a valid TOML text once."""
    found = Positions()
    table: Path = ()
    counts: dict[Path, int] = {}
    at = 0
    while at < len(text):
        line = text.count("\n", 0, at) + 1
        char = text[at]
        if char in " \t\r\n":
            at += 1
        elif char == "#":
            at = _line_end(text, at)
        elif char == "[":
            is_array = text.startswith("[[", at)
            table, at = _key(text, at + (2 if is_array else 1))
            found.lines.setdefault(table, line)
            for size in range(1, len(table)):
                found.lines.setdefault(table[:size], line)
            if is_array:
                counts[table] = counts.get(table, 0) + 1
                table = (*table[:-1], f"{table[-1]}[{counts[table]}]")
                found.lines.setdefault(table, line)
            at = _line_end(text, at)
        else:
            path, at = _key(text, at)
            for size in range(len(table) + 1, len(table) + len(path) + 1):
                found.lines.setdefault((table + path)[:size], line)
            at = _skip_value(text, at)
    return found


def _key(text: str, at: int) -> tuple[Path, int]:
    """A dotted key from `at`, and the index of what follows it."""
    parts: list[str] = []
    while match := _KEY.match(text, at):
        parts.append(next(group for group in match.groups() if group is not None))
        at = match.end()
        if at >= len(text) or text[at] != ".":
            break
        at += 1
    assert parts, "tomllib accepted a statement without a key"
    return tuple(parts), at


def _skip_value(text: str, at: int) -> int:
    """The index after the value: the end of the line on which all its brackets are closed."""
    depth = 0
    while at < len(text):
        char = text[at]
        if char in "\"'":
            at = next(m.end() for s in _STRINGS if (m := s.match(text, at)))
            continue
        if char == "#":
            at = _line_end(text, at)
            continue
        depth += (char in _OPENING) - (char in _CLOSING)
        at += 1
        if char == "\n" and depth == 0:
            break
    return at


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end + 1
