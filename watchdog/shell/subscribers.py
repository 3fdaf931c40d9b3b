"""Registered clients: told at once of every change of what the node list says.

Rule: nothing is looked at while nobody is registered, and nothing is made before something has
changed.  A slow reader is the server's business: `push` never waits.
"""

from collections.abc import Callable, Iterator
from typing import Final

from ipc.messages import Channel
from ipc.words import NATIVE_PUSH, NODES_PUSH
from watchdog.core.report import Glance

NO_EPOCH: Final = 0


class Subscribers:
    """The registered channels, and what they were told last."""

    def __init__(
        self, glance: Callable[[], Glance], listing: Callable[[], dict[str, object]]
    ) -> None:
        """`listing`: the whole node list of now, of which `glance` is the cheap sign."""
        self._glance = glance
        self._listing = listing
        self._channels: dict[int, Channel] = {}
        self._natives: set[int] = set()
        self._told: Glance | None = None

    def __len__(self) -> int:
        return len(self._channels)

    def add(self, channel: Channel, *, native: bool) -> dict[str, object]:
        """Take in a channel; the node list to answer with. A native one learns what is armed."""
        if not self._channels:
            self._told = self._glance()
        self._channels[channel.id] = channel
        if native:
            self._natives.add(channel.id)
            channel.push(NATIVE_PUSH, _armed(self._glance().armed_epoch))
        return self._listing()

    def remove(self, channel: Channel) -> None:
        """The channel has ended."""
        self._channels.pop(channel.id, None)
        self._natives.discard(channel.id)
        if not self._channels:
            self._told = None

    def look(self) -> None:
        """Tell everybody what has changed since the last look; to be called after each step."""
        if not self._channels:
            return
        old, new = self._told, self._glance()
        if old is None or old == new:
            return
        self._told = new
        if old.armed_epoch != new.armed_epoch:
            for number in tuple(self._natives):
                self._channels[number].push(NATIVE_PUSH, _armed(new.armed_epoch))
        events = list(changes(old, new))
        if events:
            nodes = self._listing()
            for event in events:
                for channel in tuple(self._channels.values()):
                    channel.push(NODES_PUSH, {**nodes, "Event": event})


def changes(old: Glance, new: Glance) -> Iterator[str]:
    """The names of what differs; each is pushed with the same node list."""
    if old.coordinator != new.coordinator:
        yield "coordinator"
    if old.is_on != new.is_on:
        yield "escalation"
    if old.has_quorum != new.has_quorum:
        yield "quorum"
    if [state is None for state in old.states] != [state is None for state in new.states]:
        yield "membership"
    if (old.state, old.is_candidate, old.states) != (new.state, new.is_candidate, new.states):
        yield "state"


def _armed(epoch: int) -> dict[str, object]:
    if epoch == NO_EPOCH:
        return {"event": "disarmed"}
    return {"event": "armed", "epoch": epoch}
