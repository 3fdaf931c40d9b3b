"""Does what the core asks for: one match over the effects, in their order, and never awaits.

Each arm hands the work to the part that does it; whatever takes time (disk, network, guardian)
answers later through the inbox.  Nothing else in the daemon performs an effect.
"""

from collections.abc import Callable
from typing import Protocol, assert_never

from watchdog import guardian_protocol as protocol
from watchdog.core import effects
from watchdog.core.messages import Message
from watchdog.shell.guard_translate import notify, to_packet
from watchdog.shell.log import Log


class Peers(Protocol):
    """What performing needs of `shell.routes`."""

    def send(self, peer: str, message: Message) -> None:
        """Say it, or lose it."""

    def close(self, peer: str, why: str) -> None:
        """Drop the connection."""


class Disk(Protocol):
    """What performing needs of `shell.storage`."""

    def save(self, ticket: int, record: effects.HardState) -> None:
        """Write in the background; answers Saved or SaveFailed."""


class Guard(Protocol):
    """What performing needs of `shell.guard_link`."""

    def send(self, packet: protocol.ToGuardian) -> None:
        """Send without waiting."""


class Desk(Protocol):
    """What performing needs of `shell.control`."""

    def answer(self, rid: int, ok: bool, text: str) -> None:
        """Answer the operator's command `rid`."""


class Performer:
    """Performs effects; `exit_code` is set once the core wants to end."""

    def __init__(
        self,
        *,
        peers: Peers,
        disk: Disk,
        guard: Guard,
        desk: Desk,
        log: Log,
        will: protocol.ArmWill,
        epoch: Callable[[], int],
    ) -> None:
        self._peers = peers
        self._disk = disk
        self._guard = guard
        self._desk = desk
        self._log = log
        self._will = will
        self._epoch = epoch
        self._coordinator: str | None = None
        self.exit_code: int | None = None

    def perform(self, effect: effects.Effect) -> None:
        """Perform one effect."""
        match effect:
            case (
                effects.Deescalate()
                | effects.OpenRound()
                | effects.Extend()
                | effects.Escalate()
                | effects.ProbeVip()
                | effects.CheckReady()
                | effects.Reannounce()
            ):
                self._guard.send(to_packet(effect))
            case effects.ArmWill():
                self._guard.send(self._will)
            case effects.Save(ticket, record):
                self._disk.save(ticket, record)
            case effects.Send(peer, message):
                self._peers.send(peer, message)
            case effects.CloseLink(peer, why):
                self._peers.close(peer, why)
            case effects.StateChanged():
                self._publish(effect)
            case effects.Note(name, fields):
                self._log.info(name, **dict(fields))
            case effects.Alarm(name, text):
                self._log.error("alarm", name=name, text=text)
            case effects.Reply(rid, ok, text):
                self._desk.answer(rid, ok, text)
            case effects.Exit(code, why):
                self._log.info("exiting", code=code, why=why)
                self.exit_code = code
            case _:
                assert_never(effect)

    def _publish(self, change: effects.StateChanged) -> None:
        self._log.info(
            change.trigger,
            state=change.new,
            was=change.old,
            term=change.term,
            coordinator=change.coordinator,
            reason=change.reason,
        )
        self._guard.send(notify(change, self._coordinator, self._epoch()))
        self._coordinator = change.coordinator
