"""From a file to a valid configuration, or to everything that is wrong with it.

`examine` never raises for what the file says; `load` raises ConfigError with all faults at once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from watchdog.config import rules
from watchdog.config.draft import draft
from watchdog.config.errors import ConfigError, Fault, Path, Problem
from watchdog.config.schema import Config
from watchdog.config.source import DEFAULT_FILE, Source, read_source

__all__ = ["DEFAULT_FILE", "Examined", "Loaded", "examine", "load"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid configuration and where its values came from."""

    config: Config
    source: Source
    warnings: tuple[Fault, ...]

    @property
    def file(self) -> str:
        """The file as it was named."""
        return self.source.file

    def fault(self, problem: Problem) -> Fault:
        """A problem with its place in the file."""
        return _placed(self.source, problem)


@dataclass(frozen=True, slots=True)
class Examined:
    """What `check` shows: all faults, or the valid configuration."""

    faults: tuple[Fault, ...]
    loaded: Loaded | None


def examine(
    file: str, *, env: Mapping[str, str] | None = None, flags: Mapping[str, str] | None = None
) -> Examined:
    """Validate `file`; ConfigError only when it cannot be read or is no TOML."""
    source = read_source(file, env or {}, flags or {})
    made = draft(source.data)
    made.faults += rules.faults(made)
    if made.faults:
        return Examined(_sorted(source, made.faults), None)
    config = made.config()
    return Examined((), Loaded(config, source, _sorted(source, rules.warnings(made))))


def load(
    file: str, *, env: Mapping[str, str] | None = None, flags: Mapping[str, str] | None = None
) -> Loaded:
    """A valid configuration; ConfigError lists all faults (exit 2; 3 when unreadable)."""
    found = examine(file, env=env, flags=flags)
    if found.loaded is None:
        raise ConfigError(found.faults)
    return found.loaded


def _sorted(source: Source, found: Iterable[Problem]) -> tuple[Fault, ...]:
    def order(problem: Problem) -> tuple[int, Path]:
        return source.lines.line(problem.path), problem.path

    return tuple(_placed(source, problem) for problem in sorted(found, key=order))


def _placed(source: Source, problem: Problem) -> Fault:
    where = source.where(problem.path) if problem.path else source.file
    return Fault(where, problem.what, problem.why, problem.hint)
