"""What every source of health has said last: the built-in lifecheck, external ones, operators.

Each source speaks for itself and can take back only its own words.  A member is called dead when
one source calls it dead; what a source said ends with the source.  A verdict about a service that
runs only where the VIP is carries the epoch it was watched under, and means nothing elsewhere.
What follows from all this is decided in `health` and `verdicts` (docs/election.md, "Verdicts").
"""

from collections.abc import Container
from dataclasses import dataclass, field
from typing import Final

from watchdog.core.events import (
    INFORM,
    LIFECHECK,
    LifecheckReported,
    StandingReported,
    Verdict,
)

SOURCES_MAX: Final = 64
"""More speakers than the control socket can have at once."""
ALWAYS: Final = 0
"""`LifecheckReported.epoch` of a verdict that counts wherever the VIP is."""


@dataclass(slots=True)
class _Said:
    """The present words of one source."""

    dead: dict[str, tuple[str, int]] = field(default_factory=dict)
    """subject -> (reason, epoch)."""
    handicap: int = 0
    veto: str = ""


class Opinions:
    """The words of all sources, as they stand."""

    def __init__(self, me: str) -> None:
        self._me = me
        self._said: dict[str, _Said] = {}

    def reported(self, event: LifecheckReported) -> bool:
        """Take in a verdict; False when it changes nothing."""
        said = self._source(event.source)
        if said is None:
            return False
        before = said.dead.get(event.subject)
        if event.verdict is Verdict.DEAD:
            said.dead[event.subject] = (event.reason, event.epoch)
        else:
            said.dead.pop(event.subject, None)
        return said.dead.get(event.subject) != before

    def standing_reported(self, event: StandingReported) -> None:
        """Take in what a source takes off this node's priority, and its veto."""
        said = self._source(event.source)
        if said is not None:
            said.handicap, said.veto = max(0, event.handicap), event.veto

    def _source(self, name: str) -> _Said | None:
        if name not in self._said and len(self._said) >= SOURCES_MAX:
            return None
        return self._said.setdefault(name, _Said())

    def forget(self, source: str) -> None:
        """The source is gone: what it said is unknown now, which never moves anything."""
        self._said.pop(source, None)

    def restarted(self, subject: str) -> None:
        """A new process of `subject` spoke: what an operator said was about the old one."""
        if (said := self._said.get(INFORM)) is not None:
            said.dead.pop(subject, None)

    def dead_peers(self, unwatched: Container[str] = ()) -> set[str]:
        """The other members that some source calls dead.

        The built-in lifecheck judges by heartbeats, and those of `unwatched` members have ended
        with their sender, not with the member.
        """
        return {
            name
            for source, said in self._said.items()
            for name in said.dead
            if name != self._me and not (source == LIFECHECK and name in unwatched)
        }

    def own_fault(self, epoch: int = ALWAYS) -> str:
        """Why this node is called dead, "" when nobody does so.

        `epoch`: of what is watched only where the VIP is, under this epoch; ALWAYS: of the rest.
        """
        for said in self._said.values():
            reason, watched = said.dead.get(self._me, ("", ALWAYS))
            if self._me in said.dead and watched == epoch:
                return reason or "called dead"
        return ""

    def words(self) -> dict[str, dict[str, str]]:
        """source -> subject -> reason, of everybody who is called dead; for `status`."""
        return {
            source: {subject: reason for subject, (reason, _) in said.dead.items()}
            for source, said in self._said.items()
            if said.dead
        }

    @property
    def handicap(self) -> int:
        """What is to be taken off this node's priority."""
        return max((said.handicap for said in self._said.values()), default=0)

    @property
    def veto(self) -> str:
        """Why this node should leave the lead to others, if others can; "" when it need not."""
        return next((said.veto for said in self._said.values() if said.veto), "")
