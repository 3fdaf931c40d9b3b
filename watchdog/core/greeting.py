"""HELLO: what this node says of itself, every beacon interval and at once when it changes.

It is left out where a BEACON or GRANT went to the peer within the interval, except every fifth
time, or a node that was dropped from the ranking would never come back into it.
"""

from collections.abc import Collection
from typing import Final, NamedTuple

from watchdog.core.messages import PROTOCOL, Hello
from watchdog.core.parts import Parts
from watchdog.instant import Instant

ALWAYS_EVERY: Final = 5
ALARMS_SAID_MAX: Final = 16
VERDICTS_SAID_MAX: Final = 16
UNFIT_SAID_MAX: Final = 200
GRACE_DIVISOR: Final = 8
"""A HELLO may be beacon/8 early or late, to go along with a round: wake-ups cost, bytes do not."""


class Said(NamedTuple):
    """The part of a HELLO whose change is worth a HELLO at once."""

    eligible: bool
    standing_down: bool
    quorum_connected: bool
    state: str
    leader: str | None
    term: int
    healthy: bool
    verdicts: tuple[str, ...]
    alarms: tuple[str, ...]
    priority: int
    vetoed: bool
    unwatched: bool


Facts = tuple[
    bool,
    bool,
    bool,
    str,
    str | None,
    int,
    bool,
    tuple[str, ...],
    tuple[str, ...],
    int,
    bool,
    bool,
]
"""The fields of `Said`."""


class Greeting:
    """When and what to say to whom."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._count = 0
        self._next_ns = 0
        self._said: Facts | None = None
        self._hello: tuple[tuple[Facts, int, str], Hello] | None = None
        self._grace_ns = parts.ctx.timing.beacon_ns // GRACE_DIVISOR

    def _facts(self, now: Instant) -> Facts:
        """Looked at in every step: a plain tuple, and nothing is sorted or built that is empty."""
        parts = self._parts
        guard, fitness = parts.guard, parts.fitness
        leader = parts.coordinator()
        dead, alarms = parts.verdicts.dead, parts.out.alarms
        return (
            guard.is_there
            and (guard.is_off or parts.office is not None)
            and not fitness.unfit_reason(now),
            fitness.is_standing_down(now),
            parts.roster.is_quorum_connected(now),
            parts.state.word,
            leader,
            parts.ledger.term,
            fitness.is_healthy,
            _verdicts(dead, leader) if dead else (),
            tuple(sorted(alarms)[:ALARMS_SAID_MAX]) if alarms else (),
            fitness.priority,
            bool(fitness.veto),
            parts.is_unwatched,
        )

    def hello(self, now: Instant) -> Hello:
        """The present HELLO; the same object for as long as it says the same."""
        said, seq = self._facts(now), self._parts.ctx.ledger.durable_seq
        facts = said, seq, self._parts.fitness.unfit_reason(now)[:UNFIT_SAID_MAX]
        if self._hello is None or self._hello[0] != facts:
            self._hello = facts, self._make(Said(*said), seq, facts[2])
        return self._hello[1]

    def _make(self, said: Said, seq: int, unfit: str) -> Hello:
        ctx = self._parts.ctx
        return Hello(
            inc=ctx.inc,
            cluster_id=ctx.settings.cluster_id,
            proto=PROTOCOL,
            digest=ctx.settings.digest,
            seq=seq,
            hard_ms=ctx.timing.hard_ms,
            promise_ms=ctx.timing.promise_ms,
            priority=said.priority,
            witness=ctx.roster.me.witness,
            eligible=said.eligible,
            standing_down=said.standing_down,
            quorum_connected=said.quorum_connected,
            state=said.state,
            leader=said.leader,
            term=said.term,
            healthy=said.healthy,
            verdicts=said.verdicts,
            alarms=said.alarms,
            config_digests=ctx.settings.config_digests,
            unfit=unfit,
            vetoed=said.vetoed,
            unwatched=said.unwatched,
        )

    def greet(self, peer: str, now: Instant) -> None:
        """A connection came up: introduce this node."""
        self._parts.ctx.send(peer, self.hello(now), now)

    def tick(self, now: Instant) -> None:
        """Say HELLO where it is due, and to everybody when something changed."""
        facts = self._facts(now)
        if facts != self._said:
            self._said = facts
            self._say_to_all(now)
        elif now.boot_ns >= self._next_ns - 2 * self._grace_ns:
            self._count += 1
            self._next_ns = self._after(now)
            if self._count % ALWAYS_EVERY == 0:
                self._say_to_all(now)
            else:
                self._say_to_silent(now)

    def _say_to_all(self, now: Instant) -> None:
        self._next_ns = self._after(now)
        hello = self.hello(now)
        for name, peer in self._parts.roster.peers.items():
            if peer.is_linked:
                self._parts.ctx.send(name, hello, now)

    def _say_to_silent(self, now: Instant) -> None:
        hello = None
        # A margin: a BEACON leaves only when the guardian has opened its round, a little later.
        since_ns = now.boot_ns - self._parts.ctx.timing.beacon_ns * 5 // 4
        for name, peer in self._parts.roster.peers.items():
            if peer.is_linked and peer.said_ns <= since_ns:
                hello = hello or self.hello(now)
                self._parts.ctx.send(name, hello, now)

    def _after(self, now: Instant) -> int:
        """When the next HELLO is due at the latest: about when the next round will be here."""
        beacon_ns, promise = self._parts.ctx.timing.beacon_ns, self._parts.voter.promise
        if promise is None:
            return now.boot_ns + beacon_ns
        since_ns = promise.since.boot_ns - self._grace_ns
        return now.boot_ns + beacon_ns - (now.boot_ns - since_ns) % beacon_ns + 2 * self._grace_ns

    @property
    def next_ns(self) -> int:
        """BOOTTIME at which the next HELLO is due."""
        return self._next_ns


def _verdicts(dead: Collection[str], leader: str | None) -> tuple[str, ...]:
    """Who is called dead here; the coordinator first, since not all may have room."""
    ranked = sorted(dead, key=lambda name: (name != leader, name))
    return tuple(ranked[:VERDICTS_SAID_MAX])
