"""The kernel's gate of one machine of a story: tickets by round, and a lease that lapses."""

from collections.abc import Callable
from typing import Protocol, assert_never

from watchdog.guardian import actions as act


class Host(Protocol):
    """The machine, as its gate sees it."""

    @property
    def now_ns(self) -> int:
        """The time."""

    def later(self, delay_ns: int, do: Callable[[], None]) -> None:
        """Do something later, in this life of the machine."""

    def gate_closes(self) -> None:
        """No traffic of the VIP passes any more."""


class Gate:
    """Shut until it is armed; every arming spends the ticket of a round."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._tickets: dict[tuple[int, int], int] = {}
        self._until_ns = 0

    def take(self, action: act.OpenTicket | act.ArmGate | act.CloseGate) -> list[act.Input]:
        """Do it; the answer, if there is one."""
        now_ns = self._host.now_ns
        match action:
            case act.OpenTicket(no, number, timeout_ns):
                self._tickets[no, number] = now_ns + timeout_ns
                return [act.TicketOpened(no, number, ok=True, why="")]
            case act.ArmGate(no, number, timeout_ns):
                ok = self._tickets.pop((no, number), 0) > now_ns
                if ok:
                    self._until_ns = now_ns + timeout_ns
                    self._host.later(timeout_ns, self._look)
                return [act.GateArmed(no, number, ok, "" if ok else "the ticket has expired")]
            case act.CloseGate():
                self._tickets.clear()
                return []
            case _:
                assert_never(action)

    def _look(self) -> None:
        if self._host.now_ns >= self._until_ns:
            self._host.gate_closes()
