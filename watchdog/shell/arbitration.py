"""One connection for each pair of nodes, although both dial: which one stays.

Both ends judge by the same facts, the incarnation that HELLO named and who opened the connection,
and so keep the same one without a word about it.  Rule: a new incarnation ends every connection of
the old one; of two that crossed, the one opened by the node with the lower name stays; whoever
dials again later had lost the other connection, so then the newer one stays.
"""

from collections.abc import Container
from dataclasses import dataclass
from enum import Enum
from typing import Final

from watchdog.instant import SECOND

CROSSING_NS: Final = 3 * SECOND
"""Longer than a dial may take (2 s): only then can two connections have crossed."""


class Decision(Enum):
    """What becomes of a connection whose HELLO has just come."""

    FIRST = "first"
    """There is no other: it becomes the link."""
    NEW_PROCESS = "new_process"
    """The peer has restarted: the link over the current one ends, and a new link begins."""
    SWAP = "swap"
    """It carries the link from now on; the current one is closed and nobody need know."""
    SURPLUS = "surplus"
    """The current one stays, this one is closed."""
    OLD_PROCESS = "old_process"
    """It speaks for a process that was replaced already: it is closed."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A connection with its HELLO: `opened_ns` is the accept or dial, `up_ns` its HELLO."""

    inc: bytes
    by_lower_name: bool
    opened_ns: int
    up_ns: int


def judge(newcomer: Contender, current: Contender | None, replaced: Container[bytes]) -> Decision:
    """Decide by the rule above; `replaced` holds incarnations that have given way already."""
    if newcomer.inc in replaced:
        return Decision.OLD_PROCESS
    if current is None:
        return Decision.FIRST
    if newcomer.inc != current.inc:
        # A process that is dead by now cannot have opened its connection after its successor did,
        # but its HELLO may come later. Who is closed by mistake dials again, and is newer then.
        is_older = newcomer.opened_ns < current.opened_ns
        return Decision.OLD_PROCESS if is_older else Decision.NEW_PROCESS
    has_crossed = newcomer.opened_ns - current.up_ns < CROSSING_NS
    if has_crossed and current.by_lower_name and not newcomer.by_lower_name:
        return Decision.SURPLUS
    return Decision.SWAP
