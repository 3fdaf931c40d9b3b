"""How many unauthenticated connections may exist at a time, in all and from one address.

Members' addresses have places of their own, so that strangers who take all of theirs cannot keep
a member out.  An address may be forged or shared (a loopback cluster), but then the peer that is
dialled *by us* still gets through: either direction is enough for a link.
"""

from collections import Counter
from collections.abc import Collection
from typing import Final

TOTAL_MAX: Final = 64
PER_ADDRESS_MAX: Final = 4
STRANGERS_MIN: Final = 4


class Admission:
    """Counts connections between accept and the end of their handshake."""

    def __init__(self, members: Collection[str]) -> None:
        self._members = frozenset(members)
        reserved = PER_ADDRESS_MAX * len(self._members)
        self._strangers_max = max(STRANGERS_MIN, TOTAL_MAX - reserved)
        self._by_address: Counter[str] = Counter()
        self._strangers = 0

    @property
    def total(self) -> int:
        """Connections that are admitted and not yet released."""
        return self._by_address.total()

    def admit(self, address: str) -> bool:
        """Take a place; False when none is left for this address."""
        is_stranger = address not in self._members
        if self._by_address[address] >= PER_ADDRESS_MAX:
            return False
        if is_stranger and self._strangers >= self._strangers_max:
            return False
        self._by_address[address] += 1
        self._strangers += is_stranger
        return True

    def release(self, address: str) -> None:
        """Give the place back; once for every `admit` that was True."""
        assert self._by_address[address] > 0, address
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]
        self._strangers -= address not in self._members
