"""The control socket under good and hostile clients, on a real Unix socket.

The rows of pgpool's own behaviour are here, and the three faults that kill or freeze it.
"""

import asyncio
import json
import random
import socket
from contextlib import suppress
from pathlib import Path

import pytest

from ipc.binding import bind
from ipc.client import RefusedError, UnreachableError, call
from ipc.framing import HEADER, parse_body
from ipc.messages import Client, NodeList, Reply, Request, StatusChange, ok
from ipc.server import Limits, Server
from tests.shell.ipc_serving import (
    Answering,
    FakeCluster,
    RawClient,
    ask,
    body,
    frame_of,
    message,
    serving,
)

NOT_JSON = "the body is not JSON"
NO_KEY = "authentication failed: invalid KEY"
NODE_ID = "NodeID must be an integer from -2147483648 to 2147483647"


async def never(client: Client, request: Request) -> Reply:
    """A handler that waits for ever."""
    await asyncio.Event().wait()
    return ok()


async def until_served(path: Path) -> None:
    """Ask until the server has a place for us (bounded by the story's time-out)."""
    for _ in range(1000):
        try:
            await asyncio.to_thread(call, path, "ping")
        except (RefusedError, UnreachableError):
            await asyncio.sleep(0.01)
        else:
            return
    pytest.fail("the server never served anybody again")


def test_client_and_server_understand_each_other(tmp_path: Path) -> None:
    """The ordinary case, with our own client."""
    path = tmp_path / "s"

    async def story(server: Server) -> None:
        answer = await asyncio.to_thread(call, path, "ping")
        assert answer["node"] == "alpha"
        assert server.counts.served == 1

    serving(path, story)


def test_request_in_single_bytes_is_answered(tmp_path: Path) -> None:
    """Pgpool's clients write three pieces; the worst is one byte each."""
    path = tmp_path / "s"

    async def story(server: Server) -> None:
        raw = frame_of("3", b'{"NodeID":-1}')
        frame = await asyncio.to_thread(ask, path, *[bytes([byte]) for byte in raw])
        assert body(frame)["NodeCount"] == 3
        assert frame is not None
        assert frame.data.endswith(b"\0")

    serving(path, story)


@pytest.mark.parametrize(
    ("kind", "data", "count"),
    [
        ("3", b'{"NodeID":-1}', 3),
        ("3", b'{"NodeID":-1}\0', 3),
        ("3", b'{"nodeid":-1}', 3),
        ("3", b'{"NODEID":2,"unknown":{"a":[1]}}', 1),
        ("3", b'{"NodeID":1,"nodeid":-1}', 1),
        ("3", b'{\n  "NodeID" : -1\n}', 3),
        ("3", b'{"NodeID":77}', 0),
    ],
)
def test_node_list_is_asked_for_in_any_writing(
    tmp_path: Path, kind: str, data: bytes, count: int
) -> None:
    """With and without a NUL, keys in any case, the first of two counts, blanks anywhere."""
    path = tmp_path / "s"

    async def story(server: Server) -> None:
        assert body(await asyncio.to_thread(ask, path, frame_of(kind, data)))["NodeCount"] == count

    serving(path, story)


@pytest.mark.parametrize(
    ("kind", "data", "reply"),
    [
        ("Z", b"", "unknown IPC command type"),
        ("s", b"{}", "unknown IPC command type"),
        ("3", b"", NOT_JSON),
        ("3", b"{}", NODE_ID),
        ("3", b'{"x":1}', NODE_ID),
        ("3", b'{"NodeID":"1"}', NODE_ID),
        ("3", b'{"NodeID":1.0}', NODE_ID),
        ("3", b'{"NodeID":true}', NODE_ID),
        ("3", b'{"NodeID":null}', NODE_ID),
        ("3", b'{"NodeID":4294967296}', NODE_ID),
        ("3", b"zzz", NOT_JSON),
        ("3", b"[1]", "the body is not a JSON object of at most 64 keys"),
        ("2", b"", NOT_JSON),
        ("2", b'{"NodeID":1}', "NodeStatus must be an integer from -2147483648 to 2147483647"),
        ("2", b'{"NodeStatus":1}', NODE_ID),
        ("2", b'{"NodeID":9,"NodeStatus":1}', "there is no node with the id 9"),
        (
            "2",
            b'{"NodeID":1,"NodeStatus":9}',
            "NodeStatus must be 1 (dead), 2 (alive) or 3 (lifecheck started)",
        ),
        ("2", b'{"NodeID":1,"NodeStatus":1,"Message":"say "no""}', NOT_JSON),
        ("2", b'{"NodeID":1,"NodeStatus":1,"Message":7}', "Message must be a text"),
        ("v", b"{}", "requested variable name is null"),
        ("v", b'{"VarName":null}', "requested variable name is null"),
        ("v", b'{"VarName":"Foo"}', "unknown variable requested"),
        ("f", b"{}", "request type 'f' is for pgpool's own processes and is not served here"),
        ("i", b"{}", "request type 'i' is for pgpool's own processes and is not served here"),
        ("q", b"", NOT_JSON),
        ("q", b"\xff\x00\xff\x00", NOT_JSON),
        ("q", b'{"verb":"report","own":{"verdict":"alive"}}', "report needs a registered"),
        ("q", b'{"verb":"answer","rid":1,"ok":true}', "answer needs a registered"),
        ("0", b'{"Name":7}', "Name must be a printable text of 1 to 63 characters"),
        ("0", b'{"Native":"yes"}', "Native must be true or false"),
    ],
)
def test_bad_request_gets_a_sentence(tmp_path: Path, kind: str, data: bytes, reply: str) -> None:
    """`{}` under type 3 kills pgpool's watchdog; here every fault is one refusal."""
    path = tmp_path / "s"

    async def story(server: Server) -> None:
        kind_back, text = message(await asyncio.to_thread(ask, path, frame_of(kind, data)))
        assert kind_back == "6"
        assert str(text).startswith(reply)
        assert server.counts.turned_away.total() <= 1

    serving(path, story)


@pytest.mark.parametrize("byte", [b"\xff", b"\0", b"\n"])
def test_type_that_is_no_letter_is_refused(tmp_path: Path, byte: bytes) -> None:
    """Unknown types are refused before anything else of the request is looked at."""
    path = tmp_path / "s"

    async def story(server: Server) -> None:
        frame = await asyncio.to_thread(ask, path, HEADER.pack(byte, 2) + b"{}")
        assert message(frame) == ("6", "unknown IPC command type")

    serving(path, story, key=b"secret")


@pytest.mark.parametrize("length", [-1, -(2**31), 64 * 1024 + 1, 2**31 - 1])
def test_impossible_length_is_refused_before_a_byte_of_it(tmp_path: Path, length: int) -> None:
    """2 GiB declared: told so and closed, without waiting for them."""
    path = tmp_path / "s"

    async def story(server: Server) -> None:
        frame = await asyncio.to_thread(ask, path, HEADER.pack(b"q", length))
        kind, text = message(frame)
        assert kind == "6"
        assert f"a body of {length} bytes was declared" in str(text)
        assert server.counts.turned_away["impossible_length"] == 1

    serving(path, story)


def test_status_change_is_confirmed_and_its_words_are_cleaned(tmp_path: Path) -> None:
    """Old clients do not escape newlines, and no message may forge a line of a log."""
    path = tmp_path / "s"
    cluster = FakeCluster()

    async def story(server: Server) -> None:
        raw = b'{"NodeID":1,"NodeStatus":1,"Message":"a\nevent=forged\x1b[2J' + b"x" * 300 + b'"}'
        frame = await asyncio.to_thread(ask, path, frame_of("2", raw))
        assert frame is not None
        assert (frame.kind, frame.data) == ("7", b"")

    serving(path, story, handler=cluster)
    _, request = cluster.heard[0]
    assert isinstance(request, StatusChange)
    assert request.message.startswith("a event=forged [2Jxxx")
    assert len(request.message) == 200


@pytest.mark.parametrize("name", ["WDState", "wdstate", "Escalated"])
def test_variable_has_a_type_and_a_value(tmp_path: Path, name: str) -> None:
    """Names in any case, as pgpool takes them."""
    path = tmp_path / "s"

    async def story(server: Server) -> None:
        raw = json.dumps({"VarName": name}).encode()
        answer = body(await asyncio.to_thread(ask, path, frame_of("v", raw)))
        assert set(answer) == {"ValueDataType", "ValueData"}

    serving(path, story)


def test_handler_learns_who_asks_from_the_kernel(tmp_path: Path) -> None:
    """SO_PEERCRED is the second check beside the key, and cannot be forged in the body."""
    path = tmp_path / "s"
    cluster = FakeCluster()

    async def story(server: Server) -> None:
        await asyncio.to_thread(ask, path, frame_of("3", b'{"NodeID":-1,"uid":4242}'))

    serving(path, story, handler=cluster)
    client, request = cluster.heard[0]
    assert client.uid == path.parent.stat().st_uid
    assert client.channel is None
    assert request == NodeList(-1)


def test_half_a_request_is_dropped_and_holds_nobody_up(tmp_path: Path) -> None:
    """One byte and silence freezes pgpool's whole watchdog."""
    path = tmp_path / "s"

    async def story(server: Server) -> None:
        with RawClient(path) as mute:
            mute.connection.sendall(b"q")
            assert await asyncio.to_thread(call, path, "ping")
            assert await asyncio.to_thread(mute.read) is None
        assert server.counts.turned_away["too_slow"] == 1

    serving(path, story, limits=Limits(request_s=0.3))


def test_trickle_does_not_buy_more_time(tmp_path: Path) -> None:
    """The time runs from the first byte to the last, not between two of them."""
    path = tmp_path / "s"

    async def story(server: Server) -> None:
        with RawClient(path) as slow:
            for byte in frame_of("3", b'{"NodeID":-1}'):
                if server.counts.turned_away["too_slow"]:
                    break
                slow.connection.sendall(bytes([byte]))
                await asyncio.sleep(0.05)
            assert await asyncio.to_thread(slow.read) is None

    serving(path, story, limits=Limits(request_s=0.2))


def test_client_that_does_not_read_its_reply_is_dropped(tmp_path: Path) -> None:
    """A full socket buffer must cost one client, for a bounded time."""
    path = tmp_path / "s"

    async def long(client: Client, request: Request) -> Reply:
        return ok({"text": "x" * 900_000})

    async def story(server: Server) -> None:
        with RawClient(path) as deaf:
            deaf.send("3", b'{"NodeID":-1}')
            await until_served(path)
            await asyncio.sleep(0.5)
            assert server.counts.turned_away["too_slow"] == 1

    serving(path, story, handler=Answering(long), limits=Limits(request_s=0.2))


@pytest.mark.parametrize("kind", ["0", "2", "3", "v", "q"])
@pytest.mark.parametrize(
    ("data", "reply"),
    [
        (b"{}", NO_KEY),
        (b'{"IPCAuthKey":"wrong"}', NO_KEY),
        (b'{"IPCAuthKey":"secret "}', NO_KEY),
        (b'{"IPCAuthKey":"secre"}', NO_KEY),
        (b'{"IPCAuthKey":7}', NO_KEY),
        (b'{"IPCAuthKey":null}', NO_KEY),
        (b'{"IPCAuthKey":"wrong","ipcauthkey":"secret"}', NO_KEY),
        (b'{"IPCAuthKey":"\\ud800"}', "authentication failed: invalid data"),
        (b"", "authentication failed: invalid data"),
        (b'{"IPCAuthKey":"secret"', "authentication failed: invalid data"),
    ],
)
def test_wrong_key_is_refused_in_pgpools_words(
    tmp_path: Path, kind: str, data: bytes, reply: str
) -> None:
    """Before the request is looked at, and for every type; half a character kills nobody."""
    path = tmp_path / "s"
    if kind == "0" and data == b"":
        reply = NO_KEY  # a registration may come without a body, but not without the key

    async def story(server: Server) -> None:
        assert message(await asyncio.to_thread(ask, path, frame_of(kind, data))) == ("6", reply)

    cluster = FakeCluster()
    serving(path, story, key=b"secret", handler=cluster)
    assert cluster.heard == []


@pytest.mark.parametrize("field", ["IPCAuthKey", "ipcauthkey"])
def test_right_key_is_served(tmp_path: Path, field: str) -> None:
    """Also one that is no ASCII."""
    path = tmp_path / "s"

    async def story(server: Server) -> None:
        raw = json.dumps({"NodeID": -1, field: "schlüssel"}).encode()
        assert body(await asyncio.to_thread(ask, path, frame_of("3", raw)))["NodeCount"] == 3

    serving(path, story, key="schlüssel".encode())


def test_handler_that_takes_too_long_is_answered_for(tmp_path: Path) -> None:
    """A verb that waits for other nodes must not hold a place for ever."""
    path = tmp_path / "s"

    async def story(server: Server) -> None:
        with pytest.raises(RefusedError) as caught:
            await asyncio.to_thread(call, path, "ping")
        assert caught.value.kind == "8"

    serving(path, story, handler=Answering(never), limits=Limits(answer_s=0.1))


def test_silent_server_times_the_client_out(tmp_path: Path) -> None:
    """The command line must not hang on a stopped daemon."""
    with bind(tmp_path / "s"), pytest.raises(UnreachableError, match=r"within 0\.2 s"):
        call(tmp_path / "s", "ping", timeout_s=0.2)


def test_reply_with_bytes_that_are_no_text_is_sent_all_the_same(tmp_path: Path) -> None:
    """A file name may hold any bytes; they become an escape, and nobody dies of them."""
    path = tmp_path / "s"

    async def odd(client: Client, request: Request) -> Reply:
        return ok({"file": b"\xff".decode(errors="surrogateescape")})

    async def story(server: Server) -> None:
        frame = await asyncio.to_thread(ask, path, frame_of("3", b'{"NodeID":-1}'))
        assert frame is not None
        assert frame.data == b'{"file":"\\udcff"}\0'

    serving(path, story, handler=Answering(odd))


def test_any_bytes_end_in_a_refusal_or_nothing(tmp_path: Path) -> None:
    """A thousand damaged requests, on one-shot and on registered connections; then a good one."""
    path = tmp_path / "s"
    rng = random.Random(2808)
    report = b'{"verb":"report","own":{"verdict":"dead"},"peers":{"beta":{"verdict":"alive"}}}'
    good = [
        frame_of("3", b'{"NodeID":-1}'),
        frame_of("2", b'{"NodeID":1,"NodeStatus":1,"Message":"x"}'),
        frame_of("v", b'{"VarName":"WDState"}'),
        frame_of("0", b'{"Name":"x","Native":1}') + frame_of("q", report),
    ]

    def spoil() -> None:
        for number in range(1000):
            data = bytearray(good[number % len(good)])
            for _ in range(rng.randint(1, 3)):
                place = rng.randrange(len(data))
                if rng.random() < 0.7:
                    data[place] = rng.randrange(256)
                else:
                    data[place : place + rng.randint(1, 5)] = rng.randbytes(rng.randint(0, 5))
                data = data or bytearray(b"3")
            with RawClient(path) as client, suppress(BrokenPipeError, ConnectionResetError):
                client.connection.sendall(data)
                client.connection.shutdown(socket.SHUT_WR)
                while client.read() is not None:
                    pass

    async def story(server: Server) -> None:
        await asyncio.to_thread(spoil)
        assert await asyncio.to_thread(call, path, "ping")

    serving(path, story)


def test_reply_is_read_by_our_own_parser(tmp_path: Path) -> None:
    """One dialect in both directions."""
    path = tmp_path / "s"

    async def story(server: Server) -> None:
        frame = await asyncio.to_thread(ask, path, frame_of("3", b'{"NodeID":2}'))
        assert frame is not None
        rows = parse_body(frame.data)["WatchdogNodes"]
        assert isinstance(rows, list)
        assert rows[0]["HostName"] == "10.0.0.3"

    serving(path, story)
