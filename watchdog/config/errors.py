"""What can be wrong with a configuration, said so that the reader can mend it.

Rule: all faults at once, each with its place, what is wrong, why that matters and what to type
instead.  A fault never shows a value that may be a secret.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

Path = tuple[str, ...]
"""A key from the top of the file: ("nodes", "alpha", "priority")."""

EXIT_FAULTS: Final = 2
EXIT_UNREADABLE: Final = 3


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: `where` is file:line or the flag or variable it came from."""

    where: str
    what: str
    why: str = ""
    hint: str = ""

    def __str__(self) -> str:
        """Lines for a terminal; the first one is complete by itself."""
        lines = [f"{self.where}: {self.what}"]
        lines += [f"    why: {self.why}"] if self.why else []
        lines += [f"    do:  {self.hint}"] if self.hint else []
        return "\n".join(lines)


class ConfigError(Exception):
    """The user's configuration cannot be used; `faults` is everything that is wrong with it."""

    def __init__(self, faults: Iterable[Fault], exit_code: int = EXIT_FAULTS) -> None:
        self.faults = tuple(faults)
        self.exit_code = exit_code
        super().__init__("\n".join(str(fault) for fault in self.faults))


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault or warning before its place in the file was looked up."""

    path: Path
    what: str
    why: str = ""
    hint: str = ""


def dotted(path: Path) -> str:
    """`nodes.alpha.priority`, as it is written in messages."""
    return ".".join(path)
