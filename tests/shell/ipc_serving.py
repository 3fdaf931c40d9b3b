"""The real server of the control socket with a cluster that exists only on paper.

`serving` runs a story beside it in one event loop; `Served` runs it in a thread, for clients
that block or are processes of their own.
"""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ipc.binding import bind
from ipc.framing import HEADER, REPLY_SIZE_MAX, Frame, FrameReader, parse_body
from ipc.messages import (
    Channel,
    Client,
    Handler,
    Inform,
    Native,
    NodeList,
    Ping,
    Register,
    Reply,
    Request,
    StatusChange,
    Variable,
    bad,
    ok,
)
from ipc.server import Limits, Server

STATES = {4: "LEADER", 7: "STANDBY", 8: "LOST"}


def node(number: int, name: str, state: int) -> dict[str, Any]:
    """One element of WatchdogNodes."""
    return {
        "ID": number,
        "State": state,
        "Membership": 0,
        "MembershipString": "MEMBER",
        "NodeName": f"{name}:999{number} Linux {name}",
        "HostName": f"10.0.0.{number + 1}",
        "StateName": STATES[state],
        "DelegateIP": "10.0.0.100",
        "WdPort": 9000 + number,
        "PgpoolPort": 9990 + number,
        "Priority": 3 - number,
        "LifecheckStarted": 1,
    }


class FakeCluster:
    """A handler with three nodes: who is said to be dead is LOST; every change is pushed."""

    def __init__(self) -> None:
        self.nodes = [node(0, "alpha", 4), node(1, "beta", 7), node(2, "gamma", 7)]
        self.heard: list[tuple[Client, Request]] = []
        self.channels: dict[int, tuple[Register, Channel]] = {}
        self.gone_ids: list[int] = []
        self.verdicts: list[tuple[str, str, str]] = []

    async def handle(self, client: Client, request: Request) -> Reply:
        """Answer as a daemon would."""
        self.heard.append((client, request))
        match request:
            case NodeList(number):
                return ok(self.node_list(number))
            case StatusChange(number, status, message):
                if not 0 <= number < len(self.nodes):
                    return bad(f"there is no node with the id {number}")
                return self.judge(self.nodes[number], {1: "dead", 2: "alive"}[status], message)
            case Native(Inform(name, verdict, message)):
                row = next((n for n in self.nodes if self.name_of(n) == name), None)
                return bad("no such node") if row is None else self.judge(row, verdict, message)
            case Variable(name) if name.lower() == "wdstate":
                return ok({"ValueDataType": 1, "ValueData": 4})
            case Variable(name) if name.lower() == "escalated":
                return ok({"ValueDataType": 3, "ValueData": 1})
            case Variable():
                return bad("unknown variable requested")
            case Native(Ping()):
                return ok({"node": "alpha", "uid": client.uid})
            case _:
                return ok({"heard": type(request).__name__})

    def registered(self, client: Client, request: Register, channel: Channel) -> Reply:
        """Keep the channel; a native one is told its standing at once."""
        self.heard.append((client, request))
        self.channels[channel.id] = (request, channel)
        if request.native:
            channel.push("q", {"event": "disarmed"})
        return ok(self.node_list(-1))

    def gone(self, channel: Channel) -> None:
        """Forget it."""
        del self.channels[channel.id]
        self.gone_ids.append(channel.id)

    def name_of(self, row: dict[str, Any]) -> str:
        """Its name in our own words."""
        return str(row["NodeName"].partition(":")[0])

    def judge(self, row: dict[str, Any], verdict: str, message: str) -> Reply:
        """Take a verdict and push what it changed."""
        self.verdicts.append((self.name_of(row), verdict, message))
        row["State"] = 8 if verdict == "dead" else 7
        row["StateName"] = STATES[row["State"]]
        self.push_all("state")
        return ok()

    def push_all(self, event: str) -> None:
        """Tell everybody."""
        for _, channel in list(self.channels.values()):
            channel.push("4", {**self.node_list(-1), "Event": event})

    def node_list(self, number: int) -> dict[str, object]:
        """The reply to type `3`."""
        rows = self.nodes if number < 0 else [n for n in self.nodes if n["ID"] == number]
        alpha = self.nodes[0]
        return {
            "RemoteNodeCount": 2,
            "MemberRemoteNodeCount": 2,
            "NodesRequireForQuorum": 2,
            "QuorumStatus": 1,
            "AliveNodeCount": 2,
            "Escalated": 1,
            "LeaderNodeName": alpha["NodeName"],
            "LeaderHostName": alpha["HostName"],
            "NodeCount": len(rows),
            "WatchdogNodes": rows,
        }


class Answering:
    """A handler for one-shot requests that is a single function."""

    def __init__(self, answer: Callable[[Client, Request], Awaitable[Reply]]) -> None:
        self._answer = answer

    async def handle(self, client: Client, request: Request) -> Reply:
        """Whatever the function says."""
        return await self._answer(client, request)

    def registered(self, client: Client, request: Register, channel: Channel) -> Reply:
        """Nobody may register here."""
        return bad("nobody may register here")

    def gone(self, channel: Channel) -> None:
        """Never called: nobody registered."""
        raise AssertionError(channel)


def serving(
    path: Path,
    story: Callable[[Server], Awaitable[None]],
    *,
    handler: Handler | None = None,
    key: bytes | None = None,
    limits: Limits | None = None,
) -> None:
    """Run `story` beside a server at `path`."""

    async def run() -> None:
        with bind(path) as listener:
            server = Server(listener, handler or FakeCluster(), key, limits)
            async with asyncio.TaskGroup() as tasks:
                serve = tasks.create_task(server.run())
                async with asyncio.timeout(30):
                    await story(server)
                serve.cancel()

    asyncio.run(run())


class Served:
    """A server in a thread, for as long as the `with` lasts."""

    def __init__(self, path: Path, handler: Handler, key: bytes | None = None) -> None:
        self._listener = bind(path)
        self._server = Server(self._listener, handler, key)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop, and close every connection."""
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(10)
        self._listener.close()
        assert not self._thread.is_alive()

    def do(self, action: Callable[[], None]) -> None:
        """Call `action` in the server's own thread, as its daemon would."""
        self._loop.call_soon_threadsafe(action)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            self._task = tasks.create_task(self._server.run())


def connect(path: Path) -> socket.socket:
    """A blocking client connection."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(10)
    connection.connect(str(path))
    return connection


class RawClient:
    """A client that writes any bytes, and reads frames."""

    def __init__(self, path: Path) -> None:
        self.connection = connect(path)
        self._reader = FrameReader(REPLY_SIZE_MAX)

    def __enter__(self) -> Self:
        """Nothing more to do."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close."""
        self.connection.close()

    def send(self, kind: str, body: bytes = b"") -> None:
        """One request frame with these bytes as its body."""
        self.connection.sendall(frame_of(kind, body))

    def read(self) -> Frame | None:
        """One frame, or None at the end of the connection."""
        frame = self._reader.feed()
        while frame is None and (data := self.connection.recv(65536)):
            frame = self._reader.feed(data)
        return frame


def frame_of(kind: str, body: bytes) -> bytes:
    """The bytes of a frame."""
    return HEADER.pack(kind.encode(), len(body)) + body


def ask(path: Path, *pieces: bytes) -> Frame | None:
    """Write `pieces` one by one, then read the reply."""
    with RawClient(path) as client:
        for piece in pieces:
            client.connection.sendall(piece)
        return client.read()


def message(frame: Frame | None) -> tuple[str, object]:
    """Type and MESSAGE of a refusal."""
    assert frame is not None
    assert frame.data.endswith(b"\0")
    return frame.kind, parse_body(frame.data)["MESSAGE"]


def body(frame: Frame | None) -> dict[str, Any]:
    """The object of a reply of type '7'."""
    assert frame is not None
    assert frame.kind == "7"
    return parse_body(frame.data) if frame.data else {}
