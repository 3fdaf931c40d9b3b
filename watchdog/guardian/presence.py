"""Keeps the VIPs what they should be: known to the neighbourhood while on, and there, or not there.

Pure; part of `holding`.  Announcements are repeated because frames get lost (docs/election.md, G9);
who contradicts them is contradicted.  Once a second the machine itself is asked, because anybody
with root may have added or removed an address: what is missing is put back, what is left is taken
away, and both are said, since somebody else is managing our address.
"""

from typing import Final

from watchdog.guardian import actions as act
from watchdog.guardian.due import Due
from watchdog.guardian.policy import Policy
from watchdog.guardian_protocol import Notify
from watchdog.instant import SECOND, Instant

ANNOUNCE_GAPS_NS: Final = (SECOND, 4 * SECOND, 30 * SECOND)
"""Gaps of the repeated announcements; the last one goes on."""
CLAIMED_GAP_NS: Final = SECOND // 5
CONFLICT_GAP_NS: Final = 30 * SECOND
REFRESH_GAP_NS: Final = SECOND
CHECK_GAP_NS: Final = SECOND
CHECK_BY_NS: Final = CHECK_GAP_NS * 10 // 9
"""When it is looked at the latest.  A wake-up is armed at 0.9 of that (due.py), which is when it is
due: this is no lease, and to come early is to come four times."""


class Presence:
    """The VIPs of this machine; every method returns what is to be done."""

    def __init__(self, policy: Policy, now: Instant) -> None:
        self._policy = policy
        self._announce: Due | None = None
        self._announced = 0
        self._heard_claim: Due | None = None
        self._told_conflict: Due | None = None
        self._refresh: Due | None = None
        self._check = Due(now, CHECK_GAP_NS) if policy.has_vips else None
        self._is_checking = False

    @property
    def is_announcing(self) -> bool:
        """Whether anything is said to the neighbourhood."""
        return self._announce is not None

    @property
    def dues(self) -> list[Due]:
        """When `look` has something to do."""
        check = Due(self._check.since, CHECK_BY_NS) if self._check else None
        return [due for due in (self._announce, check) if due]

    def begin(self, now: Instant) -> list[act.Action]:
        """The VIPs are up: say so."""
        self._refresh = Due(now, REFRESH_GAP_NS)
        return self.reannounce(now)

    def reannounce(self, now: Instant) -> list[act.Action]:
        """Say it anew, as at the beginning."""
        self._announced = 0
        return self._announce_now(now)

    def end(self) -> None:
        """They are going: say no more."""
        self._announce = self._refresh = None

    def look(self, now: Instant, *, is_steady: bool) -> list[act.Action]:
        """What is due; the machine is looked at only while it is steadily on or off."""
        actions: list[act.Action] = []
        if self._announce and self._announce.is_past(now):
            actions += self._announce_now(now)
        if self._check and self._check.is_past(now):
            self._check = Due(now, CHECK_GAP_NS)
            if is_steady and not self._is_checking:
                self._is_checking = True
                actions.append(act.CheckMachine())
        return actions

    def _announce_now(self, now: Instant) -> list[act.Action]:
        if not self._policy.has_vips:
            return []
        gap_ns = ANNOUNCE_GAPS_NS[min(self._announced, len(ANNOUNCE_GAPS_NS) - 1)]
        self._announced += 1
        self._announce = Due(now, gap_ns)
        return [act.Announce()]

    def refresh(self, now: Instant, lifetime_s: int) -> list[act.Action]:
        """The lease was extended: so is the lifetime of the addresses, once a second at most."""
        if not self._policy.has_vips or not self._refresh or not self._refresh.is_past(now):
            return []
        self._refresh = Due(now, REFRESH_GAP_NS)
        return [act.RefreshVips(lifetime_s)]

    def on_claimed(self, now: Instant, detail: str, epoch: int) -> list[act.Action]:
        """Contradict another machine that says a VIP is its own, five times a second at most."""
        if self._heard_claim and not self._heard_claim.is_past(now):
            return []
        self._heard_claim = Due(now, CLAIMED_GAP_NS)
        actions: list[act.Action] = [act.Announce()]
        if self._told_conflict and not self._told_conflict.is_past(now):
            return actions
        self._told_conflict = Due(now, CONFLICT_GAP_NS)
        packet = Notify("", "", "", "", epoch, detail)
        return [*actions, act.Alarm("vip_claimed", detail), act.RunNotify(packet, "conflict_won")]

    def checked(self) -> None:
        """The machine has answered."""
        self._is_checking = False

    def put_back(self, now: Instant, absent: int, lifetime_s: int) -> list[act.Action]:
        """While on `absent` of the VIPs are not here."""
        text = f"{absent} of the VIPs had been removed by somebody else; put back"
        again = [act.RefreshVips(lifetime_s), *self.reannounce(now)]
        return [act.Alarm("vip_was_gone", text), *again]

    @staticmethod
    def take_away(present: int) -> list[act.Action]:
        """While off `present` of the VIPs are here."""
        text = f"{present} of the VIPs were here although this node is off; removed"
        return [act.Alarm("vip_was_left", text), act.RemoveVips()]
