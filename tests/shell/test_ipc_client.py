"""The blocking client against the real server, as people who write a lifecheck use it."""

import socket
import threading
import time
from pathlib import Path

import pytest

from ipc.client import (
    Push,
    RefusedError,
    UnreachableError,
    call,
    inform,
    nodes,
    subscribe,
    variable,
)
from ipc.framing import pack_reply
from tests.shell.ipc_serving import FakeCluster, Served


def states(body: dict[str, object]) -> list[object]:
    """State numbers of a node list."""
    rows = body["WatchdogNodes"]
    assert isinstance(rows, list)
    return [row["State"] for row in rows]


def test_one_shots_are_functions(tmp_path: Path) -> None:
    """List, verdict by id and by name, and variables with their types."""
    path, cluster = tmp_path / "s", FakeCluster()
    with Served(path, cluster):
        assert states(nodes(path)) == [4, 7, 7]
        inform(path, 1, "dead", "no answer")
        inform(path, "gamma", "dead")
        assert states(nodes(path)) == [4, 8, 8]
        inform(path, "beta", "alive")
        assert states(nodes(path, 1)) == [7]
        assert variable(path, "wdstate") == 4
        assert variable(path, "Escalated") is True
        assert call(path, "ping")["node"] == "alpha"
    assert cluster.verdicts == [
        ("beta", "dead", "no answer"),
        ("gamma", "dead", ""),
        ("beta", "alive", ""),
    ]


def test_refusal_is_an_error_with_the_daemons_sentence(tmp_path: Path) -> None:
    """Whoever wrote the client reads it in a log."""
    path = tmp_path / "s"
    with Served(path, FakeCluster(), key=b"k"):
        with pytest.raises(RefusedError, match="invalid KEY"):
            nodes(path)
        with pytest.raises(RefusedError, match="no node with the id 9"):
            inform(path, 9, "dead", key="k")
        with pytest.raises(RefusedError, match="unknown variable"):
            variable(path, "Foo", key="k")
        assert states(nodes(path, key="k")) == [4, 7, 7]


def test_subscription_tells_every_change(tmp_path: Path) -> None:
    """The list now, then one after each change; further requests on the same line."""
    path, cluster = tmp_path / "s", FakeCluster()
    with Served(path, cluster, key=b"k"), subscribe(path, "mine", key="k") as line:
        assert states(line.nodes) == [4, 7, 7]
        assert line.wait(0.05) is None
        line.inform("beta", "dead", "no answer")
        push = line.wait(5)
        assert isinstance(push, Push)
        assert push.kind == "4"
        assert push.body["Event"] == "state"
        assert states(line.nodes) == [4, 8, 7]
        line.inform(1, "alive")
        assert line.call("ping")["node"] == "alpha"
        lists = iter(line)
        assert states(next(lists)) == [4, 7, 7]
        assert states(next(lists)) == [4, 7, 7]
        with pytest.raises(RefusedError, match="no such node"):
            line.inform("nobody", "dead")


def test_native_subscription_gets_our_own_pushes(tmp_path: Path) -> None:
    """Lifecheck is one of these."""
    path = tmp_path / "s"
    with Served(path, FakeCluster()), subscribe(path, native=True) as line:
        assert line.wait(5) == Push("q", {"event": "disarmed"})


def test_subscription_ends_with_the_daemon(tmp_path: Path) -> None:
    """A client that listens for ever must learn that nobody speaks any more."""
    path = tmp_path / "s"
    with Served(path, FakeCluster()):
        line = subscribe(path)
    with line, pytest.raises(UnreachableError, match="closed"):
        line.wait(5)
    with pytest.raises(UnreachableError):
        subscribe(path)


def test_refused_registration_is_an_error(tmp_path: Path) -> None:
    """With the reason, and without a connection left open (warnings are errors here)."""
    path = tmp_path / "s"
    with (
        Served(path, FakeCluster(), key=b"k"),
        pytest.raises(RefusedError, match="invalid KEY"),
    ):
        subscribe(path)


def answering(path: Path, data: bytes, pause_s: float = 0.0) -> threading.Thread:
    """A broken server: it says `data` byte by byte, whatever it is asked, to one client."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen()

    def serve() -> None:
        connection, _ = listener.accept()
        with listener, connection:
            connection.recv(65536)
            for byte in data:
                try:
                    connection.sendall(bytes([byte]))
                except OSError:
                    return
                time.sleep(pause_s)

    thread = threading.Thread(target=serve)
    thread.start()
    return thread


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "closed before a full answer"),
        (b"7\0\0", "closed before a full answer"),
        (b"7\x7f\xff\xff\xff", "was declared"),
        (b"7\0\0\0\3abc", "not JSON"),
        (b"7\0\0\0\2[]", "not a JSON object"),
    ],
)
def test_broken_answer_is_explained(tmp_path: Path, data: bytes, why: str) -> None:
    """A client must not crash on what a server says."""
    path = tmp_path / "s"
    server = answering(path, data)
    with pytest.raises(UnreachableError, match=why):
        nodes(path)
    server.join()


def test_server_that_trickles_is_given_up_in_time(tmp_path: Path) -> None:
    """The time-out is for the whole answer, not for each of its bytes."""
    path = tmp_path / "s"
    server = answering(path, pack_reply("7", {"text": "x" * 100}), pause_s=0.05)
    start = time.monotonic()
    with pytest.raises(UnreachableError, match=r"within 0\.3 s"):
        nodes(path, timeout_s=0.3)
    assert time.monotonic() - start < 2
    server.join()


def test_empty_refusal_has_a_sentence_all_the_same(tmp_path: Path) -> None:
    """Pgpool sends empty '6'."""
    path = tmp_path / "s"
    server = answering(path, pack_reply("6", None))
    with pytest.raises(RefusedError, match="without a reason"):
        nodes(path)
    server.join()
