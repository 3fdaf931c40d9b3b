"""A small blocking client of the control socket, without dependencies; copy it if you like.

It needs this file, framing.py and words.py.  Once: `nodes(path)`, `inform(path, "beta",
"dead", "no answer")`, `variable(path, "WDState")`, `call(path, "status")`.  To be told of every
change: `with subscribe(path) as line: for nodes in line: ...`.  Every failure is an error with a
sentence for a person: UnreachableError when nobody answered (the daemon is down, or went while
you listened: try again later), RefusedError when somebody said no.
"""

import select
import socket
import struct
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, NamedTuple, Self

from ipc.framing import REPLY_SIZE_MAX, Frame, FrameReader, FramingError, pack_request, parse_body
from ipc.words import (
    ALIVE_STATUS,
    AUTH_KEY_FIELD,
    BOOL_VALUE,
    DEAD_STATUS,
    NATIVE,
    NATIVE_PUSH,
    NODE_LIST,
    NODES_PUSH,
    OK,
    REGISTER,
    STATUS_CHANGE,
    VARIABLE,
    find,
)

TIMEOUT_S: Final = 5.0
CHUNK: Final = 64 * 1024
PUSHES_MAX: Final = 256
"""Most pushes kept while a reply is waited for; older ones are forgotten."""
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
    fields: Mapping[str, object] | None = None,
    *,
    key: str | None = None,
    timeout_s: float = TIMEOUT_S,
) -> dict[str, object]:
    """Send one native verb and return the body of the reply.

    Raises UnreachableError, RefusedError.
    """
    return _once(path, NATIVE, {"verb": verb, **(fields or {})}, key, timeout_s)


def nodes(
    path: Path, node_id: int = -1, *, key: str | None = None, timeout_s: float = TIMEOUT_S
) -> dict[str, object]:
    """The node list (docs/ipc.md): all nodes, the local one first, or only one of them.

    Raises UnreachableError, RefusedError.
    """
    return _once(path, NODE_LIST, {"NodeID": node_id}, key, timeout_s)


def inform(
    path: Path,
    node: int | str,
    verdict: Literal["dead", "alive"],
    message: str = "",
    *,
    key: str | None = None,
    timeout_s: float = TIMEOUT_S,
) -> None:
    """Say that a node, by its id or its name, is dead or alive; it stands until taken back.

    Raises UnreachableError, RefusedError.
    """
    kind, body = _verdict(node, verdict, message)
    _once(path, kind, body, key, timeout_s)


def variable(
    path: Path, name: str, *, key: str | None = None, timeout_s: float = TIMEOUT_S
) -> object:
    """The value of WDState, QuorumState or Escalated (a bool). Raises as the others."""
    answer = _once(path, VARIABLE, {"VarName": name}, key, timeout_s)
    value = answer.get("ValueData")
    return bool(value) if answer.get("ValueDataType") == BOOL_VALUE else value


class Push(NamedTuple):
    """What the daemon says by itself: '4' is a node list with `Event`, 'q' one of our own."""

    kind: str
    body: dict[str, object]


class Subscription:
    """A registered connection; from `subscribe`. Close it, or use it in a `with`."""

    def __init__(self, line: "_Line", key: str | None, timeout_s: float) -> None:
        """`line` is connected, and nothing was said on it yet."""
        self._line = line
        self._key = key
        self._timeout_s = timeout_s
        self._pushes: deque[Push] = deque(maxlen=PUSHES_MAX)
        self.nodes: dict[str, object] = {}
        """The newest node list."""

    def __enter__(self) -> Self:
        """Nothing more to do: `subscribe` has registered already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the connection; what was said on it no longer counts."""
        self.close()

    def close(self) -> None:
        """Close the connection; what was said on it no longer counts."""
        self._line.close()

    def __iter__(self) -> Iterator[dict[str, object]]:
        """The node list now, and again after every change, for ever. Raises UnreachableError."""
        yield self.nodes
        while True:
            push = self.wait(None)
            if push is not None and push.kind == NODES_PUSH:
                yield push.body

    def wait(self, timeout_s: float | None) -> Push | None:
        """The next push, or None when there is none in time; None waits for ever.

        Raises UnreachableError when the daemon has gone.
        """
        if self._pushes:
            return self._pushes.popleft()
        with _explained(self._line.where):
            frame = self._line.receive(timeout_s)
            return None if frame is None else self._push(frame)

    def call(self, verb: str, fields: Mapping[str, object] | None = None) -> dict[str, object]:
        """Send a native verb on this connection and return the body of its reply.

        Raises UnreachableError, RefusedError.
        """
        return self.request(NATIVE, {"verb": verb, **(fields or {})})

    def inform(self, node: int | str, verdict: Literal["dead", "alive"], message: str = "") -> None:
        """Say that a node is dead or alive; it stands while this connection does.

        Raises UnreachableError, RefusedError.
        """
        self.request(*_verdict(node, verdict, message))

    def request(self, kind: str, body: Mapping[str, object]) -> dict[str, object]:
        """Send a request of any type; pushes that come before its reply are kept for `wait`.

        Raises UnreachableError, RefusedError.
        """
        with _explained(self._line.where):
            self._line.send(pack_request(kind, _with_key(body, self._key)))
            deadline_s = time.monotonic() + self._timeout_s
            while True:
                frame = self._line.receive(max(0.0, deadline_s - time.monotonic()))
                if frame is None:
                    raise TimeoutError(f"no full answer within {self._timeout_s:g} s")
                if frame.kind not in (NODES_PUSH, NATIVE_PUSH):
                    return _result(frame)
                self._pushes.append(self._push(frame))

    def _push(self, frame: Frame) -> Push:
        push = Push(frame.kind, parse_body(frame.data))
        if push.kind == NODES_PUSH:
            self.nodes = push.body
        return push


def subscribe(
    path: Path,
    name: str = "client",
    *,
    native: bool = False,
    key: str | None = None,
    timeout_s: float = TIMEOUT_S,
) -> Subscription:
    """Register under `name`; the node list is in `nodes` of the result, and kept up to date.

    Raises UnreachableError, RefusedError.
    """
    with _explained(str(path)):
        line = _Line(path, timeout_s)
    subscription = Subscription(line, key, timeout_s)
    try:
        body = {"Name": name, "Native": int(native)}
        subscription.nodes = subscription.request(REGISTER, body)
    except (UnreachableError, RefusedError):
        line.close()
        raise
    return subscription


class _Line:
    """A connection, and the frames on it."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        self.where = str(path)
        self._reader = FrameReader(REPLY_SIZE_MAX)
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # The kernel's own timeouts, since only they cover waiting for a place in the backlog.
        wait = _TIMEVAL.pack(int(timeout_s), int(timeout_s % 1 * 1_000_000))
        try:
            self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, wait)
            self._connection.connect(self.where)
        except OSError:
            self.close()
            raise

    def close(self) -> None:
        self._connection.close()

    def send(self, data: bytes) -> None:
        with suppress(BrokenPipeError):  # turned away: the reason is there to be read
            self._connection.sendall(data)

    def receive(self, timeout_s: float | None) -> Frame | None:
        """The next frame, or None when it does not come in time."""
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        readable = select.poll()
        readable.register(self._connection, select.POLLIN)
        frame = self._reader.feed()
        while frame is None:
            left_s = None if deadline_s is None else max(0.0, deadline_s - time.monotonic())
            if not readable.poll(None if left_s is None else left_s * 1000):
                return None
            data = self._connection.recv(CHUNK)
            if not data:
                raise FramingError("the connection was closed before a full answer")
            frame = self._reader.feed(data)
        return frame


def _once(
    path: Path, kind: str, body: Mapping[str, object], key: str | None, timeout_s: float
) -> dict[str, object]:
    with _explained(str(path)):
        request = pack_request(kind, _with_key(body, key))
        line = _Line(path, timeout_s)
        try:
            line.send(request)
            frame = line.receive(timeout_s)
        finally:
            line.close()
        if frame is None:
            raise TimeoutError(f"no full answer within {timeout_s:g} s")
        return _result(frame)


def _result(frame: Frame) -> dict[str, object]:
    answer = parse_body(frame.data) if frame.data else {}
    if frame.kind != OK:
        message = find(answer, "MESSAGE") or "refused without a reason"
        raise RefusedError(frame.kind, str(message))
    return answer


def _verdict(
    node: int | str, verdict: Literal["dead", "alive"], message: str
) -> tuple[str, dict[str, object]]:
    if isinstance(node, str):
        fields = {"node": node, "verdict": verdict, "message": message}
        return NATIVE, {"verb": "inform", **fields}
    status = DEAD_STATUS if verdict == "dead" else ALIVE_STATUS
    return STATUS_CHANGE, {"NodeID": node, "NodeStatus": status, "Message": message}


def _with_key(body: Mapping[str, object], key: str | None) -> dict[str, object]:
    return dict(body) if key is None else {**body, AUTH_KEY_FIELD: key}


@contextmanager
def _explained(where: str) -> Iterator[None]:
    """Turn what the network, or a broken server, does into an UnreachableError."""
    try:
        yield
    except FramingError as error:
        raise UnreachableError(where, f"the answer makes no sense: {error}") from error
    except TimeoutError as error:
        raise UnreachableError(where, str(error)) from error
    except BlockingIOError as error:
        raise UnreachableError(where, "it has too many clients waiting") from error
    except OSError as error:
        raise UnreachableError(where, error.strerror or str(error)) from error
