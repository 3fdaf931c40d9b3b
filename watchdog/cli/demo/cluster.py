"""A cluster of real daemons on this machine: its files, its processes, and what they say.

With a laboratory each node lives in a namespace of its own; without one, on 127.0.0.1, .2, ...
Used by the demo, by the system tests and by the benches.  What the nodes say of themselves
(`status`) is used to know when to go on, never for a figure.
"""

import json
import secrets
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ipc.client import RefusedError, UnreachableError, call
from watchdog.cli.demo.interrupt import Interrupt
from watchdog.cli.demo.lab import INTERFACE, Lab
from watchdog.cli.demo.processes import Running, stop_all
from watchdog.cli.status import exit_code

PORT: Final = 9000
STATUS_S: Final = 1.0
STOP_S: Final = 8.0
PIDFILE: Final = "service.pid"


@dataclass(frozen=True, slots=True)
class Layout:
    """What the configuration says; every node gets the same, except for its own folders."""

    addresses: Mapping[str, str]
    vips: Sequence[str] = ()
    scheduling: str = "normal"
    timing: str = "default"
    port: int = PORT
    nodes: Mapping[str, str] = field(default_factory=dict)
    """More options of a node, as TOML: `priority = 3, role = "witness"`."""
    cluster: str = ""
    """More lines of [cluster], as TOML."""
    tables: str = ""
    """More tables, as TOML; `{home}` stands for the node's folder."""
    has_service: bool = False
    """Watch the service of each node (`services`)."""

    def text(self, key: Path, home: Path) -> str:
        """The configuration file of the node that lives in `home`."""
        lines = [
            "[cluster]",
            'name = "demo"',
            f"authkey_file = {json.dumps(str(key))}",
            f"data_dir = {json.dumps(str(home / 'data'))}",
            f"run_dir = {json.dumps(str(home / 'run'))}",
            f'timing = "{self.timing}"',
            f'scheduling = "{self.scheduling}"',
            f"port = {self.port}",
            self.cluster,
            "[nodes]",
        ]
        for name, address in self.addresses.items():
            more = f", {self.nodes[name]}" if name in self.nodes else ""
            lines.append(f'{name} = {{ address = "{address}"{more} }}')
        for number, vip in enumerate(self.vips):
            lines += [f"[vip.v{number}]", f'address = "{vip}"', f'interface = "{INTERFACE}"']
        if self.has_service:
            lines += ["[check.service]", f"pidfile = {json.dumps(str(home / PIDFILE))}"]
        return "\n".join([*lines, self.tables.replace("{home}", str(home)), ""])


class Cluster:
    """The nodes of a layout, in a folder that is the caller's to remove."""

    def __init__(self, folder: Path, layout: Layout, lab: Lab | None, interrupt: Interrupt) -> None:
        self.folder = folder
        self.layout = layout
        self.names = tuple(layout.addresses)
        self.lab = lab
        self.interrupt = interrupt
        self.running: dict[str, Running] = {}
        self._write()

    def _write(self) -> None:
        key = self.folder / "authkey"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(32))
        for name in self.names:
            home = self.folder / name
            home.mkdir(mode=0o755)
            self.config(name).write_text(self.layout.text(key, home), encoding="utf-8")

    def config(self, name: str) -> Path:
        """The configuration file of a node."""
        return self.folder / name / "quorumdog.conf"

    def pidfile(self, name: str) -> Path:
        """Where the watched service of a node says its number."""
        return self.folder / name / PIDFILE

    def log(self, name: str) -> Path:
        """What a node printed."""
        return self.folder / name / "log"

    def socket(self, name: str) -> Path:
        """The control socket of a node."""
        return self.folder / name / "run" / f".s.PGPOOLWD_CMD.{self.layout.port}"

    def command(self, name: str, *arguments: str) -> list[str]:
        """Return the command that runs a verb as if on the machine of a node."""
        argv = [sys.executable, "-I", "-m", "watchdog", *arguments]
        return argv if self.lab is None else self.lab.command(name, argv)

    def start(self, name: str, *options: str, env: Mapping[str, str] | None = None) -> Running:
        """Start a node: a new process, the stored state it had."""
        run = self.command(name, "run", "--config", str(self.config(name)), "--node", name)
        started = Running([*run, *options], self.log(name), env or {})
        self.running[name] = started
        return started

    def start_all(self) -> None:
        """Start every node."""
        for name in self.names:
            self.start(name)

    def stop(self, name: str, seconds: float = STOP_S) -> int | None:
        """Ask a node to stop as systemd does; its exit code, None when it does not in time."""
        self.running[name].signal(signal.SIGTERM)
        return self.running[name].wait(seconds)

    def stop_all(self, seconds: float = STOP_S) -> list[str]:
        """Stop every node, killing the late ones, whose names are returned."""
        late = stop_all(list(self.running.values()), seconds)
        return [name for name, node in self.running.items() if node in late]

    def status(self, name: str) -> dict[str, Any] | None:
        """What a node says of itself; None when it does not answer."""
        try:
            return call(self.socket(name), "status", timeout_s=STATUS_S)
        except (UnreachableError, RefusedError):
            return None

    def coordinator(self) -> str | None:
        """The node that says it leads and is on; None when there is none or are several."""
        found = [
            name
            for name in self.names
            if (body := self.status(name)) and body["state"] == "COORDINATOR" and body["escalated"]
        ]
        return found[0] if len(found) == 1 else None

    def is_healthy(self) -> bool:
        """Whether every node says that all is well, and that nobody sits out."""
        bodies = [self.status(name) for name in self.names]
        return all(
            body is not None
            and exit_code(body) == 0
            and all(row["state"] in {"STANDBY", "COORDINATOR"} for row in body["nodes"])
            for body in bodies
        )

    def wait_healthy(self, seconds: float = 30.0) -> str:
        """Wait until all is well and return the coordinator; TooLateError with the reasons."""
        self.interrupt.wait("all nodes healthy", self.is_healthy, seconds)
        return self.wait_coordinator(seconds=seconds)

    def wait_coordinator(self, other_than: str | None = None, seconds: float = 20.0) -> str:
        """Wait until a node (another one than this) is coordinator and on; return it."""
        found: list[str] = []

        def is_there() -> bool:
            name = self.coordinator()
            if name is None or name == other_than:
                return False
            found.append(name)
            return True

        self.interrupt.wait(f"a coordinator (not {other_than})", is_there, seconds)
        return found[-1]
