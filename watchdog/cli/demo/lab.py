"""The laboratory: one network namespace for each node, one for the network and its client.

The network is a bridge in a namespace of its own, so that nothing of this machine's network is
touched, and everything is gone when the namespaces are.  A node that is cut off keeps its
carrier: frames vanish on the bridge, as behind a switch that died.  Names carry a prefix that
no other run has.  Needs root, `ip`, and `nft` for cuts between single nodes.
"""

import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from watchdog.cli.demo.interrupt import SIGNALS

SUBNET: Final = "10.77.0"
SUBNET6: Final = "fd77::"
VIP: Final = f"{SUBNET}.100"
VIP6: Final = f"{SUBNET6}100"
INTERFACE: Final = "eth0"
CLIENT_ADDRESS: Final = f"{SUBNET}.1"
FIRST_HOST: Final = 11
NETNS_FOLDER: Final = Path("/run/netns")
_SECONDS_MAX: Final = 20
_CUTS: Final = """
table bridge quorumdog {
    set cut { type ifname . ifname; }
    chain forward {
        type filter hook forward priority 0; policy accept;
        iifname . oifname @cut drop
    }
}
"""


class LabError(Exception):
    """A tool of the laboratory failed: the command, and what it said."""


def run(command: Sequence[str], text: str | None = None) -> str:
    """Run a tool to its end and return what it printed; LabError when it fails.

    Ctrl-C never ends it halfway: signals wait, in this process and in the tool.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        done = subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            timeout=_SECONDS_MAX,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LabError(f"{' '.join(command)}: {error}") from error
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    if done.returncode != 0:
        raise LabError(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node lives: its namespace (and that one's id in the network's), its addresses."""

    name: str
    namespace: str
    nsid: int
    address: str
    address6: str


class Lab:
    """Namespaces for `names`; `build` makes them, `destroy` removes them with all inside."""

    def __init__(self, prefix: str, names: Sequence[str]) -> None:
        self.network = f"{prefix}-net"
        self.places = {
            name: Place(
                name,
                f"{prefix}-{name}",
                number,
                f"{SUBNET}.{FIRST_HOST + number}",
                f"{SUBNET6}{FIRST_HOST + number:x}",
            )
            for number, name in enumerate(names)
        }
        self.keeps_cgroups = False
        """Enter by nsenter; `ip netns exec` mounts a /sys without cgroups."""
        self._has_cuts = False

    def build(self) -> None:
        """Make everything; LabError with the tool's own words."""
        run(["ip", "netns", "add", self.network])
        self._in_network(
            "link add br0 type bridge forward_delay 0 mcast_snooping 0",
            f"addr add {CLIENT_ADDRESS}/24 dev br0",
            f"addr add {SUBNET6}1/64 dev br0 nodad",
            "link set lo up",
            "link set br0 up",
        )
        for place in self.places.values():
            self._add(place)

    def _add(self, place: Place) -> None:
        run(["ip", "netns", "add", place.namespace])
        run(["ip", "-n", self.network, "netns", "set", place.namespace, str(place.nsid)])
        port = _port(place.name)
        wire = f"link add {port} netns {self.network} type veth peer name {INTERFACE}"
        run(["ip", *wire.split(), "netns", place.namespace])
        batch = (
            f"addr add {place.address}/24 dev {INTERFACE}\n"
            f"addr add {place.address6}/64 dev {INTERFACE} nodad\n"
            f"link set lo up\nlink set {INTERFACE} up\n"
        )
        run(["ip", "-n", place.namespace, "-batch", "-"], batch)
        self._in_network(f"link set {port} master br0", f"link set {port} up")

    def _in_network(self, *commands: str) -> None:
        run(["ip", "-n", self.network, "-batch", "-"], "\n".join(commands) + "\n")

    def destroy(self) -> list[str]:
        """Remove every namespace that is there, and kill what still runs in them.

        Return what could not be removed.
        """
        left = []
        for namespace in (*(place.namespace for place in self.places.values()), self.network):
            if not (NETNS_FOLDER / namespace).exists():
                continue
            try:
                for pid in pids(namespace):
                    run(["kill", "-KILL", str(pid)])
            except LabError:  # it ended by itself
                pass
            try:
                run(["ip", "netns", "del", namespace])
            except LabError as error:
                left.append(str(error))
        return left

    def command(self, name: str, argv: Sequence[str]) -> list[str]:
        """Return the command that runs `argv` in the namespace of a node."""
        namespace = self.places[name].namespace
        if self.keeps_cgroups:
            return ["nsenter", f"--net={NETNS_FOLDER / namespace}", "--", *argv]
        return ["ip", "netns", "exec", namespace, *argv]

    def cut(self, name: str) -> None:
        """Cut a node off from everything; its carrier stays."""
        self._in_network(f"link set {_port(name)} nomaster")

    def heal(self, name: str) -> None:
        """Undo `cut`."""
        self._in_network(f"link set {_port(name)} master br0")

    def block(self, source: str, target: str) -> None:
        """Drop all frames from one node to another: one direction only."""
        if not self._has_cuts:
            run(["ip", "netns", "exec", self.network, "nft", "-f", "-"], _CUTS)
            self._has_cuts = True
        self._change_cut("add", source, target)

    def unblock(self, source: str, target: str) -> None:
        """Undo `block`."""
        self._change_cut("delete", source, target)

    def _change_cut(self, verb: str, source: str, target: str) -> None:
        pair = f'{{ "{_port(source)}" . "{_port(target)}" }}'
        nft = ["nft", verb, "element", "bridge", "quorumdog", "cut", pair]
        run(["ip", "netns", "exec", self.network, *nft])

    def set_carrier(self, name: str, *, up: bool) -> None:
        """Plug a node's cable out or in: its carrier follows."""
        self._in_network(f"link set {_port(name)} {'up' if up else 'down'}")

    def add_address(self, name: str, address: str) -> None:
        """Put an address on a node's interface by hand."""
        run(["ip", "-n", self.places[name].namespace, "addr", "add", address, "dev", INTERFACE])

    def remove_address(self, name: str, address: str) -> None:
        """Undo `add_address`."""
        run(["ip", "-n", self.places[name].namespace, "addr", "del", address, "dev", INTERFACE])

    def addresses(self, name: str) -> str:
        """What `ip` shows of a node's interface now."""
        return run(["ip", "-n", self.places[name].namespace, "-o", "addr", "show"])


def _port(name: str) -> str:
    return f"p-{name}"[:15]


def pids(namespace: str) -> list[int]:
    """Every process in a namespace."""
    return [int(word) for word in run(["ip", "netns", "pids", namespace]).split()]
