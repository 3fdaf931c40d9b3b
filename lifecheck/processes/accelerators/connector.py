"""The kernel's process connector: it tells of each exec, new name and core dump at once.

Rule: a filter inside the kernel drops everything else, so a storm of forks wakes nobody.  Ends of
processes are not asked for: a pidfd tells them as early.  Forks are not: a child has the command
line of its parent and is found by the next look.  When the queue ran over, events are lost, and
everything is looked at instead.
"""

import ctypes
import errno
import socket
import struct
from typing import Final

EXEC: Final = 0x2
COMM: Final = 0x200
COREDUMP: Final = 0x40000000
_WANTED: Final = (EXEC, COMM, COREDUMP)
_EVENT_AT: Final = 36
"""After the headers of netlink (16) and of the connector (20); the numbers are 16 later."""
_EVENT: Final = struct.Struct("=I12xII")
_SO_ATTACH_FILTER: Final = 26
_SO_RCVBUFFORCE: Final = 33
_LOAD_WORD: Final = 0x20
_JUMP_IF_EQUAL: Final = 0x15
_JUMP_IF_EQUAL_X: Final = 0x1D
_TO_X: Final = 0x07
_RETURN: Final = 0x06
EVENTS_MAX: Final = 512
"""Read at a time; the rest waits in the queue."""


class Connector:
    """Reads the events of a socket that somebody with the privilege has subscribed."""

    def __init__(self, fd: int) -> None:
        self._socket = socket.socket(fileno=fd)
        self._socket.setblocking(False)
        try:
            _attach(self._socket, program())
        except OSError:
            self._socket.close()
            raise
        self.lost = 0

    def fileno(self) -> int:
        """Descriptor to wait for."""
        return self._socket.fileno()

    def drain(self) -> tuple[set[int], set[int], bool]:
        """Whom to look at, who dumps core, and whether events were lost."""
        changed: set[int] = set()
        dumping: set[int] = set()
        is_lost = False
        for _ in range(EVENTS_MAX):
            try:
                data = self._socket.recv(512)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self.lost += 1
                is_lost = True
                continue
            if len(data) < _EVENT_AT + _EVENT.size:
                continue
            what, _, leader = _EVENT.unpack_from(data, _EVENT_AT)
            if what == COREDUMP:
                dumping.add(leader)
            elif what in {EXEC, COMM}:
                changed.add(leader)
        return changed, dumping, is_lost

    def close(self) -> None:
        """End of the events."""
        self._socket.close()


def program() -> list[tuple[int, int, int, int]]:
    """Classic BPF: only our events, and only from leading threads, but core dumps from any."""
    kinds = [socket.htonl(kind) for kind in _WANTED]
    at = _EVENT_AT + 16
    return [
        (_LOAD_WORD, 0, 0, _EVENT_AT),
        (_JUMP_IF_EQUAL, 7, 0, kinds[2]),
        (_JUMP_IF_EQUAL, 1, 0, kinds[0]),
        (_JUMP_IF_EQUAL, 0, 4, kinds[1]),
        (_LOAD_WORD, 0, 0, at + 4),
        (_TO_X, 0, 0, 0),
        (_LOAD_WORD, 0, 0, at),
        (_JUMP_IF_EQUAL_X, 1, 0, 0),
        (_RETURN, 0, 0, 0),
        (_RETURN, 0, 0, 0xFFFF),
    ]


def _attach(sock: socket.socket, steps: list[tuple[int, int, int, int]]) -> None:
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    head = struct.pack("HP", len(steps), ctypes.addressof(code))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, head)
