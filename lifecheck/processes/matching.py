"""Which processes a check means: by command line, program, pidfile or systemd unit.

Rule: what is given must all hold; each prefix is counted by itself, because a service that has
lost one of its kinds of process is not whole.  A prefix is compared with the command line whose
arguments are joined by blanks, with one at its end: `prog -x ` is that argument exactly.
Theory: whether a process belongs to a check is decided here; whether it lives, by its pidfd.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from lifecheck import clock
from lifecheck.processes import cgroups, procfs

SEARCH_AGAIN_MS: Final = 2_000
"""A unit that does not run is searched no more often than this."""
COMMAND_SHOWN_MAX: Final = 200
NOWHERE: Final[frozenset[int]] = frozenset()


class Rule(NamedTuple):
    """What a `process` probe looks for."""

    prefixes: tuple[str, ...] = ()
    pidfile: str | None = None
    exe: str | None = None
    unit: str | None = None
    min_count: int = 1
    every_ms: int = 2_000
    """Pace of the looks that find new processes; a death needs no look."""

    @classmethod
    def of(cls, options: Mapping[str, Any], every_ms: int = 2_000) -> "Rule":
        """Rule from the options of a probe, which were checked with the configuration."""
        return cls(
            prefixes=tuple(options.get("prefixes") or ()),
            pidfile=options.get("pidfile"),
            exe=options.get("exe"),
            unit=options.get("unit"),
            min_count=options.get("min_count", 1),
            every_ms=every_ms,
        )


class Match(NamedTuple):
    """A process that was found, and what it calls itself."""

    pid: int
    command: str


class Look(NamedTuple):
    """What one look found."""

    found: list[Match]
    what: str
    """What was looked for."""
    fault: str
    """What keeps it from seeing more, if anything does."""


class Place(NamedTuple):
    """One thing to be counted: a prefix of a rule, or the whole rule when it has none."""

    rule: int
    what: str
    prefix: bytes


class Matcher:
    """Says to which places a process belongs."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = tuple(rules)
        self.places = tuple(
            Place(index, _words(rule, prefix), os.fsencode(prefix))
            for index, rule in enumerate(self._rules)
            for prefix in (rule.prefixes or ("",))
        )
        self._reads_commands = any(rule.prefixes for rule in self._rules)
        self._heads = tuple(place.prefix for place in self.places)
        self._programs = [os.path.realpath(rule.exe) if rule.exe else "" for rule in self._rules]
        self._listed: dict[int, frozenset[int]] = {
            index: NOWHERE
            for index, rule in enumerate(self._rules)
            if rule.pidfile is not None or rule.unit is not None
        }
        self.has_lists = bool(self._listed)
        """Whether a refresh can change anything."""
        self._folders: dict[int, str] = {}
        self._searched_ms: dict[int, int] = {}
        self._faults: dict[int, str] = {}
        self._forbidden: set[int] = set()
        self._forbidden_before = 0
        self._own = os.getpid()

    def refresh(self) -> set[int]:
        """Read pidfiles and control groups again; return whom they name now or named before."""
        touched: set[int] = set()
        for index, before in list(self._listed.items()):
            now = self._list(index)
            self._listed[index] = now
            touched |= before ^ now
        return touched

    def find(self, pid: int) -> frozenset[int]:
        """Places of a process; may be called from any thread."""
        if pid == self._own:
            return NOWHERE
        line = procfs.command(pid) if self._reads_commands else b""
        if not line.startswith(self._heads):
            return NOWHERE
        program: str | None = None
        found = []
        for number, place in enumerate(self.places):
            if not line.startswith(place.prefix):
                continue
            if pid not in self._listed.get(place.rule, (pid,)):
                continue
            if wanted := self._programs[place.rule]:
                program = self._program(pid) if program is None else program
                if program != wanted:
                    continue
            found.append(number)
        return frozenset(found)

    def begin_scan(self) -> None:
        """Count anew whose program could not be looked at."""
        self._forbidden_before = len(self._forbidden)
        self._forbidden = set()

    def fault(self, index: int) -> str:
        """What keeps a rule from seeing, if anything does."""
        forbidden = max(len(self._forbidden), self._forbidden_before)
        if self._rules[index].exe is not None and forbidden:
            return (
                f"the programs of {forbidden} processes of other users cannot be read: use"
                " process= or pidfile= instead of exe="
            )
        return self._faults.get(index, "")

    def _program(self, pid: int) -> str:
        path = procfs.exe(pid)
        if path is None:
            self._forbidden.add(pid)
        return path or ""

    def _list(self, index: int) -> frozenset[int]:
        rule = self._rules[index]
        self._faults.pop(index, None)
        groups = []
        if rule.pidfile is not None:
            groups.append(self._from_pidfile(index, rule.pidfile))
        if rule.unit is not None:
            groups.append(self._from_unit(index, rule.unit))
        return groups[0].intersection(*groups)

    def _from_pidfile(self, index: int, path: str) -> frozenset[int]:
        try:
            with open(path, "rb") as file:
                words = file.read(64).split()
            number = int(words[0]) if words else 0
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "does not begin with a number"
            self._faults[index] = f"pidfile {path}: {why}"
            return NOWHERE
        if number < 1:
            self._faults[index] = f"pidfile {path}: has no process number"
            return NOWHERE
        return frozenset({number})

    def _from_unit(self, index: int, unit: str) -> frozenset[int]:
        found = cgroups.members(self._folders[index]) if index in self._folders else NOWHERE
        if found:
            return found
        now_ms = clock.now_ms()
        if now_ms - self._searched_ms.get(index, -SEARCH_AGAIN_MS) >= SEARCH_AGAIN_MS:
            self._searched_ms[index] = now_ms
            if folder := cgroups.find(unit):
                self._folders[index] = folder
                return cgroups.members(folder)
        self._faults[index] = f"unit {unit}: no control group with processes has this name"
        return NOWHERE


def _words(rule: Rule, prefix: str) -> str:
    words = [f"command line `{prefix}`"] if prefix else []
    names = {"exe": rule.exe, "pidfile": rule.pidfile, "unit": rule.unit}
    words += [f"{name} {value}" for name, value in names.items() if value]
    return " and ".join(words)


def look(rule: Rule) -> Look:
    """Look once, as `quorumdog check test` does, for a rule of one prefix at most."""
    assert len(rule.prefixes) <= 1, "each prefix is counted by itself"
    matcher = Matcher([rule])
    matcher.refresh()
    found = [
        Match(pid, procfs.command(pid).decode(errors="replace").strip()[:COMMAND_SHOWN_MAX])
        for pid in sorted(procfs.pids())
        if matcher.find(pid) and not has_ended(pid)
    ]
    return Look(found, matcher.places[0].what, matcher.fault(0))


def has_ended(pid: int) -> bool:
    """Whether a process is gone, or a zombie whose parent has not reaped it yet."""
    found = procfs.stat(pid)
    return found is None or (found.state in "ZX" and found.threads < 2)
