"""The real programs of the system tests: nginx, Redis and PostgreSQL, each telling its node.

Rule: they listen on every address of their node's namespace, so that they serve on the VIP as
soon as it is there; their files are in the node's folder.
"""

import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.system.cluster import SystemCluster
from tests.system.services import PATIENCE_S, Fleet, Mend, binary, home, say
from watchdog.cli.demo.lab import SUBNET

HTTP_PORT: Final = 80
REDIS_PORT: Final = 6379
POSTGRESQL: Final = "/usr/lib/postgresql"

_NGINX: Final = """
daemon off;
user root;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen {port};
        location = /health {{ return {health} {name}\\n; }}
        location = /report {{ return {report} {name}\\n; }}
    }}
}}
"""


# --- nginx


class Nginx:
    """An nginx on each node; /health and /report answer with the status one likes."""

    def __init__(self, cluster: SystemCluster) -> None:
        self._cluster = cluster
        program = binary("nginx")

        def argv(name: str) -> list[str]:
            return [program, "-p", str(home(cluster, name)), "-c", str(self._file(name))]

        def ask(address: str) -> str:
            heard = say(cluster, address, HTTP_PORT, "GET /health HTTP/1.0\r\n\r\n")
            return heard.rpartition("\r\n")[2].strip() if " 200 OK" in heard else ""

        for name in cluster.names:
            self._configure(name)
        self.fleet = Fleet(cluster, argv, ask)

    def answers(self, name: str, *, health: int = 200, report: int = 200) -> None:
        """Give a node another configuration, and reload it."""
        self._configure(name, health, report)
        self.fleet.tell(name, signal.SIGHUP)

    def broken(self, name: str) -> Mend:
        """A configuration that answers 500."""
        self.answers(name, health=500)
        return lambda: self.answers(name)

    def _file(self, name: str) -> Path:
        return home(self._cluster, name) / "nginx.conf"

    def _configure(self, name: str, health: int = 200, report: int = 200) -> None:
        folder = home(self._cluster, name)
        text = _NGINX.format(folder=folder, port=HTTP_PORT, name=name, health=health, report=report)
        self._file(name).write_text(text, encoding="utf-8")


# --- Redis


def redis_command(folder: str) -> list[str]:
    """How Redis is started; it tells its folder, and says its number in `redis.pid` there."""
    words = f"--bind 0.0.0.0 --protected-mode no --port {REDIS_PORT} --logfile redis.log"
    files = f"--dir {folder} --pidfile {folder}/redis.pid"
    return [binary("redis-server"), *words.split(), *files.split(), "--save", ""]


def ask_redis(cluster: SystemCluster, address: str) -> str:
    """The node whose Redis answers at an address; "" when none does."""
    heard = say(cluster, address, REDIS_PORT, "CONFIG GET dir\r\nQUIT\r\n")
    folder = next((line for line in heard.splitlines() if line.startswith("/")), "")
    return os.path.basename(folder)  # noqa: PTH119 - text of the network, not a file


def redis_fleet(cluster: SystemCluster) -> Fleet:
    """A Redis on each node."""

    def argv(name: str) -> list[str]:
        return redis_command(str(home(cluster, name)))

    return Fleet(cluster, argv, lambda address: ask_redis(cluster, address))


def redis_pid(cluster: SystemCluster, name: str) -> int | None:
    """The number that a node's Redis has said; None when it has said none."""
    try:
        return int((home(cluster, name) / "redis.pid").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def put_redis_script(cluster: SystemCluster, name: str, path: str) -> None:
    """Write a script that starts a node's Redis, and ends when it answers: a hook of ours."""
    start = shlex.join(redis_command(str(home(cluster, name))))
    ready = f"{binary('redis-cli')} -p {REDIS_PORT} ping"
    waiting = f"until {ready}; do sleep 0.05; done"
    put_script(home(cluster, name) / path, f"{start} --daemonize yes", waiting)


def put_script(file: Path, *lines: str) -> None:
    """Write a script that may be run."""
    file.write_text("\n".join(["#!/bin/sh", *lines, ""]), encoding="utf-8")
    file.chmod(0o755)


def redis_locked(cluster: SystemCluster, name: str) -> Mend:
    """Redis wants a password that nobody was told."""
    address = cluster.lab.places[name].address

    def tell(text: str) -> None:
        heard = say(cluster, address, REDIS_PORT, f"{text}\r\nQUIT\r\n")
        assert "-" not in heard, heard
        assert heard.startswith("+OK"), heard

    tell("CONFIG SET requirepass secret")
    return lambda: tell('AUTH secret\r\nCONFIG SET requirepass ""')


# --- PostgreSQL


def postgresql(name: str) -> str:
    """A program of the newest PostgreSQL that is installed."""
    folders = sorted(Path(POSTGRESQL).glob("*/bin"))
    assert folders, f"PostgreSQL is not installed below {POSTGRESQL}"
    return binary(name, str(folders[-1]))


_SETTINGS: Final = """
listen_addresses = '0.0.0.0'
unix_socket_directories = ''
fsync = off
max_connections = 20
shared_buffers = 16MB
cluster_name = '{folder}'
"""


class Postgresql:
    """A PostgreSQL on each node, with a database of its own; `cluster_name` is the folder."""

    def __init__(self, cluster: SystemCluster) -> None:
        self._cluster = cluster
        self._as_user = [
            binary("setpriv"),
            "--reuid=postgres",
            "--regid=postgres",
            "--clear-groups",
        ]
        self._make_data()

        def argv(name: str) -> list[str]:
            return [*self._as_user, postgresql("postgres"), "-D", str(self._data(name))]

        self.fleet = Fleet(cluster, argv, self._ask)

    def _data(self, name: str) -> Path:
        return home(self._cluster, name) / "pg"

    def _make_data(self) -> None:
        first, *others = self._cluster.names
        data = self._data(first)
        data.mkdir(mode=0o700)
        shutil.chown(data, "postgres", "postgres")
        initdb = [postgresql("initdb"), "-D", str(data), "-A", "trust", "--no-sync"]
        _run(*self._as_user, *initdb)
        with (data / "pg_hba.conf").open("a") as file:
            file.write(f"host all all {SUBNET}.0/24 trust\n")
        for other in others:
            _run("cp", "-a", str(data), str(self._data(other)))
        for name in self._cluster.names:
            with (self._data(name) / "postgresql.conf").open("a") as file:
                file.write(_SETTINGS.format(folder=home(self._cluster, name)))

    def _ask(self, address: str) -> str:
        place = f"host={address} user=postgres dbname=postgres connect_timeout=2"
        words = [postgresql("psql"), "-XAt", "-c", "show cluster_name", place]
        asked = subprocess.run(
            ["ip", "netns", "exec", self._cluster.lab.network, *words],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return Path(asked.stdout.strip()).name

    def checkpointer(self, name: str) -> int | None:
        """The process that calls itself so; None while there is none."""
        title = f"postgres: {home(self._cluster, name)}: checkpointer"
        return next((pid for pid, line in _commands() if line.startswith(title)), None)

    def postmaster_killed(self, name: str) -> Mend:
        """SIGKILL of the first process alone: the others see that and end."""
        self.fleet.kill(name)
        return lambda: self.fleet.start(name)

    def postmaster_stopped(self, name: str) -> Mend:
        """SIGSTOP of the first process: sessions that exist go on, nobody gets a new one."""
        self.fleet.tell(name, signal.SIGSTOP)
        return lambda: self.fleet.tell(name, signal.SIGCONT)

    def broken(self, name: str) -> Mend:
        """Restarted with a configuration with which it does not start."""
        file = self._data(name) / "postgresql.conf"
        good = file.read_text(encoding="utf-8")
        file.write_text(good + "shared_preload_libraries = 'no_such'\n", encoding="utf-8")
        self.fleet.stop(name, signal.SIGINT)
        self.fleet.start(name)

        def mend() -> None:
            file.write_text(good, encoding="utf-8")
            self.fleet.start(name)

        return mend

    def shut_out(self, name: str) -> Mend:
        """Reloaded with rules that let nobody in: it accepts connections, and refuses all."""
        file = self._data(name) / "pg_hba.conf"
        good = file.read_text(encoding="utf-8")
        file.write_text("host all all all reject\n", encoding="utf-8")
        self.fleet.tell(name, signal.SIGHUP)

        def mend() -> None:
            file.write_text(good, encoding="utf-8")
            self.fleet.tell(name, signal.SIGHUP)

        return mend


def _run(*argv: str) -> None:
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=PATIENCE_S, check=False, cwd="/"
    )
    assert done.returncode == 0, done.stderr


def _commands() -> Iterator[tuple[int, str]]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                words = (folder / "cmdline").read_bytes()
            except OSError:
                continue
            yield int(folder.name), words.replace(b"\0", b" ").decode(errors="replace")
