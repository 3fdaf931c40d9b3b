"""How the quick verbs find and ask the daemon on this machine.

They read three values of the configuration by `tomllib` alone: `status` has to answer within
100 ms, and also when the file has a fault somewhere else that only `check` should speak of.
"""

import os
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn, TypeVar

import click

from ipc import client
from ipc.client import RefusedError, UnreachableError

CONFIG_FILE: Final = "/etc/quorumdog/quorumdog.conf"
RUN_DIR: Final = "/run/quorumdog"
PORT: Final = 9000
CONFIG_HELP: Final = "The cluster's file."
NODE_HELP: Final = "The node that is expected to answer."
SET_HELP: Final = "As given to `run`; cluster.run_dir and cluster.port matter here."
SOCKET_HELP: Final = "The control socket, instead of the one that follows from the file."
SUDO: Final = "it is for root and the group of [ipc] group: try `sudo quorumdog ...`"
T = TypeVar("T")
UNREACHABLE_CODE: Final = 3
REFUSED_CODE: Final = 1


@dataclass(frozen=True, slots=True)
class Daemon:
    """Where the daemon's control socket is, and the key it wants, if any."""

    socket: Path
    key: str | None
    config: str
    node: str | None = None

    def ask(
        self, verb: str, fields: dict[str, object] | None = None, timeout_s: float = 5.0
    ) -> dict[str, Any]:
        """The body of the reply; a failure is said and ends the program (3, or 1 if refused)."""
        return self._or_end(
            verb, lambda: client.call(self.socket, verb, fields, key=self.key, timeout_s=timeout_s)
        )

    def nodes(self) -> dict[str, Any]:
        """The node list, as pgpool's clients get it; the node that answers stands first."""
        body = self._or_end("nodes", lambda: client.nodes(self.socket, key=self.key))
        self._expect(_first(body))
        return body

    def subscribe(self, name: str) -> client.Subscription:
        """A registered connection on which every change is told."""
        line = self._or_end(name, lambda: client.subscribe(self.socket, name, key=self.key))
        local = _first(line.nodes)
        if self.node not in (None, local):
            line.close()
        self._expect(local)
        return line

    def resubscribe(self, name: str) -> client.Subscription:
        """The same after the first one broke. Raises UnreachableError, RefusedError."""
        return client.subscribe(self.socket, name, key=self.key)

    def _or_end(self, what: str, question: Callable[[], T]) -> T:
        try:
            return question()
        except UnreachableError as error:
            self.give_up(error)
        except RefusedError as error:
            fail(REFUSED_CODE, f"{what} refused: {printable(error.message)}")

    def give_up(self, error: UnreachableError) -> NoReturn:
        """Say why nobody answers, and end the program (3)."""
        fail(UNREACHABLE_CODE, str(error), *_advice(error, self.config))

    def _expect(self, local: object) -> None:
        if self.node is not None and local != self.node:
            text = f"the daemon at {self.socket} is {local}, not {self.node}"
            fail(UNREACHABLE_CODE, text, "say where the other one is with --config or --socket")

    def status(self) -> dict[str, Any]:
        """The reply to `status`; ends the program when another node than asked for answers."""
        body = self.ask("status")
        self._expect(body.get("local"))
        return body


def _first(nodes: Mapping[str, Any]) -> object:
    """The node that answers stands first."""
    return nodes["WatchdogNodes"][0]["NodeName"]


def find(config: str, node: str | None, settings: tuple[str, ...], socket: str | None) -> Daemon:
    """The daemon that the options mean; a file that cannot be read ends the program (3).

    With a socket the file may be missing.  It is also done without when it may not be read (it is
    root's) but the socket may be opened: by the members of [ipc] group.
    """
    if socket is not None and not os.access(config, os.R_OK):
        return Daemon(Path(socket), None, config, node)
    tables = {} if _is_for_others(config) else _read(config)
    cluster, ipc = _table(tables, "cluster"), _table(tables, "ipc")
    given = dict(setting.split("=", 1) for setting in settings if "=" in setting)
    run_dir = _choose("run_dir", given, cluster, RUN_DIR)
    port = _choose("port", given, cluster, PORT)
    path = Path(socket) if socket else Path(str(run_dir)) / f".s.PGPOOLWD_CMD.{port}"
    if not tables and not os.access(path, os.R_OK | os.W_OK):
        tables = _read(config)
    return Daemon(path, _key(ipc.get("authkey_file")), config, node)


def _is_for_others(config: str) -> bool:
    """Whether the file may be there, but not for us."""
    try:
        Path(config).stat()
    except OSError as error:
        return isinstance(error, PermissionError)
    return not os.access(config, os.R_OK)


def _choose(name: str, given: dict[str, str], cluster: dict[str, Any], default: object) -> object:
    """Flag, environment, file, default: in this order, as `run` does."""
    variable = os.environ.get(f"QUORUMDOG__CLUSTER__{name.upper()}")
    return given.get(f"cluster.{name}") or variable or cluster.get(name, default)


def fail(code: int, what: str, *advice: str) -> NoReturn:
    """Say what is wrong and what to do on stderr, and end with `code`."""
    click.echo(f"quorumdog: {what}", err=True)
    for line in advice:
        click.echo(f"  {line}", err=True)
    sys.exit(code)


def printable(text: object) -> str:
    """`text` without what could move the cursor: reasons may come from other machines."""
    return "".join(letter if letter.isprintable() else "?" for letter in str(text))


def _read(config: str) -> dict[str, Any]:
    try:
        return tomllib.loads(Path(config).read_text(encoding="utf-8"))
    except OSError as error:
        what = f"cannot read {config}: {error.strerror}"
        advice = "say which file with --config, or which socket with --socket"
        fail(UNREACHABLE_CODE, what, SUDO if isinstance(error, PermissionError) else advice)
    except ValueError as error:
        fail(UNREACHABLE_CODE, f"{config}: {error}", f"see `quorumdog check --config {config}`")


def _table(tables: dict[str, Any], name: str) -> dict[str, Any]:
    table = tables.get(name, {})
    return table if isinstance(table, dict) else {}


def _key(path: object) -> str | None:
    if not isinstance(path, str) or not path:
        return None
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        fail(UNREACHABLE_CODE, f"cannot read the key {path} of [ipc]: {error}", "try as root")


def _advice(error: UnreachableError, config: str) -> tuple[str, ...]:
    if "ermission" in error.why:
        return (SUDO,)
    if "within" in error.why:
        return ("it is there but does not answer: see its log (`journalctl -u quorumdog`)",)
    return (
        "is it running? `systemctl status quorumdog`, or in the foreground:",
        f"`quorumdog run --config {config}`",
    )
