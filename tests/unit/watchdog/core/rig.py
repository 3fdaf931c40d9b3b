"""One whole node with everything around it played by a script: disk, guardian and peers.

Rule: whatever is asked is answered at once and favourably, until the test says otherwise: a kind
of effect in `mute` gets no answer, a peer in `cut` hears and says nothing, a kind of message in
`unanswered` is heard in silence.  Time passes only in `advance`.
"""

import random
from collections import deque
from typing import Any, Final, TypeVar

from tests.unit.watchdog.core.support import (
    START,
    TIMING,
    WALL_MS,
    grant_to,
    hello,
    inc_of,
    record,
    settings,
    state_reply,
)
from watchdog.core import effects as fx
from watchdog.core import events as ev
from watchdog.core.effects import Effect, HardState
from watchdog.core.messages import (
    Beacon,
    Message,
    PreVote,
    PreVoteReply,
    Ready,
    StateRequest,
    Transfer,
    Vote,
)
from watchdog.core.node import Node
from watchdog.core.parts import Parts
from watchdog.core.settings import Settings
from watchdog.core.states import State
from watchdog.instant import MS, Instant

ANSWERS_MAX: Final = 500
VOTE_WAIT_MS: Final = TIMING.vote_wait_ns / MS
REACH_MS: Final = TIMING.reach_ns / MS
E = TypeVar("E")


class Rig:
    """A node under test, its clock, and its scripted surroundings."""

    def __init__(
        self,
        given: Settings | None = None,
        loaded: HardState | None = None,
        *,
        amnesiac: bool = False,
        off_clean: bool = True,
    ) -> None:
        self.now: Instant = START
        self.log: list[Effect] = []
        self.elected_at: Instant | None = None
        """When the last victory was noted."""
        self.mute: set[type] = set()
        self.unanswered: set[type] = set()
        self.cut: set[str] = set()
        self.said_by: dict[str, dict[str, Any]] = {}
        """Fields of the HELLO of a peer that differ from the default."""
        self.ready_reason = ""
        self.vip_answered = False
        self.settings = given or settings()
        state = record() if loaded is None and not amnesiac else loaded
        self.node = Node(
            self.settings, state, amnesiac, random.Random(1), START, WALL_MS, inc_of("a")
        )
        self._events: deque[ev.Event] = deque()
        self._hello_ns = START.boot_ns
        self.step(ev.GuardianReady(0, off_clean))
        for name in self.peers:
            self.step(ev.LinkOpened(name))

    @property
    def peers(self) -> list[str]:
        """The other members."""
        return [m.name for m in self.settings.members if m.name != self.settings.name]

    @property
    def parts(self) -> Parts:
        """The insides, for what cannot be seen from outside."""
        return self.node._parts

    # --- driving

    def step(self, event: ev.Event) -> list[Effect]:
        """One event and whatever follows from it at this instant; the effects of all that."""
        start = len(self.log)
        self._events.append(event)
        for _ in range(ANSWERS_MAX):
            if not self._events:
                return self.log[start:]
            for effect in self.node.step(self.now, self._events.popleft()):
                self.log.append(effect)
                self._answer(effect)
        raise AssertionError("the node never comes to rest")

    def hear(self, peer: str, message: Message, life: int = 0) -> list[Effect]:
        """A message of `peer`."""
        return self.step(ev.MessageReceived(peer, inc_of(peer, life), message))

    def advance(self, ms: float, raw_ms: float | None = None) -> list[Effect]:
        """Let time pass: timers fire and peers greet when they are due."""
        start, end_ns = len(self.log), self.now.boot_ns + round(ms * MS)
        rate = 1.0 if raw_ms is None else raw_ms / ms
        while True:
            due = min(self.node.next_deadline, self._hello_ns)
            if due > end_ns:
                break
            self._move_to(max(due, self.now.boot_ns), rate)
            if due == self._hello_ns:
                self._greet()
            self.step(ev.Ticked())
        self._move_to(end_ns, rate)
        return self.log[start:]

    def jump(self, boot_ms: float, raw_ms: float = 0) -> list[Effect]:
        """Wake from a suspend: BOOTTIME counted it, RAW did not."""
        moved = (self.now.boot_ns + round(boot_ms * MS), self.now.raw_ns + round(raw_ms * MS))
        self.now = Instant(*moved)
        return self.step(ev.Ticked())

    def _move_to(self, boot_ns: int, rate: float) -> None:
        passed = boot_ns - self.now.boot_ns
        self.now = Instant(boot_ns, self.now.raw_ns + round(passed * rate))

    def _greet(self) -> None:
        self._hello_ns += self.settings.timing.beacon_ns
        for name in self.peers:
            if name not in self.cut:
                said = {"leader": self.node.status()["coordinator"], **self.said_by.get(name, {})}
                self.hear(name, hello(name, **said))

    # --- the surroundings

    def _answer(self, effect: Effect) -> None:
        if type(effect) in self.mute:
            return
        match effect:
            case fx.Note("elected"):
                self.elected_at = self.now
            case fx.OpenRound(no, number):
                self._events.append(ev.RoundOpened(no, number))
            case fx.Save(ticket, _):
                self._events.append(ev.Saved(ticket))
            case fx.Escalate():
                self._events.append(ev.Escalated(effect.n))
            case fx.Extend():
                pass  # what was taken is not answered
            case fx.Deescalate(n, _):
                self._events.append(ev.Off(n))
            case fx.ProbeVip(rid, _):
                self._events.append(ev.ProbeFinished(rid, self.vip_answered, "02:00"))
            case fx.CheckReady(rid):
                self._events.append(ev.ReadyChecked(rid, not self.ready_reason, self.ready_reason))
            case fx.Send(peer, message):
                if peer not in self.cut and type(message) not in self.unanswered:
                    self._answer_message(peer, message)
            case _:
                pass

    def _answer_message(self, peer: str, message: Message) -> None:
        match message:
            case Vote() | Beacon():
                self._say(peer, grant_to(message, peer))
            case PreVote(rid):
                self._say(peer, PreVoteReply(rid, ok=True, term=7, reason="", retry_ms=0))
            case Transfer(tenure):
                self._say(peer, Ready(tenure, not self.ready_reason, self.ready_reason))
            case StateRequest(rid):
                self._say(peer, state_reply(rid, peer))
            case _:
                pass

    def _say(self, peer: str, message: Message) -> None:
        self._events.append(ev.MessageReceived(peer, inc_of(peer), message))


def all_of(effects: list[Effect], kind: type[E]) -> list[E]:
    """The effects of one kind."""
    return [effect for effect in effects if isinstance(effect, kind)]


def standby(given: Settings | None = None) -> Rig:
    """A node in STANDBY that was never asked to stand: somebody else is preferred and promised."""
    rig = Rig(given)
    rig.unanswered.add(PreVote)
    rig.advance(2000)
    assert rig.node.state is State.STANDBY
    return rig


def leader(given: Settings | None = None) -> Rig:
    """A coordinator that is escalated."""
    rig = Rig(given)
    rig.advance(3000)
    assert rig.node.status()["phase"] == "escalated", rig.node.status()
    return rig


def state(rig: Rig) -> str:
    """The name of the present state."""
    return rig.node.state.value


# --- what happened, for the eye of a test


def phase(rig: Rig) -> str:
    """The sub-phase of the node."""
    return str(rig.node.status()["phase"])


def elected(rig: Rig, *mute: type) -> Rig:
    """The node at the instant of its victory; some effects are not answered."""
    rig.mute.update(mute)
    for _ in range(300):
        if rig.parts.office is not None:
            return rig
        rig.advance(10)
    raise AssertionError(rig.node.status())


def wait_until(rig: Rig, then: Instant, ms: float) -> list[Effect]:
    """Let time pass until `ms` after that instant."""
    return rig.advance((then.boot_ns - rig.now.boot_ns) / MS + ms)


def won(rig: Rig) -> Instant:
    """The instant of the victory."""
    assert rig.elected_at is not None
    return rig.elected_at


def notes(rig: Rig, name: str) -> list[dict[str, str]]:
    """The fields of every note of one name."""
    return [dict(note.fields) for note in all_of(rig.log, fx.Note) if note.name == name]


def changes(rig: Rig, start: int = 0) -> list[tuple[str, str]]:
    """(trigger, new state) of every change since that place in the log."""
    return [(c.trigger, c.new) for c in all_of(rig.log[start:], fx.StateChanged)]


def alarms(rig: Rig) -> dict[str, str]:
    """What stands in the status of the node."""
    return dict(rig.node.status()["alarms"])
