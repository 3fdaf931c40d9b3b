"""Builders for the tests of the core: a cluster of letters, its messages, and the parts of a node.

Nodes are called a, b, c...; the incarnation of node x is its letter sixteen times.  Everything has
a plain default, so that a test names only what it is about.
"""

import random
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final, TypeVar

from tests.support import at
from watchdog.config.timing import timing_for
from watchdog.core.effects import Effect, HardState, Send
from watchdog.core.events import GuardianReady
from watchdog.core.messages import (
    PROTOCOL,
    Beacon,
    Grant,
    Hello,
    Message,
    PreVote,
    Release,
    StateReply,
    Tenure,
    Vote,
)
from watchdog.core.parts import Parts
from watchdog.core.settings import Member, Settings
from watchdog.instant import MS, Instant

TIMING: Final = timing_for("default", hook=False)
DIGEST: Final = b"d" * 32
OTHER_DIGEST: Final = b"o" * 32
CLUSTER: Final = b"c" * 32
START: Final = at(100_000)
WALL_MS: Final = 1_700_000_000_000
PROMISE_MS: Final = TIMING.promise_ns / MS
SOFT_MS: Final = TIMING.soft_ns / MS
BEACON_MS: Final = TIMING.beacon_ns / MS
REPEAT_MS: Final = TIMING.repeat_ns / MS


def inc_of(node: str, life: int = 0) -> bytes:
    """The incarnation of `node`; `life` counts its restarts."""
    return (node if life == 0 else str(life)).encode() * 16


def after(ms: float, raw_ms: float | None = None) -> Instant:
    """The instant so many ms after START."""
    return at(START.boot_ns / MS + ms, START.raw_ns / MS + (ms if raw_ms is None else raw_ms))


def members(names: str = "abc", **changes: dict[str, Any]) -> tuple[Member, ...]:
    """One member for each letter: weight 1, priority 0; `changes` by name."""
    made = [Member(name, 1, 0, witness=False, order=i) for i, name in enumerate(names)]
    return tuple(replace(m, **changes.get(m.name, {})) for m in made)


def settings(me: str = "a", names: str = "abc", **changes: Any) -> Settings:
    """Settings of node `me`; `changes` replace fields."""
    made = Settings(me, CLUSTER, members(names), DIGEST, TIMING)
    return replace(made, **changes)


def record(seq: int = 5, term: int = 7, voted_for: str | None = None) -> HardState:
    """An intact state of the default cluster."""
    names = (("a", 1), ("b", 1), ("c", 1))
    return HardState(seq, term, voted_for, TIMING.promise_ms, DIGEST, names)


def tenure(node: str = "b", no: int = 1, life: int = 0) -> Tenure:
    """A tenure of the node's incarnation number `life`."""
    return Tenure(node, inc_of(node, life), no)


def hello(node: str = "b", life: int = 0, **changes: Any) -> Hello:
    """What a fit member says of itself."""
    made = Hello(
        inc=inc_of(node, life),
        cluster_id=CLUSTER,
        proto=PROTOCOL,
        digest=DIGEST,
        seq=5,
        hard_ms=TIMING.hard_ms,
        promise_ms=TIMING.promise_ms,
        priority=0,
        witness=False,
        eligible=True,
        standing_down=False,
        quorum_connected=True,
        state="STANDBY",
        leader=None,
        term=7,
        healthy=True,
    )
    return replace(made, **changes)


def vote(node: str = "b", term: int = 8, number: int = 1, **changes: Any) -> Vote:
    """A VOTE of `node`, which another node sent at START."""
    made = Vote(term, tenure(node), number, START, TIMING.hard_ms, DIGEST)
    return replace(made, **changes)


def beacon(node: str = "b", term: int = 8, number: int = 2, **changes: Any) -> Beacon:
    """A BEACON of `node`."""
    made = Beacon(term, tenure(node), number, START, TIMING.hard_ms, DIGEST, term)
    return replace(made, **changes)


def pre_vote(node: str = "b", next_term: int = 8, **changes: Any) -> PreVote:
    """A PREVOTE of `node`."""
    made = PreVote(1, next_term, tenure(node), 0, TIMING.hard_ms, DIGEST)
    return replace(made, **changes)


def release(node: str = "b", no: int = 1, successor: str | None = None, life: int = 0) -> Release:
    """The RELEASE of a tenure."""
    return Release(tenure(node, no, life), 8, successor, gone=False)


def grant_to(ask: Vote | Beacon, voter: str, life: int = 0) -> Grant:
    """The GRANT with which `voter` answers `ask`."""
    is_vote = isinstance(ask, Vote)
    return Grant(ask.term, ask.tenure, ask.round, ask.sent, inc_of(voter, life), is_vote)


def state_reply(rid: int, node: str = "b", **changes: Any) -> StateReply:
    """The STATE of a member that remembers."""
    made = StateReply(
        rid=rid,
        inc=inc_of(node),
        seq=5,
        term=7,
        max_promise_ms=TIMING.promise_ms,
        amnesiac=False,
        digest=DIGEST,
        wall_ms=WALL_MS,
        remembered_seq=0,
    )
    return replace(made, **changes)


def parts_of(
    me: str = "a",
    loaded: HardState | None = None,
    *,
    amnesiac: bool = False,
    given: Settings | None = None,
) -> Parts:
    """The parts of a node that has just started; nobody has spoken yet."""
    state = record() if loaded is None and not amnesiac else loaded
    parts = Parts(given or settings(me), state, random.Random(1), inc_of(me))
    parts.assemble(amnesiac=amnesiac, now=START, wall_ms=WALL_MS)
    return parts


def fit_parts(
    me: str = "a", given: Settings | None = None, loaded: HardState | None = None
) -> Parts:
    """The parts of a node past its sit-out, guardian off and clean, disk written, peers heard."""
    parts = parts_of(me, loaded, given=given)
    parts.guard.welcomed(GuardianReady(0, off_clean=True))
    parts.ledger.touch()
    save_all(parts, READY)
    hear_all(parts, READY)
    assert not parts.voter.is_sitting_out(READY)
    parts.out.drain()
    return parts


READY: Final = after(PROMISE_MS + 1000)
"""When `fit_parts` are past their sit-out."""


def ready(ms: float, raw_ms: float | None = None) -> Instant:
    """The instant so many ms after READY."""
    raw_ms = ms if raw_ms is None else raw_ms
    return at(READY.boot_ns / MS + ms, READY.raw_ns / MS + raw_ms)


def hear_all(parts: Parts, now: Instant, **changes: Any) -> None:
    """Have every peer say HELLO now."""
    for name in parts.roster.peers:
        parts.roster.link_opened(name)
        parts.roster.hello_received(name, hello(name, **changes), now)


def save_all(parts: Parts, now: Instant) -> None:
    """Let the disk finish whatever there is to write."""
    for _ in range(4):
        save = parts.ledger.next_save(now)
        if save is None:
            return
        parts.ledger.saved(save.ticket)
    raise AssertionError("the ledger never comes to rest")


M = TypeVar("M", bound=Message)


def sent(effects: Iterable[Effect], kind: type[M]) -> list[tuple[str, M]]:
    """(peer, message) of every Send of one kind among the effects."""
    said = [(e.peer, e.message) for e in effects if isinstance(e, Send)]
    return [(peer, m) for peer, m in said if isinstance(m, kind)]
