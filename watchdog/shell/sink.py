"""Where the parts of the shell put what happened: the inbox, or a test's stand-in for it."""

from typing import Protocol

from watchdog.core.events import Event, MessageReceived


class EventSink(Protocol):
    """What `shell.inbox.Inbox` offers to those who produce events."""

    def put_local(self, event: Event) -> None:
        """Queue an event that must not be lost."""

    def put_peer(self, event: MessageReceived) -> bool:
        """Queue a message, or drop it."""
