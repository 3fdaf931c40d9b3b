"""What the two fuzzed peers say: right answers, plausible lies, replays and damaged bytes.

A lie is plausible when its values are ones that were seen: a tenure of anybody, a term or a round
near the present one, an instant that the node itself named.  Every message crosses the codec as
bytes, and the node hears of it only as the shell would let it: HELLO first, one incarnation for
each connection.
"""

from dataclasses import replace
from random import Random
from typing import Final

from tests.fuzz.mutate import Mutator, damaged, pick
from tests.fuzz.packs import POOL, sample
from tests.unit.watchdog.core.support import (
    CLUSTER,
    DIGEST,
    OTHER_DIGEST,
    START,
    TIMING,
    grant_to,
    hello,
    inc_of,
    state_reply,
)
from watchdog.core import messages as m
from watchdog.core.effects import Effect, Send
from watchdog.core.messages import GONE_NO, Hello, Message, Tenure
from watchdog.instant import Instant
from watchdog.wire.codec import decode, encode
from watchdog.wire.errors import ProtocolError

NODES: Final = "abc"
KNOWN_MAX: Final = 40
STATES: Final = ("STANDBY", "COORDINATOR", "LOADING", "WAITING_FOR_QUORUM", "")
REASONS: Final = ("", "promise", "busy", "x" * 256)


class Peer:
    """One peer: its process, its connection, and what the node asked it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.life = 0
        self.is_linked = False
        self.has_said_hello = False
        self.no = 1
        self.asked: list[Message] = []

    @property
    def inc(self) -> bytes:
        """Of its present process."""
        return inc_of(self.name) if not self.life else f"{self.name}{self.life:015}".encode()


class Known:
    """Values that were seen, from which lies are made."""

    def __init__(self) -> None:
        self.tenures = [Tenure(node, inc_of(node), no) for node in NODES for no in (1, GONE_NO)]
        self.terms = [0, 7, 8, 9]
        self.rounds = [0, 1, 2]
        self.sent = [START, Instant(0, 0)]
        self.rids = [0, 1]
        self.said: list[bytes] = []

    def see(self, effects: list[Effect]) -> None:
        """Remember what the node said."""
        for effect in effects:
            if isinstance(effect, Send):
                self.see_message(effect.message)

    def see_message(self, message: Message) -> None:
        """Remember its values."""
        for key, values in (
            ("tenure", self.tenures),
            ("term", self.terms),
            ("next_term", self.terms),
            ("round", self.rounds),
            ("sent", self.sent),
            ("rid", self.rids),
        ):
            value = getattr(message, key, None)
            if value is not None and value not in values[-4:]:
                values.append(value)
                del values[2 : len(values) - KNOWN_MAX]

    def tenure(self, rng: Random) -> Tenure:
        """Any tenure, or one like it."""
        found = pick(self.tenures, rng) if rng.random() < 0.5 else self.tenures[-1]
        chance = rng.random()
        if chance < 0.1:
            return found._replace(no=found.no - 1 if found.no else 1)
        if chance < 0.2:
            return found._replace(no=min(found.no + 1, GONE_NO))
        return found._replace(inc=inc_of("x")) if chance < 0.25 else found

    def number(self, values: list[int], rng: Random) -> int:
        """One of them, or near it, or far away."""
        found = values[-1] if rng.random() < 0.6 else pick(values, rng)
        chance = rng.random()
        if chance < 0.3:
            found += 1 if rng.random() < 0.7 else -1
        elif chance < 0.34:
            found = pick((2**64 - 1, 2**63, 0, 2**32), rng)
        return max(0, min(found, 2**64 - 1))


class Sessions:
    """Makes what the peers say."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.known = Known()
        self.peers = [Peer(name) for name in NODES[1:]]
        self.is_honest = rng.random()
        self.is_damaging = 0.15 * rng.random()
        self.refused = 0

    def note(self, effects: list[Effect]) -> None:
        """What the node just did."""
        self.known.see(effects)
        for effect in effects:
            if isinstance(effect, Send):
                for peer in self.peers:
                    if peer.name == effect.peer and len(peer.asked) < KNOWN_MAX:
                        peer.asked.append(effect.message)

    def across(self, peer: Peer, message: Message) -> Message | None:
        """The message as it comes out of the codec, perhaps another one; None when refused."""
        data = encode(message)
        chance = self.rng.random()
        if chance < self.is_damaging / 2:
            data = damaged(data, self.rng)
        elif chance < self.is_damaging:
            data = Mutator([sample(data)], _SMALL).replaced(sample(data), self.rng)
        elif self.known.said and chance > 0.95:
            data = pick(self.known.said, self.rng)
        try:
            found = decode(data, peer.name)
        except ProtocolError:
            self.refused += 1
            return None
        if len(self.known.said) < 4 * KNOWN_MAX:
            self.known.said.append(data)
        is_hello = isinstance(found, Hello)
        if not peer.has_said_hello and not is_hello:
            return None
        if isinstance(found, Hello) and found.inc != peer.inc:
            return None
        peer.has_said_hello = True
        return found

    def greeting(self, peer: Peer) -> Hello:
        """HELLO, honest in most fields."""
        rng = self.rng
        term = self.known.number(self.known.terms, rng)
        said = replace(hello(peer.name), inc=peer.inc, term=term)
        if rng.random() < self.is_honest:
            return replace(said, term=7)
        return replace(
            said,
            digest=DIGEST if rng.random() < 0.9 else OTHER_DIGEST,
            cluster_id=CLUSTER if rng.random() < 0.95 else bytes(32),
            eligible=rng.random() < 0.8,
            standing_down=rng.random() < 0.1,
            quorum_connected=rng.random() < 0.8,
            state=pick(STATES, rng),
            leader=pick((None, "a", "b", "c", "x"), rng),
            priority=pick((0, 1, 50, 2**64 - 1), rng),
            healthy=rng.random() < 0.8,
            verdicts=pick(((), ("a",), ("a", "b", "c"), ("zz",)), rng),
            witness=rng.random() < 0.1,
            seq=self.known.number([5, 6], rng),
            hard_ms=pick((TIMING.hard_ms, 0, 86_400_000), rng),
            promise_ms=pick((TIMING.promise_ms, 0, 86_400_000), rng),
            vetoed=rng.random() < 0.1,
            unwatched=rng.random() < 0.1,
            alarms=pick(((), ("x" * 256,) * 16), rng),
        )

    def answer(self, peer: Peer) -> Message | None:
        """What a good peer says to the oldest thing it was asked."""
        if not peer.asked:
            return None
        asked = peer.asked.pop(0)
        match asked:
            case m.Vote() | m.Beacon():
                return replace(grant_to(asked, peer.name), voter_inc=peer.inc)
            case m.PreVote():
                return m.PreVoteReply(asked.rid, ok=True, term=7, reason="", retry_ms=0)
            case m.Transfer():
                return m.Ready(asked.tenure, ok=True, reason="")
            case m.StateRequest():
                return state_reply(asked.rid, peer.name, inc=peer.inc)
            case _:
                return None

    def lie(self, peer: Peer) -> Message:
        """Any message whose values look right."""
        rng, known = self.rng, self.known
        term, number = known.number(known.terms, rng), known.number(known.rounds, rng)
        tenure, sent = known.tenure(rng), pick(known.sent, rng)
        own = Tenure(peer.name, peer.inc, peer.no)
        who = own if rng.random() < 0.7 else tenure
        hard, digest = TIMING.hard_ms, DIGEST if rng.random() < 0.95 else OTHER_DIGEST
        rid, yes, why = known.number(known.rids, rng), rng.random() < 0.6, pick(REASONS, rng)
        node = pick((None, "a", "b", "c", "x"), rng)
        kind = int(rng.random() * 15)
        peer.no += kind in {1, 3}
        match kind:
            case 0 | 14:
                return self.greeting(peer)
            case 1:
                return m.PreVote(rid, term, who, pick((0, 9), rng), hard, digest)
            case 2:
                return m.PreVoteReply(rid, yes, term, why, pick((0, 640, 86_400_000), rng))
            case 3:
                passed = tenure if rng.random() < 0.3 else None
                return m.Vote(term, who, number, sent, hard, digest, passed)
            case 4 | 5:
                return m.Beacon(term, who, number, sent, hard, digest, term)
            case 6:
                inc = peer.inc if rng.random() < 0.9 else inc_of("x")
                return m.Grant(term, tenure, number, sent, inc, rng.random() < 0.5)
            case 7:
                return m.Nack(term, yes, why)
            case 8:
                return m.Release(who, term, node, rng.random() < 0.3, yes, why)
            case 9:
                return m.Transfer(who)
            case 10:
                return m.Ready(tenure, yes, why)
            case 11:
                return m.ResignRequest(rid, node, why, yes)
            case 12:
                return m.ResignReply(rid, yes, why)
            case _:
                if rng.random() < 0.5:
                    return m.StateRequest(rid, number)
                return state_reply(rid, peer.name, inc=peer.inc, term=term, amnesiac=yes)


_SMALL: Final = [part for part in POOL if len(part) < 300]
