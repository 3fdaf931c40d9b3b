"""A registered connection that only remembers what was pushed."""

from typing import Any


class FakeChannel:
    """`pushed` is (type, body), in order."""

    def __init__(self, number: int = 1) -> None:
        self.id = number
        self.pushed: list[tuple[str, dict[str, Any]]] = []

    def push(self, kind: str, body: dict[str, object]) -> None:
        """Remember it."""
        self.pushed.append((kind, body))

    def bodies(self, kind: str) -> list[dict[str, Any]]:
        """The bodies of one type."""
        return [body for found, body in self.pushed if found == kind]
