"""The kernel's own gate of the VIPs: their traffic passes only while a lease lives in the kernel.

Rule: nobody waits for the kernel but this class's own thread.
"""

import os
from collections.abc import Callable

from watchdog.guardian import actions as act
from watchdog.guardian.plan import Vip


def trial(vips: tuple[Vip, ...], tag: str) -> str:
    """Why the gate cannot be had on this machine; empty when it can."""
    return f"the gate of {len(vips)} VIPs ({tag}) is not built yet"


def clear(tag: str) -> str:
    """Remove leftover tables of that tag; empty, or the fault."""
    return "" if tag else "no tag"


class Gate:
    """`fd` is readable when answers wait."""

    def __init__(self, vips: tuple[Vip, ...], tag: str, scheduling_class: str) -> None:
        self.fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._setup = (vips, tag, scheduling_class)

    def open_ticket(self, no: int, round_no: int, timeout_ns: int) -> None:
        """Begin to put the ticket of a round into the kernel."""

    def arm(self, no: int, round_no: int, timeout_ns: int) -> None:
        """Begin to spend the ticket of a round for a lease."""

    def close_lease(self) -> None:
        """Begin to end the lease and all tickets."""

    def check(self) -> None:
        """Begin to look whether the gate is still there."""

    def take_answers(self, feed: Callable[[act.Input], None]) -> None:
        """Hand over what has been answered."""

    def end(self) -> None:
        """Remove the tables."""
