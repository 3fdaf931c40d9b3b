"""The process of the health port alone: how it starts and ends, and how much memory it may take."""

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pytest

from tests.shell.plans import plan_json
from tests.system.yard import until

pytestmark = pytest.mark.root
MB: Final = 1000
"""In the unit of /proc."""
RSS_MAX_KB: Final = 128 * MB
ATTACK_S: Final = 5.0
BIG: Final = (
    b"GET /leader HTTP/1.1\r\nHost: x\r\n"
    + b"".join(b"h%d: %s\r\n" % (number, b"x" * 2000) for number in range(22))
    + b"\r\n"
)
"""As big as a request may be."""


def plan(folder: Path, **http: Any) -> dict[str, Any]:
    """A plan for a free port of loopback."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    made = plan_json("alpha", ["alpha"], 9000)
    made["http"] = {"address": "127.0.0.1", "port": port} | http
    made["node_process"]["ipc"]["path"] = str(folder / "node.sock")
    return made


def handed_down(given: dict[str, Any]) -> int:
    """The plan as the guardian hands it down: a memory file."""
    fd = os.memfd_create("plan")
    os.write(fd, json.dumps(given).encode())
    return fd


def start(given: dict[str, Any], log: Path) -> subprocess.Popen[bytes]:
    """The real command."""
    fd = handed_down(given)
    command = [sys.executable, "-I", "-m", "watchdog.web", "--plan-fd", str(fd)]
    with log.open("ab") as output:
        made = subprocess.Popen(command, pass_fds=[fd], stderr=output)
    os.close(fd)
    return made


@contextmanager
def running(given: dict[str, Any], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that listens."""
    process = start(given, log)
    try:
        until("it listens", lambda: "event=listening" in log.read_text())
        yield process
    finally:
        process.kill()
        process.wait()


def code_of(port: int, path: str) -> int:
    """The code of one request; 0 when nothing came."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 2) as connection:
        connection.sendall(b"GET %s HTTP/1.0\r\n\r\n" % path.encode())
        words = connection.recv(4096).split()
        return int(words[1]) if len(words) > 1 else 0
    return 0


def memory_kb(pid: int) -> int:
    """What a process has in memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def test_sigterm_ends_it_with_0(tmp_path: Path) -> None:
    """Also while it waits for a port that is taken."""
    given = plan(tmp_path)
    with running(given, tmp_path / "log") as first:
        assert code_of(given["http"]["port"], "/livez") == 200
        second = start(given, tmp_path / "log2")
        until("it waits", lambda: "event=port_taken" in (tmp_path / "log2").read_text())
        second.terminate()
        assert second.wait(5) == 0
        first.terminate()
        assert first.wait(5) == 0


def test_the_next_process_has_the_port_at_once(tmp_path: Path) -> None:
    """A killed one leaves connections behind, which must not keep the port."""
    given = plan(tmp_path)
    port = given["http"]["port"]
    with running(given, tmp_path / "log"), socket.create_connection(("127.0.0.1", port)):
        pass
    with running(given, tmp_path / "log2"):
        assert code_of(port, "/livez") == 200
    assert "port_taken" not in (tmp_path / "log2").read_text()


@pytest.mark.parametrize(
    ("address", "key"), [("no.such.name.invalid", None), ("127.0.0.1", "/nonexistent/key")]
)
def test_what_cannot_work_ends_it_with_2(tmp_path: Path, address: str, key: str | None) -> None:
    """The line says why, and the guardian does not try again and again."""
    given = plan(tmp_path, address=address)
    given["node_process"]["ipc"]["authkey_file"] = key
    process = start(given, tmp_path / "log")
    assert process.wait(10) == 2
    assert (tmp_path / "log").read_text().startswith("event=web_cannot_start level=error")


def test_it_dies_with_its_parent(tmp_path: Path) -> None:
    """A guardian that is killed leaves no health port that nobody would end."""
    given = plan(tmp_path)
    fd = handed_down(given)
    parent = textwrap.dedent(f"""
        import subprocess, sys, time
        command = [sys.executable, "-I", "-m", "watchdog.web", "--plan-fd", "{fd}"]
        print(subprocess.Popen(command, pass_fds=[{fd}]).pid, flush=True)
        time.sleep(60)
        """)
    with (tmp_path / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", parent], pass_fds=[fd], stdout=subprocess.PIPE, stderr=log
        )
    os.close(fd)
    assert process.stdout
    pid = int(process.stdout.readline())
    until("it listens", lambda: "event=listening" in (tmp_path / "log").read_text())
    process.kill()
    process.wait()
    process.stdout.close()
    until("it is gone", lambda: not Path(f"/proc/{pid}/cmdline").exists() or _is_zombie(pid))


def _is_zombie(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes() == b""
    return True


def test_no_crowd_makes_it_take_more_memory_than_it_may(tmp_path: Path) -> None:
    """The node hangs, and many addresses send the biggest requests without end."""
    given = plan(tmp_path)
    port = given["http"]["port"]
    with socket.socket(socket.AF_UNIX) as hung, running(given, tmp_path / "log") as process:
        hung.bind(given["node_process"]["ipc"]["path"])
        hung.listen(64)
        most = _attack(port, process.pid)
        assert most < RSS_MAX_KB
        assert process.poll() is None, (tmp_path / "log").read_text()
        until("it answers again", lambda: code_of(port, "/livez") == 200)
        process.send_signal(signal.SIGTERM)
        assert process.wait(5) == 0


def _attack(port: int, pid: int) -> int:
    """The most memory that the process had meanwhile."""
    crowd = {_connected(port, f"127.0.1.{number % 4 + 1}"): BIG * 60 for number in range(128)}
    most, end = 0, time.monotonic() + ATTACK_S
    while time.monotonic() < end:
        for connection in list(crowd):
            try:
                sent = connection.send(crowd[connection])
                crowd[connection] = crowd[connection][sent:] or BIG * 60
            except BlockingIOError:
                continue
            except OSError:
                connection.close()
                del crowd[connection]
        most = max(most, memory_kb(pid))
        time.sleep(0.005)
    for connection in crowd:
        connection.close()
    assert most > 50 * MB, "this was no attack"
    return most


def _connected(port: int, source: str) -> socket.socket:
    made = socket.create_connection(("127.0.0.1", port), 5, source_address=(source, 0))
    made.setblocking(False)
    return made
