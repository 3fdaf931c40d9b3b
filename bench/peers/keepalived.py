"""keepalived: VRRPv3, three priorities with preemption (its default), GARP as it does by itself.

Watched process: its own `vrrp_track_process` hears of a death by the kernel's process events,
which exist only in the machine's own network namespace and so never here; instead a
`vrrp_script` looks (`kill -0` of the pid file): each second, its default, and 5 times a second
in the tuned variant.  Planned move: `vrrp_track_file` lifts another node's priority, which
preempts.  Nobody has a quorum: that is VRRP.
"""

from typing import Final, NamedTuple

from bench.peers.stage import NODES, Stage
from watchdog.cli.demo.lab import INTERFACE, VIP
from watchdog.cli.demo.processes import Running

PACKAGES: Final = ("keepalived",)
PRIORITIES: Final = dict(zip(NODES, (102, 101, 100), strict=True))


class Settings(NamedTuple):
    """What the variants differ in, as its configuration writes it (seconds)."""

    advert: str
    check: str


DEFAULT: Final = Settings("1", "1")
TUNED: Final = Settings("0.1", "0.2")


def text(node: str, check: str, lift: str, settings: Settings) -> str:
    """The configuration of a node."""
    return f"""global_defs {{
    router_id {node}
    vrrp_version 3
    script_user root
    enable_script_security
}}
vrrp_script service {{
    script "{check}"
    interval {settings.check}
    fall 1
    rise 1
}}
track_file lift {{
    file {lift}
    weight 10
}}
vrrp_instance VIP {{
    state BACKUP
    interface {INTERFACE}
    virtual_router_id 51
    priority {PRIORITIES[node]}
    advert_int {settings.advert}
    virtual_ipaddress {{
        {VIP}/24
    }}
    track_script {{
        service
    }}
    track_file {{
        lift weight 10
    }}
}}
"""


class Keepalived:
    """Three keepaliveds on a stage."""

    def __init__(self, stage: Stage, settings: Settings) -> None:
        self._stage = stage
        self._settings = settings
        self._running: dict[str, Running] = {}

    def start_all(self) -> None:
        """Everything, from nothing."""
        self._stage.make_homes()
        for node in NODES:
            self._write(node)
            self._stage.start_service(node)
        for node in NODES:
            self._stage.wait_service(node)
            self.start(node)

    def _write(self, node: str) -> None:
        home = self._stage.home(node)
        check = home / "check"
        pidfile = self._stage.pidfile(node)
        check.write_text(f'#!/bin/sh\nread -r pid <{pidfile} && kill -0 "$pid"\n', encoding="utf-8")
        check.chmod(0o755)
        lift = home / "lift"
        lift.write_text("0\n", encoding="ascii")
        conf = text(node, str(check), str(lift), self._settings)
        (home / "keepalived.conf").write_text(conf, encoding="utf-8")

    def start(self, node: str) -> None:
        """Start keepalived as its unit does, but in the foreground."""
        home = self._stage.home(node)
        if node in self._running:
            self._running.pop(node).kill()
        command = ["/usr/sbin/keepalived", "--dont-fork", "--log-console", "--log-detail", "--vrrp"]
        command += ["--use-file", str(home / "keepalived.conf"), "--pid", str(home / "main.pid")]
        command += ["--vrrp_pid", str(home / "vrrp.pid")]
        for pidfile in ("main.pid", "vrrp.pid"):
            (home / pidfile).unlink(missing_ok=True)
        self._running[node] = Running(self._stage.lab.command(node, command), home / "log", {})

    def is_ready(self) -> bool:
        """The first in priority holds again."""
        return self._stage.holders() == {NODES[0]}

    def kill_service(self, node: str) -> None:
        """The watched process."""
        self._stage.kill_service(node)

    def restore_service(self, node: str) -> None:
        """The watched process runs again."""
        self._stage.start_service(node)

    def switchover(self, node: str) -> None:
        """Lift the next node above all others."""
        other = next(name for name in NODES if name != node)
        (self._stage.home(other) / "lift").write_text("1\n", encoding="ascii")

    def end_switchover(self, node: str) -> None:
        """The usual priorities."""
        for name in NODES:
            (self._stage.home(name) / "lift").write_text("0\n", encoding="ascii")

    def stop(self) -> None:
        """Nothing of it is left."""
        for running in self._running.values():
            running.kill()
