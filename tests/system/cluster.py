"""Clusters of real daemons for the system tests: the demo's laboratory, with faults by name.

Rule: what is claimed is taken from the observing process, which sees every kernel's address
events in one queue, so an overlap of two holders is found however short it was.  What the nodes
say of themselves is used only to know when to go on.
"""

import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Final

from tests.system.exclusion import TwoHoldersError, check_too, watched
from watchdog.cli.demo import timeline
from watchdog.cli.demo.cluster import Cluster, Layout
from watchdog.cli.demo.interrupt import Interrupt
from watchdog.cli.demo.journal import Journal, read
from watchdog.cli.demo.lab import VIP, VIP6, Lab
from watchdog.cli.demo.namespaces import laboratory, observed
from watchdog.cli.demo.processes import Running
from watchdog.cli.demo.services import Services
from watchdog.cli.privileges import best_scheduling
from watchdog.guardian.locks import SENTINEL_RECORD

NAMES: Final = ("alpha", "beta", "gamma", "delta", "epsilon")
VIPS: Final = (f"{VIP}/24", f"{VIP6}/64")
LOG_LINES: Final = 40


def names_of(count: int) -> tuple[str, ...]:
    """As many names; after the Greek ones they are numbers."""
    return (*NAMES[:count], *(f"n{number:02}" for number in range(len(NAMES) + 1, count + 1)))


_count = itertools.count()


class SystemCluster:
    """A running cluster, the faults that can be done to it, and what was seen from outside."""

    def __init__(self, cluster: Cluster, lab: Lab, journal: Journal) -> None:
        self.cluster = cluster
        self.lab = lab
        self.journal = journal
        self.names = cluster.names
        self.may_hold: int | None = 1
        """How many nodes may hold at once in its whole life; None: whoever broke it meant to."""
        self.services = Services(cluster, (VIP,) if cluster.layout.vips else ())

    # --- processes

    def start(self, name: str, *options: str, **env: str) -> Running:
        """Start a node (again), with options of `run`."""
        return self.cluster.start(name, *options, env=env)

    def stop(self, name: str, seconds: float = 8.0) -> int | None:
        """SIGTERM to the guardian, as systemd does; its exit code."""
        return self.cluster.stop(name, seconds)

    def guardian_pid(self, name: str) -> int:
        """The guardian of a node."""
        return self.cluster.running[name].pid

    def node_pid(self, name: str) -> int:
        """The node process of a node."""
        pid = self.cluster.running[name].node_pid()
        assert pid is not None, f"{name} has no node process: {self.log(name)}"
        return pid

    def sentinel_pid(self, name: str) -> int:
        """The sentinel of a node."""
        record = self.cluster.folder / name / "run" / SENTINEL_RECORD
        return int(record.read_text(encoding="ascii").split()[0])

    def signal(self, name: str, what: str, number: int) -> None:
        """Signal `guardian`, `node` or `sentinel` of a node, `both` first or `all` three."""
        sentinel = self.sentinel_pid(name) if what in ("sentinel", "all") else 0
        guardian, node = self.guardian_pid(name), self.node_pid(name)
        whole = {"both": (guardian, node), "all": (sentinel, guardian, node)}
        parts = {"guardian": (guardian,), "node": (node,), "sentinel": (sentinel,)}
        for pid in {**parts, **whole}[what]:
            os.kill(pid, number)

    def kill(self, name: str, what: str = "node") -> None:
        """SIGKILL."""
        self.mark(f"{name}: SIGKILL {what}")
        self.signal(name, what, signal.SIGKILL)

    def freeze(self, name: str, what: str = "node") -> None:
        """SIGSTOP."""
        self.mark(f"{name}: SIGSTOP {what}")
        self.signal(name, what, signal.SIGSTOP)

    def thaw(self, name: str, what: str = "node") -> None:
        """SIGCONT."""
        self.signal(name, what, signal.SIGCONT)

    # --- network

    def cut(self, name: str) -> None:
        """Cut a node off from everything; its carrier stays."""
        self.mark(f"{name}: cut off")
        self.lab.cut(name)

    def heal(self, name: str) -> None:
        """Undo `cut`."""
        self.lab.heal(name)

    def block(self, source: str, target: str) -> None:
        """Drop all frames from one node to another, in this direction only."""
        self.mark(f"{source} -> {target}: blocked")
        self.lab.block(source, target)

    def unblock(self, source: str, target: str) -> None:
        """Undo `block`."""
        self.lab.unblock(source, target)

    # --- what the nodes say

    def status(self, name: str) -> dict[str, Any]:
        """What a node says of itself; fails when it does not answer."""
        body = self.cluster.status(name)
        assert body is not None, f"{name} does not answer: {self.log(name)}"
        return body

    def lifecheck_pid(self, name: str) -> int:
        """The lifecheck process of a node."""
        return self.helper_pid(name, b"lifecheck")

    def helper_pid(self, name: str, module: bytes) -> int:
        """The process of a node that runs a module."""
        for pid in self.cluster.running[name].family():
            with suppress(OSError):
                if module in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                    return pid
        raise AssertionError(f"{name} has no process {module.decode()}: {self.log(name)}")

    def log(self, name: str) -> str:
        """Everything a node printed."""
        return self.cluster.log(name).read_text(encoding="utf-8", errors="replace")

    def wait_healthy(self, seconds: float = 30.0) -> str:
        """Wait until every node says that all is well; the coordinator."""
        return self.cluster.wait_healthy(seconds)

    def wait_coordinator(self, other_than: str | None = None, seconds: float = 20.0) -> str:
        """Wait until there is a coordinator that is on."""
        return self.cluster.wait_coordinator(other_than, seconds)

    def pause(self, seconds: float) -> None:
        """Let time pass."""
        self.cluster.interrupt.pause(seconds)

    # --- what was seen from outside

    def mark(self, title: str) -> None:
        """Note a fault: the outage that follows is charged to it."""
        self.journal.write("fault", title=title)

    def observations(self) -> list[dict[str, Any]]:
        """Everything seen so far."""
        return read(self.journal.path)

    def changes(self) -> list[timeline.Change]:
        """Every time a VIP came or went, in the kernels' order."""
        return list(timeline.changes(self.observations()))

    def holders(self) -> timeline.Holders:
        """The largest number of nodes that held a VIP at once; exact."""
        return timeline.holders(self._whole())

    def _whole(self) -> list[dict[str, Any]]:
        seen = self.observations()
        if any(one["kind"] == "lost" for one in seen):
            raise TwoHoldersError("the observer lost messages: there may have been two holders")
        return seen

    def expect_one_holder(self) -> None:
        """One node held at any instant so far, and no two."""
        found = self.holders()
        if found.most > 1:
            raise TwoHoldersError(f"{found.most} holders at once: {', '.join(found.nodes)}")
        assert found.most == 1, "nobody ever held a VIP"

    def expect_not_too_many(self) -> None:
        """What holds for every test, also one that has failed; machines outside do not count."""
        seen = [o for o in self._whole() if o["kind"] != "address" or o["node"] in self.names]
        found = timeline.holders(seen)
        if self.may_hold is not None and found.most > self.may_hold:
            raise TwoHoldersError(f"{found.most} holders at once: {', '.join(found.nodes)}")

    def holding(self) -> set[str]:
        """The nodes that hold a VIP now."""
        held: set[tuple[str, str]] = set()
        for change in self.changes():
            key = change.node, change.what
            held = held | {key} if change.is_up else held - {key}
        return {node for node, _ in held}

    def outages(self) -> list[timeline.Outage]:
        """What each fault cost the client."""
        return timeline.outages(self.observations())


@contextmanager
def run_cluster(
    count: int = 3,
    *,
    start: bool = True,
    vips: tuple[str, ...] = VIPS,
    scheduling: str | None = None,
    timing: str = "default",
    nodes: Mapping[str, str] | None = None,
    cluster: str = "",
    tables: str = "",
    watched: tuple[str, ...] = (),
    has_service: bool = False,
) -> Iterator[SystemCluster]:
    """Run `count` nodes in namespaces of their own, observed; nothing is left afterwards.

    `watched` are addresses that hooks hold, so that no [vip] table has them. `nodes`, `cluster`
    and `tables` are more lines of the configuration, as in `Layout`; `{home}` in them stands for
    the node's folder. `has_service`: each node watches a process of its own that answers on the
    VIP (`services`), instead of the observer's.
    """
    folder = Path(tempfile.mkdtemp(prefix="quorumdog-test-"))
    folder.chmod(0o755)
    prefix = f"qt{os.getpid()}x{next(_count)}"
    addresses = (*(vip.partition("/")[0] for vip in vips), *watched)
    try:
        with laboratory(prefix, names_of(count)) as lab:
            plan = Layout(
                {name: place.address for name, place in lab.places.items()},
                vips=vips,
                scheduling=scheduling or best_scheduling(),
                timing=timing,
                nodes=nodes or {},
                cluster=cluster,
                tables=tables,
                has_service=has_service,
            )
            made = Cluster(folder, plan, lab, Interrupt(()))
            journal = Journal(folder / "observations.jsonl")
            outside = observed(lab, journal.path, addresses, serves=not has_service)
            with outside if addresses else nullcontext():
                journal.write(
                    "start", mode="test", vips=list(addresses), nodes=list(plan.addresses)
                )
                yield from _running(SystemCluster(made, lab, journal), start=start)
            journal.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _running(made: SystemCluster, *, start: bool) -> Iterator[SystemCluster]:
    """Run the nodes around the test; one that fails shows what they printed, and is counted."""
    try:
        if made.cluster.layout.has_service:
            made.services.start_all()
        if start:
            made.cluster.start_all()
        with watched(made.expect_not_too_many):
            yield made
    except BaseException as failure:
        for name in made.cluster.running:
            print(
                f"--- {name}, the last lines:", *made.log(name).splitlines()[-LOG_LINES:], sep="\n"
            )
        check_too(failure, made.expect_not_too_many)
        raise
    finally:
        for node in made.cluster.running.values():
            for pid in node.family():
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
        made.journal.write("end")
        made.cluster.stop_all()
        made.services.end()
