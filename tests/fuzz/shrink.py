"""Makes an input with a fault as small as it can while the fault stays the same."""

from collections.abc import Callable, Iterator
from typing import Final

from tests.fuzz.engine import Fault, Run, Target

TRIES_MAX: Final = 3000


def shrunk(target: Target, fault: Fault) -> Fault:
    """The same fault with less input; timing and leaks are not tried again."""
    if fault.kind not in {"error", "memory"}:
        return fault

    def shows(data: bytes) -> bool:
        found = Run(target, 0).replay([data]).faults
        return (fault.kind, fault.where) in {(each.kind, each.where) for each in found}

    data = smallest(fault.data, shows) if shows(fault.data) else fault.data
    return Fault(fault.target, fault.kind, fault.where, fault.text, fault.number, data)


def smallest(data: bytes, shows: Callable[[bytes], bool]) -> bytes:
    """Without every stretch that is not needed, then with zeros for bytes that do not matter."""
    tries = 0
    for candidates in (_without, _with_zeros):
        size = max(1, len(data) // 2)
        while size and tries < TRIES_MAX:
            found = None
            for candidate in candidates(data, size):
                tries += 1
                if shows(candidate):
                    found = candidate
                    break
                if tries >= TRIES_MAX:
                    break
            if found is None:
                size //= 2
            else:
                data = found
    return data


def _without(data: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[:at] + data[at + size :]


def _with_zeros(data: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        part = data[at : at + size]
        if part.strip(b"\0"):
            yield data[:at] + bytes(len(part)) + data[at + size :]
