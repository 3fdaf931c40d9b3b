"""The demo without root: three nodes on 127.0.0.1 to .3, and hooks that stamp one file.

Nobody may touch addresses here, so a holder is a node whose escalation hook has run and whose
de-escalation hook has not.  The hooks append to the journal themselves.  A node can be cut off
only inside a network namespace of our own; where the kernel does not permit that to users, the
cut is left out, and the demo says so.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from watchdog.cli.demo.cluster import Cluster, Layout
from watchdog.cli.demo.interrupt import Interrupt
from watchdog.cli.demo.journal import Journal
from watchdog.cli.demo.lab import LabError, run
from watchdog.cli.demo.namespaces import end
from watchdog.cli.demo.services import Services
from watchdog.cli.demo.story import Scene

TOOLS: Final = {"unshare": "util-linux", "ip": "iproute2", "nft": "nftables"}
_HOOK: Final = """#!{python} -IS
import json, os, time
seen = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
line = {{"t": seen, "kind": "stamp", "node": os.environ["QUORUMDOG_NODE"],
        "event": os.environ["QUORUMDOG_EVENT"], "epoch": os.environ["QUORUMDOG_EPOCH"]}}
with open({journal!r}, "ab", buffering=0) as file:
    file.write((json.dumps(line) + "\\n").encode())
"""
_TABLE: Final = """
table inet quorumdog {
    set cut { type ipv4_addr; }
    chain input {
        type filter hook input priority 0; policy accept;
        ip saddr @cut drop
        ip daddr @cut drop
    }
}
"""


def enclosure() -> tuple[list[str], str]:
    """Return the command that puts a program into a network of its own, or why there is none."""
    missing = [package for tool, package in TOOLS.items() if shutil.which(tool) is None]
    if missing:
        return [], f"it needs more packages (sudo apt install {' '.join(missing)})"
    command = ["unshare", "--net"]
    if os.geteuid() != 0:
        command = ["unshare", "--user", "--map-current-user", "--keep-caps", "--net"]
    try:
        run([*command, "nft", "add", "table", "inet", "trial"])
        run([*command, "ip", "link", "set", "lo", "up"])
    except LabError:
        return [], "this system lets no user make a network of his own (root sees it)"
    return command, ""


@contextmanager
def scene(
    folder: Path,
    names: tuple[str, ...],
    scheduling: str,
    interrupt: Interrupt,
    say: Callable[[str], None],
    *,
    enclosed: bool,
) -> Iterator[Scene]:
    """Make everything the story needs, and remove it again."""
    journal = Journal(folder / "observations.jsonl")
    hook = _write_hook(folder, journal.path)
    if enclosed:
        run(["ip", "link", "set", "lo", "up"])
        run(["nft", "-f", "-"], _TABLE)
    addresses = {name: f"127.0.0.{number}" for number, name in enumerate(names, 1)}
    layout = Layout(
        addresses,
        scheduling=scheduling,
        tables=f'[hooks]\nescalation = "{hook}"\nde_escalation = "{hook}"',
        has_service=True,
    )
    cluster = Cluster(folder, layout, None, interrupt)
    services = Services(cluster, ())

    def change(verb: str, name: str) -> None:
        run(["nft", verb, "element", "inet", "quorumdog", "cut", f"{{ {addresses[name]} }}"])

    def plant(name: str, up: bool) -> None:
        event = "escalation" if up else "de_escalation"
        words = {"QUORUMDOG_NODE": name, "QUORUMDOG_EVENT": event, "QUORUMDOG_EPOCH": "0"}
        subprocess.run([hook], env=words, check=True, timeout=10, start_new_session=True)

    journal.write("start", mode="loopback", vips=[], nodes=list(names))
    if not enclosed:
        _, why = enclosure()
        journal.write("left_out", text=f"the cut was left out: {why or 'not asked for'}")
    cut = (lambda name: change("add", name)) if enclosed else None
    try:
        heal = partial(change, "delete")
        yield Scene(cluster, journal, cut, heal, plant, say, services)
    finally:
        end(cluster, journal)
        services.end()


def _write_hook(folder: Path, journal: Path) -> Path:
    hook = folder / "stamp"
    hook.write_text(_HOOK.format(python=sys.executable, journal=str(journal)), encoding="utf-8")
    hook.chmod(0o755)
    return hook
