"""The options of `[check.NAME]` and its probes: names, kinds, ranges and defaults.

Rule: a probe's table is read by three models: what belongs to the check, its pace (the same for
every kind, with defaults by kind), and the options of its kind.  KINDS is the list of kinds.
"""

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field

from watchdog.config.check_values import (
    Bound,
    Count,
    Endpoints,
    Every,
    Load,
    OnFail,
    Percent,
    Prefixes,
    Regex,
    Sent,
    Statuses,
    Targets,
    Unit,
    Url,
)
from watchdog.config.errors import Path
from watchdog.config.values import STRICT, Command, Duration, FilePath, Kind

CHECKS_MAX: Final = 64
PROBES_MAX: Final = 16


class CheckOptions(BaseModel):
    """`[check.NAME]`: when it counts, and what it asks for when it is DOWN."""

    model_config = STRICT
    when: Literal["always", "escalated"] = "always"
    on_fail: OnFail | None = None
    restart: Command | None = None
    restarts: Count = 3
    restart_within: Every = 600_000
    restart_timeout: Every = 30_000


class Pace(BaseModel):
    """How often a probe runs, and how many results it takes; None: the default of its kind."""

    model_config = STRICT
    every: Every | None = None
    timeout: Bound | None = None
    fails: Count | None = None
    rises: Count | None = None
    window: Duration = 0
    start_delay: Duration = 0


class ProcessProbe(BaseModel):
    """Processes are there, for which all that is given of four ways to name them holds."""

    model_config = STRICT
    process: Prefixes | None = None
    pidfile: FilePath | None = None
    exe: FilePath | None = None
    unit: Unit | None = None
    absent_for: Duration = 0
    min_count: Annotated[int, Kind("integer 1-10000"), Field(ge=1, le=10_000)] = 1


class TcpProbe(BaseModel):
    """A port accepts, and answers as it should."""

    model_config = STRICT
    tcp: Endpoints
    send: Sent | None = None
    expect: Regex | None = None


class HttpProbe(BaseModel):
    """A page has the right status and text."""

    model_config = STRICT
    http: Url
    status: Statuses = (200,)
    body: Regex | None = None


class CommandProbe(BaseModel):
    """A program says that all is well."""

    model_config = STRICT
    command: Command
    style: Literal["exit", "nagios", "lsb", "ocf", "heartbeat"] = "exit"
    output: Regex | None = None


class LogGrowthProbe(BaseModel):
    """A file grows."""

    model_config = STRICT
    log_growth: FilePath
    within: Every = 60_000


class LogMatchProbe(BaseModel):
    """A text does not appear in a log."""

    model_config = STRICT
    log_match: FilePath
    pattern: Regex
    hold: Every = 60_000


class FileProbe(BaseModel):
    """A file is there, and young enough."""

    model_config = STRICT
    file: FilePath
    age_max: Every | None = None


class PingProbe(BaseModel):
    """One of several addresses answers."""

    model_config = STRICT
    ping: Targets


class LoadProbe(BaseModel):
    """The load average of one minute is below a bound."""

    model_config = STRICT
    load: Load
    clear: Load | None = None


class MemoryProbe(BaseModel):
    """Less memory is used than a bound."""

    model_config = STRICT
    memory: Percent
    clear: Percent | None = None


class DiskProbe(BaseModel):
    """Less of a file system is used than a bound."""

    model_config = STRICT
    disk: FilePath
    used_max: Percent = 95.0
    clear: Percent | None = None


KINDS: Final[dict[str, type[BaseModel]]] = {
    "process": ProcessProbe,
    "tcp": TcpProbe,
    "http": HttpProbe,
    "command": CommandProbe,
    "log_growth": LogGrowthProbe,
    "log_match": LogMatchProbe,
    "file": FileProbe,
    "ping": PingProbe,
    "load": LoadProbe,
    "memory": MemoryProbe,
    "disk": DiskProbe,
}
PROCESS_KEYS: Final = ("process", "pidfile", "exe", "unit")
KIND_KEYS: Final[dict[str, str]] = {
    **{kind: kind for kind in KINDS},
    **dict.fromkeys(PROCESS_KEYS, "process"),
}
"""The key that says of which kind an inline probe is."""


class ProbeKind(BaseModel):
    """`[[check.NAME.probe]]`: the one key that an inline probe does not have."""

    model_config = STRICT
    kind: Literal[
        "process", "tcp", "http", "command", "log_growth", "log_match", "file", "ping", "load",
        "memory", "disk",
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Rhythm:
    """The pace that counts, in ms."""

    every: int
    timeout: int
    fails: int
    rises: int


_RHYTHM: Final = Rhythm(every=5_000, timeout=2_000, fails=3, rises=2)
RHYTHMS: Final[dict[str, Rhythm]] = {
    **dict.fromkeys(KINDS, _RHYTHM),
    "process": Rhythm(every=2_000, timeout=2_000, fails=1, rises=1),
    "log_match": Rhythm(every=5_000, timeout=2_000, fails=1, rises=1),
    "ping": Rhythm(every=1_000, timeout=1_000, fails=2, rises=2),
    **dict.fromkeys(("load", "memory", "disk"), Rhythm(10_000, 2_000, 3, 2)),
}
"""The defaults of each kind; a timeout that is not given is never longer than `every`."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One valid probe, and where it stands in the file."""

    kind: str
    pace: Pace
    options: BaseModel
    path: Path

    def rhythm(self) -> Rhythm:
        """What is given, and the defaults of the kind for the rest."""
        default, given = RHYTHMS[self.kind], self.pace
        every = default.every if given.every is None else given.every
        return Rhythm(
            every=every,
            timeout=min(default.timeout, every) if given.timeout is None else given.timeout,
            fails=default.fails if given.fails is None else given.fails,
            rises=default.rises if given.rises is None else given.rises,
        )


@dataclass(frozen=True, slots=True)
class Check:
    """One valid check; DOWN as soon as one of its probes is."""

    options: CheckOptions
    probes: tuple[Probe, ...]

    def reaction(self) -> tuple[str, int]:
        """(kind, how much `priority` takes off); without `on_fail` it follows from the probes."""
        if self.options.on_fail is not None:
            return self.options.on_fail
        only_pings = all(probe.kind == "ping" for probe in self.probes)
        return ("veto" if only_pings else "release", 0)
