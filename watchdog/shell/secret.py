"""Bytes that must not reach a log, a traceback or a core's repr by accident."""

import hmac
from typing import final


@final
class Secret:
    """Holds secret bytes; `reveal()` is the only way to them, and repr and str are ***."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    def reveal(self) -> bytes:
        """The bytes themselves."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        raise TypeError("a Secret is no key")

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not pickled")
