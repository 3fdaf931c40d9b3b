"""Who may hold a connection of the control socket when many want one. Pure.

Rule: nobody squeezes out root or the node's own user (under which lifecheck and web run).  Every
user has so many places, all users but these two have so many together, and the sum is the whole.
Within a crowd the newest is let in for the oldest that has not said yet what it wants, so idle
connections keep nobody out; some places of each crowd are never given to registered clients.
"""

from dataclasses import dataclass
from typing import Final

ROOT: Final = 0


@dataclass(frozen=True, slots=True)
class Quota:
    """Connections of one user, and of all others than root and the node's own user together."""

    per_user: int = 8
    others: int = 16
    kept_free: int = 2
    """So many places of a crowd are kept for clients that do not register."""


@dataclass(slots=True, eq=False)
class Visit:
    """One connection: whose it is, whether it has said what it wants, whether it stays."""

    uid: int
    idle: bool = True
    registered: bool = False


class Places:
    """The connections that are open, oldest first."""

    def __init__(self, quota: Quota, own_uid: int) -> None:
        """`own_uid` is the node's own user."""
        self._quota = quota
        self._own_uid = own_uid
        self._visits: dict[Visit, None] = {}

    def admit(self, visit: Visit) -> bool:
        """Give `visit` a place; False when there is none. See `make_room` then."""
        if self._full_crowd(visit) is not None:
            return False
        self._visits[visit] = None
        return True

    def make_room(self, visit: Visit) -> Visit | None:
        """Take the place of the oldest idle visit away for `visit`; None when none is idle."""
        crowd = self._full_crowd(visit) or []
        idle = next((other for other in crowd if other.idle), None)
        if idle is not None:
            self.leave(idle)
        return idle

    def register(self, visit: Visit) -> bool:
        """Let `visit` stay; False when too many do."""
        for crowd, most in self._crowds(visit):
            if sum(other.registered for other in crowd) >= most - self._quota.kept_free:
                return False
        visit.registered = True
        return True

    def leave(self, visit: Visit) -> None:
        """The place is free; it may have been taken away already."""
        self._visits.pop(visit, None)

    def _full_crowd(self, visit: Visit) -> list[Visit] | None:
        return next((crowd for crowd, most in self._crowds(visit) if len(crowd) >= most), None)

    def _crowds(self, visit: Visit) -> list[tuple[list[Visit], int]]:
        """Those who compete with `visit` for places, and how many places they have together."""
        same = [other for other in self._visits if other.uid == visit.uid]
        if visit.uid not in (ROOT, self._own_uid):
            others = [o for o in self._visits if o.uid not in (ROOT, self._own_uid)]
            return [(same, self._quota.per_user), (others, self._quota.others)]
        # The places of two are one user's when the node runs as root.
        users = 2 if self._own_uid == ROOT else 1
        return [(same, users * self._quota.per_user)]
