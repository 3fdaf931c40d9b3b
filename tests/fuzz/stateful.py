"""Sequences of what two peers say to a live node: no assertion falls, and all stays bounded.

The node is the real core with its invariants on; disk and guardian around it answer as they
should (tests/unit/watchdog/core/rig.py), and time passes.  A sequence depends on its number alone.
"""

import json
import time
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Final

from tests.fuzz.engine import Caught, Fault, Tally, signature
from tests.fuzz.mutate import pick
from tests.fuzz.sessions import Peer, Sessions
from tests.unit.watchdog.core.rig import Rig
from tests.unit.watchdog.core.support import TIMING
from watchdog.core import effects as fx
from watchdog.core import events as ev
from watchdog.core.effects import Effect
from watchdog.core.messages import Grant, Message, PreVote, Release, Tenure, Vote
from watchdog.instant import MS, Instant
from watchdog.wire.codec import encode
from watchdog.wire.record import pack_record

NAME: Final = "sequences"
PART: Final = 100
ACTIONS: Final = 40
LONG_ACTIONS: Final = 1500
LONG_EVERY: Final = 200
"""One sequence of so many is long, and its memory is looked at."""
EFFECTS_MAX: Final = 100
STATUS_MAX: Final = 64 * 1024
MEMORY_MAX: Final = 256 * 1024
FLOORS: Final = {"led": 20.0, "granted": 10.0, "refused": 20.0, "jumped": 1.0}
"""Percent of the sequences in which these must have happened."""
WAITS_MS: Final = (1, 10, 30, 50, 100, 200, 200, 200, 400, 1000)


class Story:
    """One sequence."""

    def __init__(self, seed: int, number: int, say: Callable[[str], None]) -> None:
        self.rng = Random(f"{seed} {NAME} {number}")
        self.happened: set[str] = set()
        self._say = say
        self._sessions = Sessions(self.rng)
        self._votes: dict[int, str] = {}
        self._held: tuple[Tenure, Instant] | None = None
        self._released: dict[bytes, int] = {}
        self._rig = self._start()
        self._rig.cut.update("bc")
        self._see(self._rig.log)

    def _start(self) -> Rig:
        """A leader, a follower, or a node that knows nobody yet; the rig speaks for the peers."""
        chance = self.rng.random()
        rig = Rig(amnesiac=chance > 0.9)
        if chance > 0.75:
            for peer in self._sessions.peers:
                peer.is_linked = True
            return rig
        for peer in self._sessions.peers:
            peer.is_linked = peer.has_said_hello = True
        if chance > 0.4:
            rig.unanswered.add(PreVote)
        rig.advance(2000)
        return rig

    def run(self, actions: int) -> None:
        """So many things happen; raises whatever the node raises."""
        for number in range(actions):
            self._act()
            if number % 20 == 0:
                self._look()

    def grow(self) -> int:
        """Bytes that a long sequence adds after its first part."""
        self.run(LONG_ACTIONS // 5)
        tracemalloc.start()
        try:
            self.run(LONG_ACTIONS // 5)
            before = tracemalloc.get_traced_memory()[0]
            self.run(LONG_ACTIONS * 3 // 5)
            return tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()

    # --- what happens

    def _act(self) -> None:
        rng, sessions = self.rng, self._sessions
        peer, chance = pick(sessions.peers, rng), rng.random()
        if chance < 0.15:
            self._hear(peer, sessions.greeting(peer))
        elif chance < 0.55:
            message = sessions.answer(peer) if rng.random() < sessions.is_honest else None
            self._hear(peer, message or sessions.lie(peer))
        elif chance < 0.90:
            self._wait(pick(WAITS_MS, rng))
        elif chance < 0.95:
            self._relink(peer)
        else:
            self._local()

    def _hear(self, peer: Peer, message: Message) -> None:
        if not peer.is_linked:
            return
        found = self._sessions.across(peer, message)
        if found is None:
            self.happened.add("refused")
            return
        ended = found.tenure if isinstance(found, Release) else None
        if isinstance(found, Vote):
            ended = found.transfer
        if ended is not None:
            self._released[ended.inc] = max(ended.no, self._released.get(ended.inc, -1))
        self._step(ev.MessageReceived(peer.name, peer.inc, found))

    def _relink(self, peer: Peer) -> None:
        if peer.is_linked:
            inc = peer.inc if peer.has_said_hello else b""
            peer.is_linked = peer.has_said_hello = False
            peer.life += self.rng.random() < 0.5
            peer.asked.clear()
            if inc:
                self._step(ev.LinkClosed(peer.name, inc, "reset"))
            return
        peer.is_linked = True
        self._step(ev.LinkOpened(peer.name))
        self._hear(peer, self._sessions.greeting(peer))

    def _local(self) -> None:
        rng = self.rng
        match int(rng.random() * 6):
            case 0:
                who = pick((None, "b", "c", "x"), rng)
                self._step(ev.CommandReceived(int(rng.random() * 99), ev.Command.SWITCHOVER, who))
            case 1:
                self._step(ev.UplinkChanged(rng.random() < 0.7, "carrier"))
            case 2:
                verdict = pick(tuple(ev.Verdict), rng)
                self._step(ev.LifecheckReported(pick("abcx", rng), verdict, "why"))
            case 3:
                self._rig.jump(5000)
                self.happened.add("jumped")
                self._see(self._rig.log)
            case 4:
                self._rig.mute = {pick((fx.Save, fx.OpenRound, fx.Extend, fx.Deescalate), rng)}
            case _:
                self._rig.mute = set()

    def _wait(self, ms: int) -> None:
        """Time passes; a peer that is honest answers meanwhile, and greets."""
        self._say(f"    {ms} ms pass")
        turns = min(3, 1 + ms // 100)
        for _ in range(turns):
            self._rig.advance(ms / turns)
            self._see(self._rig.log)
            for peer in self._sessions.peers:
                if self.rng.random() < self._sessions.is_honest:
                    self._hear(peer, self._sessions.greeting(peer))
                    for _ in range(len(peer.asked)):
                        if (message := self._sessions.answer(peer)) is not None:
                            self._hear(peer, message)

    def _step(self, event: ev.Event) -> None:
        self._say(f"    {event}")
        effects = self._rig.step(event)
        assert len(effects) <= EFFECTS_MAX, f"{len(effects)} effects of one event"
        self._see(self._rig.log)

    # --- what must hold

    def _see(self, effects: list[Effect]) -> None:
        self._sessions.note(effects)
        for effect in effects:
            match effect:
                case fx.Send(_, message):
                    encode(message)
                    if isinstance(message, Grant):
                        self._granted(message)
                case fx.Save(_, record):
                    pack_record(record)
                case fx.Escalate():
                    self.happened.add("led")
                case _:
                    pass
        effects.clear()

    def _granted(self, grant: Grant) -> None:
        """One vote in a term, and one promise at a time, until it has expired or was released."""
        self.happened.add("granted")
        now, tenure = self._rig.now, grant.tenure
        if self._held is not None and self._held[0].node != tenure.node:
            held, since = self._held
            passed_ns = min(now.boot_ns - since.boot_ns, now.raw_ns - since.raw_ns)
            is_free = passed_ns >= TIMING.promise_ns or self._released.get(held.inc, -1) >= held.no
            assert is_free, f"promised to {tenure} {passed_ns // MS} ms after {held}"
        self._held = tenure, now
        if grant.is_vote:
            node = grant.tenure.node
            first = self._votes.setdefault(grant.term, node)
            assert first == node, f"votes for {first} and {node} in term {grant.term}"

    def _look(self) -> None:
        status = json.dumps(self._rig.node.status(), default=str)
        assert len(status) < STATUS_MAX, f"a status of {len(status)} bytes"
        self._rig.node.glance()
        assert self._rig.node.next_deadline > self._rig.now.boot_ns, "a timer that never rests"
        if self._sessions.refused:
            self.happened.add("refused")


def run(seed: int, numbers: Sequence[int], until: float, *, stop_at_fault: bool = False) -> Tally:
    """These sequences, until the clock says `until` at the latest."""
    tally, started = Tally(NAME), time.process_time()
    for number in numbers:
        _one(tally, seed, number)
        if time.monotonic() > until or (stop_at_fault and tally.faults):
            break
    tally.seconds = time.process_time() - started
    return tally


def _one(tally: Tally, seed: int, number: int) -> None:
    said: deque[str] = deque(maxlen=30)
    happened: set[str] = set()
    with Caught() as caught:
        story = Story(seed, number, said.append)
        happened = story.happened
        if number % LONG_EVERY == 0:
            cost = story.grow()
            tally.weighed += 1
            tally.heaviest = max(tally.heaviest, cost)
            assert cost < MEMORY_MAX, f"{cost >> 10} KiB more after {LONG_ACTIONS} actions"
        else:
            story.run(ACTIONS)
    tally.inputs += 1
    tally.kinds.update(happened)
    tally.past += "granted" in happened
    tally.valid += "led" in happened
    if caught.error is not None:
        told = "\n".join([f"{type(caught.error).__name__}: {caught.error}", *said])
        tally.note(Fault(NAME, "error", signature(caught.error), told, number, b""))


def weak(tally: Tally, wanted: int) -> Iterator[str]:
    """Why a run is worth too little."""
    if tally.inputs < wanted:
        yield f"{NAME}: {tally.inputs:,} sequences, fewer than {wanted:,}"
    for name, floor in FLOORS.items():
        share = 100 * tally.kinds[name] / max(1, tally.inputs)
        if share < floor:
            yield f"{NAME}: {name} in {share:.1f} % of them, at least {floor:g} %"
