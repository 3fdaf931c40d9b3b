"""The effects of one step, and the context that the parts of a node share.

Rule: whatever order the parts decide in, effects leave in one fixed order of groups: giving up
first, then the disk, then peers, then the guardian, then the public (docs/election.md, "Order").
"""

import random
from dataclasses import dataclass, field
from typing import Final

from watchdog.core.effects import (
    Alarm,
    ArmWill,
    CheckReady,
    CloseLink,
    Deescalate,
    Effect,
    Escalate,
    Exit,
    Extend,
    Note,
    OpenRound,
    ProbeVip,
    Reannounce,
    Reply,
    Save,
    Send,
    StateChanged,
)
from watchdog.core.guard import Guard
from watchdog.core.ledger import Ledger
from watchdog.core.membership import Roster
from watchdog.core.messages import Beacon, Grant, Message
from watchdog.core.promise import Voter
from watchdog.core.settings import Settings, Timing
from watchdog.instant import Instant

GROUP: Final[dict[type, int]] = {
    Deescalate: 0,
    Save: 1,
    Send: 2,
    OpenRound: 3,
    Extend: 3,
    Escalate: 3,
    ArmWill: 3,
    ProbeVip: 3,
    CheckReady: 3,
    Reannounce: 3,
    StateChanged: 4,
    Note: 4,
    Alarm: 4,
    Reply: 4,
    CloseLink: 5,
    Exit: 6,
}
"""The place of every kind of effect in the output of a step."""

ALARMS_MAX: Final = 32


def _word(value: object) -> str:
    """A value as operators read it."""
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(slots=True)
class Outbox:
    """What the present step asks for, and the alarms that stand."""

    effects: list[Effect] = field(default_factory=list)
    alarms: dict[str, str] = field(default_factory=dict)
    _ends_ns: dict[str, int] = field(default_factory=dict)
    """When an alarm ends whose cause nobody sees go; BOOTTIME."""

    def put(self, effect: Effect) -> None:
        """Ask for one effect."""
        self.effects.append(effect)

    def note(self, name: str, **fields: object) -> None:
        """One line for the log."""
        self.put(Note(name, tuple((k, _word(v)) for k, v in fields.items())))

    def alarm(self, name: str, text: str) -> None:
        """Something an operator must look at; said once until it is cleared or changes."""
        if self.alarms.get(name) == text:
            return
        if name in self.alarms or len(self.alarms) < ALARMS_MAX:
            self.alarms[name] = text
        self.put(Alarm(name, text))

    def warned(self, name: str, text: str, until_ns: int) -> None:
        """An alarm that the guardian has logged; it stands until then."""
        if name in self.alarms or len(self.alarms) < ALARMS_MAX:
            self.alarms[name] = text
            self._ends_ns[name] = until_ns

    def end_alarms(self, now: Instant) -> None:
        """Forget those whose time is over."""
        for name in [name for name, end_ns in self._ends_ns.items() if end_ns <= now.boot_ns]:
            del self._ends_ns[name]
            self.clear_alarm(name)

    def clear_alarm(self, name: str) -> None:
        """What the alarm was about is over."""
        self.alarms.pop(name, None)

    def drain(self) -> tuple[Effect, ...]:
        """The effects of this step in the order in which they must be performed."""
        effects = self.effects
        if not effects:
            return ()
        self.effects = []
        if len(effects) > 1:
            effects.sort(key=lambda effect: GROUP[type(effect)])
        return tuple(effects)


@dataclass(frozen=True, slots=True)
class Context:
    """What every part of a node reads: who it is, and the parts without opinions of their own."""

    settings: Settings
    inc: bytes
    rng: random.Random
    ledger: Ledger
    roster: Roster
    guard: Guard
    voter: Voter
    out: Outbox
    me: str = field(init=False)
    """This node's name."""
    timing: Timing = field(init=False)
    """Every number of the election."""

    def __post_init__(self) -> None:
        """Fields, not properties: they are read a hundred times in a step."""
        object.__setattr__(self, "me", self.settings.name)
        object.__setattr__(self, "timing", self.settings.timing)

    def send(self, peer: str, message: Message, now: Instant) -> None:
        """Say `message` to one peer."""
        kind = type(message)
        if kind is Beacon or kind is Grant:
            self.roster.peers[peer].said_ns = now.boot_ns
        self.out.effects.append(Send(peer, message))

    def broadcast(self, message: Message, now: Instant) -> None:
        """Say `message` to every other member."""
        for peer in self.roster.peers:
            self.send(peer, message, now)
