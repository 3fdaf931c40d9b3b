"""The tracepoint at the beginning of a process's end, read from the rings of perf.

Theory: a killed process tells its pidfd only when its memory has been given back, about 80 ms for
each GiB.  The tracepoint comes before that.  Rule: whoever opens the descriptors sets the filter
`group_dead==1`, so only the last thread of a process is told; one ring for each processor.
"""

import mmap
import struct
from typing import Final

PAGES: Final = 8
"""Of data, a power of two; one more is the head of the ring."""
_PAGE: Final = mmap.PAGESIZE
_SIZE: Final = PAGES * _PAGE
_HEAD_AT: Final = 1024
_TAIL_AT: Final = 1032
_COUNTER: Final = struct.Struct("=Q")
_HEADER: Final = struct.Struct("=IHH")
_SAMPLE: Final = struct.Struct("=II")
_KIND_SAMPLE: Final = 9


class Ring:
    """The events of one processor."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._map = mmap.mmap(fd, _PAGE + _SIZE)

    def drain(self) -> list[int]:
        """Processes whose last thread has begun to exit, since the last call."""
        (head,) = _COUNTER.unpack_from(self._map, _HEAD_AT)
        (tail,) = _COUNTER.unpack_from(self._map, _TAIL_AT)
        found = []
        while tail < head:
            kind, _, size = _HEADER.unpack(self._take(tail, _HEADER.size))
            if kind == _KIND_SAMPLE:
                found.append(_SAMPLE.unpack(self._take(tail + _HEADER.size, _SAMPLE.size))[0])
            tail += max(size, _HEADER.size)
        _COUNTER.pack_into(self._map, _TAIL_AT, tail)
        return found

    def _take(self, at: int, size: int) -> bytes:
        start = at % _SIZE
        data = self._map[_PAGE + start : _PAGE + min(start + size, _SIZE)]
        return data + self._map[_PAGE : _PAGE + size - len(data)]

    def close(self) -> None:
        """Give the ring back; the descriptor belongs to whoever opened it."""
        self._map.close()
