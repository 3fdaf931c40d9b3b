"""Nodes that have lost their state, loaded it, or are taking another membership on.

Each is past its first question to the others; `told` lets one of them answer.
"""

from typing import Any, Final

from tests.unit.watchdog.core.support import (
    BEACON_MS,
    PROMISE_MS,
    after,
    hear_all,
    inc_of,
    members,
    parts_of,
    record,
    save_all,
    sent,
    settings,
    state_reply,
)
from watchdog.core.events import GuardianReady
from watchdog.core.formation import Memory
from watchdog.core.messages import StateReply, StateRequest
from watchdog.core.parts import Parts

OVER_MS: Final = PROMISE_MS + 1
"""When the sit-out of a node that started at START is over."""
LATE_MS: Final = OVER_MS + BEACON_MS
"""An interval after the first question: rule (i), which keeps the term, has had its chance."""
OLD: Final = (("a", 1), ("b", 1), ("c", 1))


def blank(names: str = "abc") -> Parts:
    """An amnesiac past its sit-out that has just asked."""
    given = settings(names=names, members=members(names))
    parts = parts_of(amnesiac=True, given=given)
    parts.guard.welcomed(GuardianReady(0, off_clean=True))
    hear_all(parts, after(OVER_MS))
    parts.formation.tick(after(OVER_MS))
    return parts


def intact() -> Parts:
    """A node that loaded its state and is still sitting out."""
    parts = parts_of()
    hear_all(parts, after(0))
    parts.formation.tick(after(0))
    return parts


def accepting() -> Parts:
    """A node started with --accept-membership: five members instead of the old three."""
    given = settings(members=members("abcde"), old_members=OLD)
    parts = parts_of(loaded=record(), given=given)
    save_all(parts, after(0))
    hear_all(parts, after(OVER_MS))
    parts.formation.tick(after(OVER_MS))
    return parts


def told(parts: Parts, node: str, ms: float = LATE_MS, **changes: Any) -> Memory:
    """Let a member answer the newest question; what the node believes then."""
    answer = state_reply(parts.formation._rid, node, inc=inc_of(node), **changes)
    parts.formation.answered(node, answer, after(ms))
    return parts.formation.memory


def answer_of(parts: Parts, seq: int = 0, ms: float = OVER_MS) -> StateReply:
    """What this node answers to b."""
    parts.out.drain()
    parts.formation.answer("b", StateRequest(4, seq), after(ms))
    ((peer, reply),) = sent(parts.out.drain(), StateReply)
    assert (peer, reply.rid) == ("b", 4)
    return reply
