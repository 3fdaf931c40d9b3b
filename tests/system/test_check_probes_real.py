"""Probes against real programs: nginx, Redis and PostgreSQL, well, stopped and badly configured.

Rule: a program that is not installed fails these tests; a probe that was only ever tried on our
own imitations proves nothing.
"""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from lifecheck.probes import Outcome, Probe
from tests.shell.probing import look, probe

pytestmark = pytest.mark.root
Make = Callable[[], Probe]
PATIENCE_S: Final = 30.0
POSTGRESQL: Final = "/usr/lib/postgresql"


def _binary(name: str, folder: str | None = None) -> str:
    found = shutil.which(name, path=folder)
    assert found, f"{name} is not installed: packaging/prerequisites.sh installs it"
    return found


def _postgresql(name: str) -> str:
    folders = sorted(Path(POSTGRESQL).glob("*/bin"))
    assert folders, f"PostgreSQL is not installed below {POSTGRESQL}"
    return _binary(name, str(folders[-1]))


def _free_port() -> int:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return int(line.getsockname()[1])


@contextmanager
def _started(*argv: str, user: str = "root") -> Iterator[subprocess.Popen[bytes]]:
    """A program in a session of its own; whatever it has started ends with it."""
    program = subprocess.Popen(  # its folder must be one that any user may be in
        argv, start_new_session=True, stdin=subprocess.DEVNULL, cwd="/", user=user, group=user
    )
    try:
        yield program
    finally:
        _tell_all(program, signal.SIGCONT)
        program.terminate()
        with suppress(subprocess.TimeoutExpired):
            program.wait(10)
        with suppress(ProcessLookupError):
            os.killpg(program.pid, signal.SIGKILL)
        program.wait()


def _tell_all(program: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(program.pid, number)


def _once(make: Make, timeout_s: float = 2.0) -> Outcome:
    """One run as lifecheck does it: cancelled at its time-out, and then failed."""
    subject = make()

    async def story() -> Outcome:
        try:
            async with asyncio.timeout(timeout_s):
                return await look(subject)
        except TimeoutError:
            return Outcome(False, f"timed out: {subject.doing}")

    try:
        return asyncio.run(story())
    finally:
        subject.close()


def _becomes(make: Make, ok: bool) -> str:
    """Wait until the probe says so; return the detail."""
    end = time.monotonic() + PATIENCE_S
    outcome = _once(make)
    while outcome.ok is not ok:
        assert time.monotonic() < end, outcome
        time.sleep(0.05)
        outcome = _once(make)
    return outcome.detail


NGINX: Final = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location = /health {{ {answer} }}
        location / {{ return 404; }}
        location = /moved {{ return 302 /health; }}
    }}
}}
"""


def test_http_sees_what_a_real_nginx_answers(tmp_path: Path) -> None:
    """Well, moved, broken by its configuration, stopped by a signal, and gone."""
    port, file = _free_port(), tmp_path / "nginx.conf"

    def configure(answer: str) -> None:
        file.write_text(NGINX.format(folder=tmp_path, port=port, answer=answer))

    def subject(path: str) -> Make:
        url = f"http://127.0.0.1:{port}{path}"
        return partial(probe, "http", url=url, status=[200], body="^ready$")

    configure("return 200 'ready\\n';")
    with _started(_binary("nginx"), "-p", str(tmp_path), "-c", str(file)) as nginx:
        assert "found '^ready$' in 6 bytes of body" in _becomes(subject("/health"), True)
        moved = _once(subject("/moved"))
        assert moved.detail.endswith("/moved answered 302: redirects are not followed")
        assert _once(subject("/else")).detail.endswith("/else answered 404")
        configure("return 500;")
        nginx.send_signal(signal.SIGHUP)
        assert _becomes(subject("/health"), False).endswith("/health answered 500")
        configure("return 200 'ready\\n';")
        nginx.send_signal(signal.SIGHUP)
        _becomes(subject("/health"), True)
        _tell_all(nginx, signal.SIGSTOP)
        stopped = _once(subject("/health"))
        assert stopped.detail.startswith("timed out: waiting for an answer of"), stopped
        _tell_all(nginx, signal.SIGCONT)
        _becomes(subject("/health"), True)
    assert _becomes(subject("/health"), False) == f"connection refused by 127.0.0.1:{port}"


def _redis(folder: Path, port: int, *more: str) -> tuple[str, ...]:
    words = ("--bind", "127.0.0.1", "--port", str(port), "--dir", str(folder), "--save", "")
    return (_binary("redis-server"), *words, "--daemonize", "no", "--logfile", "log", *more)


def test_tcp_sees_whether_a_real_redis_answers(tmp_path: Path) -> None:
    """A stopped one still accepts, by its kernel: only what it says proves that it lives."""
    port = _free_port()
    options: dict[str, Any] = {"host": "127.0.0.1", "port": port}
    connects = partial(probe, "tcp", **options)
    answers = partial(probe, "tcp", **options, send="PING\r\n", expect=r"^\+PONG")
    with _started(*_redis(tmp_path, port)) as redis:
        assert _becomes(answers, True) == f"127.0.0.1:{port} said '+PONG'"
        redis.send_signal(signal.SIGSTOP)
        for _ in range(3):
            assert _once(connects).ok, "the kernel accepts for it"
            told = f"timed out: 127.0.0.1:{port} said nothing, not '^\\\\+PONG'"
            assert _once(answers, 0.5) == (False, told)
        redis.send_signal(signal.SIGCONT)
        _becomes(answers, True)
    assert _becomes(answers, False) == f"connection refused by 127.0.0.1:{port}"
    with _started(*_redis(tmp_path, port, "--requirepass", "secret")):
        _becomes(connects, True)
        assert "said '-NOAUTH Authentication required.'" in _becomes(answers, False)


@pytest.fixture
def data() -> Iterator[Path]:
    """A new database cluster in a folder that the user postgres may reach."""
    folder = Path(tempfile.mkdtemp(prefix="quorumdog-postgresql-"))
    try:
        shutil.chown(folder, "postgres", "postgres")
        initdb = (_postgresql("initdb"), "-D", str(folder / "data"), "-A", "trust", "--no-sync")
        with _started(*initdb, user="postgres") as making:
            assert making.wait(PATIENCE_S) == 0
        yield folder / "data"
    finally:
        shutil.rmtree(folder)


def test_command_sees_whether_a_real_postgresql_is_ready(data: Path) -> None:
    """By its own pg_isready: well, stopped by a signal, gone, and broken by its configuration."""
    port = _free_port()
    argv = [_postgresql("pg_isready"), "-h", "127.0.0.1", "-p", str(port), "-t", "30"]
    ready = partial(probe, "command", argv=argv, style="exit", output="accepting connections")
    settings = ("-p", str(port), "-k", str(data), "-c", "listen_addresses=127.0.0.1")
    command = (_postgresql("postgres"), "-D", str(data), *settings)
    with _started(*command, user="postgres") as postmaster:
        said = _becomes(ready, True)
        assert said == f"exit code 0: 127.0.0.1:{port} - accepting connections"
        postmaster.send_signal(signal.SIGSTOP)
        assert _once(ready, 0.5) == (False, f"timed out: running {argv[0]}")
        postmaster.send_signal(signal.SIGCONT)
        _becomes(ready, True)
    assert _becomes(ready, False) == f"exit code 2: 127.0.0.1:{port} - no response"
    with (data / "postgresql.conf").open("a") as file:
        file.write("\nshared_preload_libraries = 'no_such_library'\n")
    with _started(*command, user="postgres") as broken:
        assert broken.wait(PATIENCE_S) != 0
        assert _once(ready) == (False, f"exit code 2: 127.0.0.1:{port} - no response")


PING: Final = """
import asyncio, sys
from lifecheck.plan import ProbePlan
from lifecheck.probes import Means, make

async def story(*addresses):
    plan = ProbePlan("ping", 1, 1, 1, 1, 0, 0, {"addresses": list(addresses)})
    subject = make(plan, Means(None, None))
    try:
        async with asyncio.timeout(2):
            print(*await subject.run())
    except TimeoutError:
        print("timed out:", subject.doing)
    subject.close()

for address in sys.argv[1:]:
    asyncio.run(story(address))
"""


def _ping(groups: str, *addresses: str) -> list[str]:
    """Ping without any privilege in a namespace whose kernel allows these groups to."""
    line = (
        'ip link set lo up && echo "$1" > /proc/sys/net/ipv4/ping_group_range && shift && '
        'exec setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"'
    )
    words = ["unshare", "--net", "sh", "-c", line, "sh", groups]
    ran = subprocess.run(
        [*words, sys.executable, "-c", PING, *addresses],
        check=True,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    return ran.stdout.splitlines()


def test_ping_needs_no_privilege_where_the_kernel_allows_it() -> None:
    """Datagram sockets of versions 4 and 6; and there is no way out of this namespace."""
    four, six, nowhere = _ping("0 2147483647", "127.0.0.1", "::1", "203.0.113.1")
    assert four.startswith("True 127.0.0.1 answered in ")
    assert six.startswith("True ::1 answered in ")
    assert nowhere == "False no route to 203.0.113.1"


def test_ping_says_what_is_missing_where_the_kernel_does_not_allow_it() -> None:
    """The node could otherwise look vetoed for no reason."""
    for said in _ping("1 0", "127.0.0.1", "::1"):
        assert said.startswith("False no socket for ICMP version ")
        assert said.endswith("our group is not in net.ipv4.ping_group_range")
