"""A small blocking client of the control socket, without dependencies; copy it if you like.

`call(path, "status")` returns the reply's object.  Every failure is an error with a sentence
for a person: UnreachableError when nobody answered, RefusedError when somebody said no.
"""

import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import Final

from ipc.framing import REPLY_SIZE_MAX, Frame, FrameReader, FramingError, pack_request, parse_body
from ipc.messages import AUTH_KEY_FIELD, NATIVE, OK

TIMEOUT_S: Final = 5.0
CHUNK: Final = 64 * 1024
READS_MAX: Final = 256
"""A server that trickles its answer is given up after so many pieces."""
_TIMEVAL: Final = struct.Struct("@ll")


class UnreachableError(Exception):
    """No daemon answers at the socket: `where` it was looked for, and `why` it failed."""

    def __init__(self, where: str, why: str) -> None:
        """Both are for a person to read."""
        super().__init__(f"no answer at {where}: {why}")
        self.where = where
        self.why = why


class RefusedError(Exception):
    """The daemon refused the request, or failed at it: `kind` is the reply's type byte."""

    def __init__(self, kind: str, message: str) -> None:
        """`message` is the daemon's own sentence."""
        super().__init__(message)
        self.kind = kind
        self.message = message


def call(
    path: Path,
    verb: str,
    fields: dict[str, object] | None = None,
    *,
    key: str | None = None,
    timeout_s: float = TIMEOUT_S,
) -> dict[str, object]:
    """Send one native verb and return the body of the reply.

    Raises UnreachableError, RefusedError.
    """
    body: dict[str, object] = {"verb": verb, **(fields or {})}
    if key is not None:
        body[AUTH_KEY_FIELD] = key
    try:
        frame = _exchange(path, pack_request(NATIVE, body), timeout_s)
        answer = parse_body(frame.data) if frame.data else {}
    except FramingError as error:
        raise UnreachableError(str(path), f"the answer makes no sense: {error}") from error
    except BlockingIOError as error:
        raise UnreachableError(str(path), f"no full answer within {timeout_s:g} s") from error
    except OSError as error:
        raise UnreachableError(str(path), error.strerror or str(error)) from error
    if frame.kind != OK:
        raise RefusedError(frame.kind, str(answer.get("MESSAGE", "refused without a reason")))
    return answer


def _exchange(path: Path, request: bytes, timeout_s: float) -> Frame:
    reader = FrameReader(REPLY_SIZE_MAX)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        # The kernel's own timeouts, since only they cover waiting for a place in the backlog.
        wait = _TIMEVAL.pack(int(timeout_s), int(timeout_s % 1 * 1_000_000))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, wait)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, wait)
        connection.connect(str(path))
        with suppress(BrokenPipeError):  # turned away: the reason is there to be read
            connection.sendall(request)
        for _ in range(READS_MAX):
            if not (data := connection.recv(CHUNK)):
                break
            if (frame := reader.feed(data)) is not None:
                return frame
    raise FramingError("the connection was closed before a full answer")
