"""corosync and Pacemaker: knet, votequorum, no-quorum-policy=stop, without fencing.

Fencing is what Pacemaker's own manual asks for and what three namespaces do not have; its figures
are those of stonith-enabled=false.  Watched process: an ocf:heartbeat:anything clone on all nodes
with migration-threshold=1, the VIP (IPaddr2) colocated with it; both are monitored every 10 s, as
the agents advise, and each second in the tuned variant.  Planned move: `crm_resource --move`.
Each node has a mount namespace with its own /run, /dev/shm, libraries' and logs' folders.
"""

import time
from typing import Final, NamedTuple
from xml.etree import ElementTree as ET

from bench.peers.stage import NODES, Stage
from watchdog.cli.demo.lab import VIP, LabError, run
from watchdog.cli.demo.processes import Running

PACKAGES: Final = ("corosync", "pacemaker", "resource-agents")
LOOK_S: Final = 0.5
"""Its own word is asked for no more often: each look is a program."""
HOMES: Final = {
    "/var/lib/pacemaker": ("blackbox", "cib", "cores", "pengine"),
    "/var/lib/corosync": (),
    "/var/log/pacemaker": (),
}


class Settings(NamedTuple):
    """Token of corosync in ms, with what it adds for each node; seconds between monitors."""

    token_ms: int
    coefficient_ms: int
    monitor_s: int


DEFAULT: Final = Settings(3000, 650, 10)
TUNED: Final = Settings(300, 0, 1)


def corosync_conf(addresses: dict[str, str], settings: Settings) -> str:
    """What all nodes read."""
    nodes = "".join(
        f"  node {{\n    name: {name}\n    nodeid: {number}\n    ring0_addr: {address}\n  }}\n"
        for number, (name, address) in enumerate(addresses.items(), 1)
    )
    return f"""totem {{
  version: 2
  cluster_name: bench
  transport: knet
  crypto_cipher: none
  crypto_hash: none
  token: {settings.token_ms}
  token_coefficient: {settings.coefficient_ms}
}}
logging {{
  to_stderr: yes
  to_logfile: no
  to_syslog: no
}}
quorum {{
  provider: corosync_votequorum
}}
nodelist {{
{nodes}}}
"""


def _operation(name: str, seconds: int) -> str:
    made = f'id="{name}-monitor" name="monitor" interval="{seconds}s" timeout="20s"'
    return f"<operations><op {made}/></operations>"


def _pairs(kind: str, name: str, **values: str) -> str:
    pairs = "".join(
        f'<nvpair id="{name}-{kind}-{key}" name="{key.replace("_", "-")}" value="{value}"/>'
        for key, value in values.items()
    )
    return f'<{kind} id="{name}-{kind}">{pairs}</{kind}>'


def resources(program: str, settings: Settings) -> str:
    """The clone of the answering process, and the VIP."""
    service = _pairs("instance_attributes", "service", binfile=program, pidfile="/run/peer/pid")
    threshold = _pairs("meta_attributes", "service", migration_threshold="1")
    vip = _pairs("instance_attributes", "vip", ip=VIP, cidr_netmask="24", nic="eth0")
    return f"""<resources>
<clone id="services">{_pairs("meta_attributes", "services", interleave="true")}
<primitive id="service" class="ocf" provider="heartbeat" type="anything">
{service}{threshold}{_operation("service", settings.monitor_s)}</primitive></clone>
<primitive id="vip" class="ocf" provider="heartbeat" type="IPaddr2">
{vip}{_operation("vip", settings.monitor_s)}</primitive></resources>"""


CONSTRAINTS: Final = """<constraints>
<rsc_colocation id="together" rsc="vip" with-rsc="services" score="INFINITY"/></constraints>"""
OPTIONS: Final = {"stonith-enabled": "false", "no-quorum-policy": "stop"}
STICKINESS: Final = "100"


def is_well(monitor: str) -> bool:
    """Whether `crm_mon` says that three nodes are online and everything runs; pure."""
    root = ET.fromstring(monitor)  # noqa: S314 - it comes from the program that we started
    online = root.findall(".//nodes/node[@online='true'][@pending='false']")
    running = [
        one
        for one in root.findall(".//resources//resource[@active='true'][@failed='false']")
        if one.get("role") == "Started"
    ]
    return len(online) == len(NODES) and len(running) == len(NODES) + 1


class Pacemaker:
    """Three nodes of corosync and Pacemaker on a stage."""

    def __init__(self, stage: Stage, settings: Settings) -> None:
        self._stage = stage
        self._settings = settings
        self._running: dict[str, Running] = {}
        self._looked_at = 0.0
        self._was_well = False

    def start_all(self) -> None:
        """Everything, from nothing."""
        self._stage.make_homes()
        addresses = {name: place.address for name, place in self._stage.lab.places.items()}
        conf = corosync_conf(addresses, self._settings)
        (self._stage.folder / "corosync.conf").write_text(conf, encoding="utf-8")
        for node in NODES:
            self._write(node)
            self.start(node)
        self._configure()

    def _write(self, node: str) -> None:
        home = self._stage.home(node)
        (home / "peer").mkdir()
        lines = ["#!/bin/sh", "set -eu", f"hostname {node}", "umask 022"]
        lines += ["mount -t tmpfs none /run", "mount -t tmpfs none /dev/shm"]
        lines += ["mkdir -p /run/peer /run/crm /run/resource-agents /run/lock"]
        lines += ["chown hacluster:haclient /run/crm", f"mount --bind {home}/peer /run/peer"]
        for folder, inner in HOMES.items():
            own = home / folder.rpartition("/")[0].replace("/", "-").strip("-")
            own /= folder.rpartition("/")[2]
            lines += [f"mkdir -p {own} {' '.join(str(own / one) for one in inner)}"]
            lines += [f"mount --bind {own} {folder}"]
        lines += ["chown -R hacluster:haclient /var/lib/pacemaker /var/log/pacemaker"]
        # The agent starts its program by a login shell: nothing of root's own shall run in it.
        lines += ["for one in .profile .bash_profile .bash_login .bashrc; do"]
        lines += ["[ ! -f ~root/$one ] || mount --bind /dev/null ~root/$one; done"]
        lines += [f"corosync -f -c {self._stage.folder}/corosync.conf >>{home}/corosync.log 2>&1 &"]
        lines += ["n=0; until corosync-cmapctl -g runtime.votequorum.this_node_id >/dev/null 2>&1"]
        lines += ["do n=$((n+1)); [ $n -lt 100 ] || exit 1; sleep 0.1; done"]
        lines += ["exec pacemakerd", ""]
        script = home / "start"
        script.write_text("\n".join(lines), encoding="utf-8")
        script.chmod(0o755)
        # As the agent starts it: by the name of the machine, which each node has for itself.
        serve = self._stage.folder / "serve"
        command = " ".join(self._stage.service_command("$(hostname)"))
        serve.write_text(f"#!/bin/sh\nexec {command}\n", encoding="utf-8")
        serve.chmod(0o755)

    def start(self, node: str) -> None:
        """Start corosync, then Pacemaker, as their units do."""
        if node in self._running:
            self._running.pop(node).kill()
        home = self._stage.home(node)
        inner = ["unshare", "--mount", "--uts", "--propagation", "private", str(home / "start")]
        environment = {"PCMK_logfile": str(home / "pacemaker.log"), "PCMK_logfacility": "none"}
        command = self._stage.lab.command(node, inner)
        self._running[node] = Running(command, home / "log", environment)

    def _tool(self, *command: str) -> str:
        """Run one of its programs on a node whose daemons run."""
        for running in self._running.values():
            if running.exit_code is None:
                pid = str(running.pid)
                return run(["nsenter", "-t", pid, "-m", "-n", "-u", "--", *command])
        raise LabError("no pacemakerd runs")

    def _is_up(self) -> bool:
        try:
            return "<node " in self._tool("cibadmin", "-Q", "-o", "nodes")
        except LabError:
            return False

    def _configure(self) -> None:
        self._stage.interrupt.wait("pacemaker answers", self._is_up, 60.0)
        for name, value in OPTIONS.items():
            self._tool("crm_attribute", "--name", name, "--update", value)
        sticky = ("crm_attribute", "--type", "rsc_defaults", "--name", "resource-stickiness")
        self._tool(*sticky, "--update", STICKINESS)
        program = str(self._stage.folder / "serve")
        for text in (resources(program, self._settings), CONSTRAINTS):
            section = text[1 : text.index(">")]
            self._tool("cibadmin", "--modify", "-o", section, "--xml-text", text)

    def is_ready(self) -> bool:
        """Three nodes online, everything runs."""
        if time.monotonic() - self._looked_at > LOOK_S:
            try:
                self._was_well = is_well(self._tool("crm_mon", "--output-as=xml", "-1"))
            except LabError:
                self._was_well = False
            self._looked_at = time.monotonic()
        return self._was_well

    def kill_service(self, node: str) -> None:
        """The watched process."""
        self._stage.kill_service(node)

    def restore_service(self, node: str) -> None:
        """Forget the failure, so that the clone runs there again."""
        self._tool("crm_resource", "--cleanup", "--resource", "service")

    def switchover(self, node: str) -> None:
        """As an operator does; without waiting."""
        self._tool("crm_resource", "--resource", "vip", "--move")

    def end_switchover(self, node: str) -> None:
        """Take the ban away that the move has left."""
        self._tool("crm_resource", "--resource", "vip", "--clear")

    def stop(self) -> None:
        """Nothing of it is left."""
        for node in NODES:
            self._stage.signal(node, 9)
        for running in self._running.values():
            running.kill()
