"""The watchdog of pgpool-II: heartbeat lifecheck, no trusted servers, the VIP by `ip` and `arping`.

It watches nobody's process but its own: what it guards is pgpool, so "service killed" is SIGKILL
of pgpool's main process together with the answering process.  Its backend is an address where
nothing listens (clustering mode raw): the watchdog asks nothing of it.  Lifecheck begins 10
intervals after the start, so no fault is done before every node has logged that.  Planned move:
`pgpool stop` on the leader.  A pgpool that ended is started again, as a service manager would.
Its shared memory is SysV's, which outlives SIGKILL: each node has an IPC namespace.
"""

import os
import signal
from contextlib import suppress
from typing import Final, NamedTuple

from bench.peers.stage import NODES, Stage
from watchdog.cli.demo.lab import CLIENT_ADDRESS, INTERFACE, VIP, LabError
from watchdog.cli.demo.processes import Running

PACKAGES: Final = ("pgpool2",)
STARTS_MAX: Final = 4
"""Of a pgpool in one cluster."""
STARTED: Final = "lifecheck started"
"""What its log says when its heartbeats begin to count."""


class Settings(NamedTuple):
    """Seconds between rounds of lifecheck, between heartbeats, and until silence means dead."""

    interval_s: int
    heartbeat_s: int
    deadtime_s: int


DEFAULT: Final = Settings(10, 2, 30)
TUNED: Final = Settings(1, 1, 3)
LEAN: Final = (
    "num_init_children = 4",
    "memqcache_total_size = 4MB",
    "memqcache_max_num_cache = 1000",
)
"""For clusters whose cost is not measured: fewer idle processes, no query cache of 128 MiB."""


def text(addresses: dict[str, str], home: str, settings: Settings) -> str:
    """The configuration of a node; all nodes have the same but for the folder."""
    lines = [
        "backend_clustering_mode = 'raw'",
        f"backend_hostname0 = '{CLIENT_ADDRESS}'",
        "backend_port0 = 5432",
        "listen_addresses = '*'",
        f"socket_dir = '{home}'",
        f"pcp_socket_dir = '{home}'",
        f"wd_ipc_socket_dir = '{home}'",
        f"pid_file_name = '{home}/pgpool.pid'",
        f"logdir = '{home}'",
        "use_watchdog = on",
        f"delegate_IP = '{VIP}'",
        "if_cmd_path = '/sbin'",
        f"if_up_cmd = 'ip addr add $_IP_$/24 dev {INTERFACE}'",
        f"if_down_cmd = 'ip addr del $_IP_$/24 dev {INTERFACE}'",
        "arping_path = '/usr/bin'",
        f"arping_cmd = 'arping -U $_IP_$ -w 1 -I {INTERFACE}'",
        f"wd_interval = {settings.interval_s}",
        f"wd_heartbeat_keepalive = {settings.heartbeat_s}",
        f"wd_heartbeat_deadtime = {settings.deadtime_s}",
    ]
    for number, address in enumerate(addresses.values()):
        lines += [f"hostname{number} = '{address}'", f"wd_port{number} = 9000"]
        lines += [f"pgpool_port{number} = 9999"]
        lines += [f"heartbeat_hostname{number} = '{address}'", f"heartbeat_port{number} = 9694"]
    return "\n".join([*lines, ""])


class Pgpool:
    """Three pgpools on a stage."""

    def __init__(self, stage: Stage, settings: Settings, *, is_lean: bool) -> None:
        self._stage = stage
        self._settings = settings
        self._more = LEAN if is_lean else ()
        self._checking: set[str] = set()
        self._starts = dict.fromkeys(NODES, 0)
        self._running: dict[str, Running] = {}
        self._logged: dict[str, int] = {}

    def start_all(self) -> None:
        """Everything, from nothing; in the order of their numbers, as its manual advises."""
        self._stage.make_homes()
        addresses = {name: place.address for name, place in self._stage.lab.places.items()}
        for number, node in enumerate(NODES):
            home = self._stage.home(node)
            conf = "\n".join([text(addresses, str(home), self._settings), *self._more, ""])
            (home / "pgpool.conf").write_text(conf, encoding="utf-8")
            (home / "pgpool_node_id").write_text(f"{number}\n", encoding="ascii")
            for name in ("pcp.conf", "pool_hba.conf"):
                (home / name).write_text("", encoding="ascii")
            self._stage.start_service(node)
            self.start(node)

    def start(self, node: str) -> None:
        """Start pgpool in the foreground; nothing of it is there any more."""
        if node in self._running:
            self._stage.signal(node, signal.SIGKILL)
            self._running.pop(node).kill()
        home = self._stage.home(node)
        (home / "pgpool.pid").unlink(missing_ok=True)
        for left in home.glob(".s.*"):
            left.unlink(missing_ok=True)
        log = home / "log"
        self._logged[node] = log.stat().st_size if log.exists() else 0
        self._checking.discard(node)
        self._starts[node] += 1
        command = ["unshare", "--ipc", "/usr/sbin/pgpool", "-n", "-f", str(home / "pgpool.conf")]
        command += ["-F", str(home / "pcp.conf"), "-a", str(home / "pool_hba.conf")]
        self._running[node] = Running(self._stage.lab.command(node, command), log, {})

    def is_ready(self) -> bool:
        """Lifecheck runs everywhere; who has ended is started again."""
        for node, running in list(self._running.items()):
            if running.exit_code is not None:
                if self._starts[node] >= STARTS_MAX:
                    raise LabError(f"pgpool on {node} ended {STARTS_MAX} times: {self._last(node)}")
                self.start(node)
        return all(map(self._is_checking, NODES))

    def _last(self, node: str) -> str:
        log = (self._stage.home(node) / "log").read_text(encoding="utf-8", errors="replace")
        return " / ".join([line for line in log.splitlines() if "FATAL" in line][-2:])

    def _is_checking(self, node: str) -> bool:
        if node in self._checking:
            return True
        with (self._stage.home(node) / "log").open("rb") as log:
            log.seek(self._logged[node])
            if STARTED.encode() in log.read():
                self._checking.add(node)
        return node in self._checking

    def kill_service(self, node: str) -> None:
        """The main process of pgpool, and what answers for it."""
        with suppress(ProcessLookupError):
            os.kill(self._running[node].pid, signal.SIGKILL)
        self._stage.kill_service(node)

    def restore_service(self, node: str) -> None:
        """Both run again."""
        self.start(node)
        self._stage.start_service(node)

    def switchover(self, node: str) -> None:
        """Stop the leader in order."""
        self._running[node].signal(signal.SIGINT)

    def end_switchover(self, node: str) -> None:
        """It runs again, once it has stopped."""
        self._running[node].wait(10.0)
        self.start(node)

    def stop(self) -> None:
        """Nothing of it is left."""
        for node, running in self._running.items():
            self._stage.signal(node, signal.SIGKILL)
            running.kill()
