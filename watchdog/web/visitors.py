"""Who is connected, and who has to go when there are too many. Pure.

Rule: a connection is either being answered or quiet.  A quiet one ends after QUIET_S (an idle
client, one that sends its request byte by byte, one that does not read) and before that when
somebody needs its place, the longest quiet first.  So idle connections, however many, stop no
health check, and no address can take more than its share from the others.
"""

import ipaddress
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

TOTAL_MAX: Final = 128
PER_SOURCE_MAX: Final = 32
QUIET_S: Final = 10.0
_IPV6_SITE: Final = 64
"""Bits of an IPv6 address that belong to one user's network."""


def _nothing() -> None:
    return None


@dataclass(slots=True, eq=False)
class Visit:
    """One connection."""

    source: str
    quiet_since_s: float
    is_answered: bool = False
    """A request is being answered now."""
    is_over: bool = False
    end: Callable[[], None] = field(default=_nothing, repr=False)
    """Breaks the connection at once."""


class Visitors:
    """Every open connection of the health port."""

    def __init__(self) -> None:
        """Start with nobody."""
        self._visits: set[Visit] = set()
        self.ended: Counter[str] = Counter()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._visits)

    def enter(self, address: str, now_s: float) -> Visit | None:
        """A place for a connection from `address`; None when there is none to be had."""
        source = source_of(address)
        same = [visit for visit in self._visits if visit.source == source]
        is_full = len(self._visits) >= TOTAL_MAX
        crowd = same if len(same) >= PER_SOURCE_MAX else list(self._visits) if is_full else []
        if crowd:
            quiet = [visit for visit in crowd if not visit.is_answered]
            if not quiet:
                self.ended["refused"] += 1
                return None
            self._end(min(quiet, key=lambda visit: visit.quiet_since_s), "displaced")
        visit = Visit(source, now_s)
        self._visits.add(visit)
        return visit

    def leave(self, visit: Visit) -> None:
        """The connection is gone."""
        visit.is_over = True
        self._visits.discard(visit)

    def sweep(self, now_s: float) -> None:
        """End those that were quiet for too long."""
        for visit in list(self._visits):
            if not visit.is_answered and now_s - visit.quiet_since_s >= QUIET_S:
                self._end(visit, "idle")

    def _end(self, visit: Visit, reason: str) -> None:
        self.ended[reason] += 1
        self.leave(visit)
        visit.end()


def source_of(address: str) -> str:
    """What shares one limit: an IPv4 address, or a network of 64 bits of IPv6."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, _IPV6_SITE), strict=False))
