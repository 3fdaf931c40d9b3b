"""What everything in one simulation shares: time, paths, those who watch, and the tallies.

`Watch` is how checkers see what happens: a process tells it what it is about to say or do, and
each checker registered for just the kinds that it judges.  Nobody watching costs nothing.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, Protocol

from tests.simulation.clocks import ClockPair
from tests.simulation.disk import Disk
from tests.simulation.heap import Heap
from tests.simulation.network import Network, Process
from watchdog.core.messages import Message

Look = Callable[..., None]


class Violation(Exception):  # noqa: N818 - it is a verdict, not an error of the simulator
    """A checker's verdict: the run has shown a bug."""

    def __init__(self, checker: str, text: str) -> None:
        super().__init__(f"{checker}: {text}")
        self.checker = checker
        self.text = text


class Watch:
    """Who looks at what. The keys are the classes of messages and events."""

    def __init__(self) -> None:
        self.sent: dict[type, list[Look]] = {}
        """(process, peer, message), before it is put on a link."""
        self.handled: dict[type, list[Look]] = {}
        """(process, event), just before the node's step."""
        self.saved: list[Look] = []
        """(machine, record), once it is durable."""
        self.process_started: list[Look] = []
        """(process): a node process has begun."""
        self.changed_state: list[Look] = []
        """(process, StateChanged)."""
        self.accepted: list[Look] = []
        """(machine, Extend or Escalate): the guardian took this claim."""
        self.claimed: list[Look] = []
        """(process, n): the node has written Escalate `n`."""
        self.held: list[Look] = []
        """(machine): it holds more than before; who is on or serving must be looked at."""
        self.went_off: list[Look] = []
        """(machine): its guardian is off."""
        self.will_sent: list[Look] = []
        """(machine, inc)."""
        self.state_gone: list[Look] = []
        """(machine, how): its state was lost, or an old copy was put back."""

    def tell(self, looks: list[Look], *args: object) -> None:
        """Show something to everybody registered in `looks`."""
        for look in looks:
            look(*args)


class Place(Protocol):
    """A machine as the others see it."""

    index: int
    name: str
    node: Process | None


READ_MAX: Final = 256


class Read(dict[bytes, Message]):
    """What the bytes that were decoded last mean: a broadcast is decoded once, not by everybody."""

    def keep(self, payload: bytes, message: Message) -> Message:
        """Remember one more; the oldest is forgotten."""
        if len(self) >= READ_MAX:
            del self[next(iter(self))]
        self[payload] = message
        return message


@dataclass(slots=True)
class Stage:
    """One simulation's shared things."""

    seed: int
    heap: Heap
    network: Network
    watch: Watch
    index_of: dict[str, int]
    wall_offsets_ms: list[int]
    machines: list[Any] = field(default_factory=list)
    log: Callable[[str, str, str], None] | None = None
    """(machine, part, text) of the readable trace; None: nobody reads."""
    read: Read = field(default_factory=Read)
    crc: int = 0
    sends: int = 0
    steps: int = 0
    rounds: int = 0
    replies: int = 0
    escalations: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    alarms: Counter[str] = field(default_factory=Counter)
    excused: Counter[str] = field(default_factory=Counter)

    def rng(self, *what: object) -> Random:
        """A stream of random numbers of its own for `what`."""
        return Random("/".join(map(str, (self.seed, *what))))


class Host(Protocol):
    """What a process needs of the machine it runs on."""

    stage: Stage
    index: int
    name: str
    clock: ClockPair
    rng: Random
    disk: Disk

    def wall_ms(self) -> int:
        """What the wall clock shows."""
