"""The cluster that is measured: real daemons in namespaces, and one observing process outside.

As in the system tests, but the client asks more often than the 5 ms of the demo: no outage is
measured finer than that.  The service that answers is a process that its node watches, unless a
part brings its own.  Everything is gone at the end.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.system.cluster import NAMES, VIPS, SystemCluster
from watchdog.cli.demo.cluster import Cluster, Layout
from watchdog.cli.demo.interrupt import Interrupt
from watchdog.cli.demo.journal import Journal
from watchdog.cli.demo.lab import Lab
from watchdog.cli.demo.namespaces import Observing, laboratory
from watchdog.cli.demo.outside import Spec
from watchdog.cli.privileges import best_scheduling

NODES: Final = NAMES[:3]
QUIET_MS: Final = 10_000
"""How often the observer's client asks where it is not what is measured."""


def _nothing(_folder: Path) -> None:
    """Nothing to prepare."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a part needs beyond three nodes; `{home}` and `{folder}` in `tables` are folders.

    `prepare` makes what must be there before the nodes start, in the folder of the cluster.
    """

    tables: str = ""
    nodes: Mapping[str, str] = field(default_factory=dict)
    has_service: bool = True
    prepare: Callable[[Path], None] = _nothing


USUAL: Final = Plan()


@contextmanager
def running(profile: str, ask_every_ms: int, plan: Plan = USUAL) -> Iterator[SystemCluster]:
    """Run three nodes with this timing, in the best scheduling class that is permitted."""
    folder = Path(tempfile.mkdtemp(prefix="quorumdog-bench-"))
    folder.chmod(0o755)
    interrupt = Interrupt()
    try:
        with laboratory(f"qb{os.getpid()}", NODES) as lab:
            lab.keeps_cgroups = True  # as where it is installed: hooks are held in them
            layout = _layout(profile, plan, folder, lab)
            made = SystemCluster(
                Cluster(folder, layout, lab, interrupt), lab, Journal(folder / "observations")
            )
            plan.prepare(folder)
            observing = Observing(_spec(made, ask_every_ms))
            try:
                if plan.has_service:
                    made.services.start_all()
                made.cluster.start_all()
                yield made
            finally:
                made.cluster.stop_all()
                made.services.end()
                observing.close()
                made.journal.close()
    finally:
        interrupt.release()
        shutil.rmtree(folder, ignore_errors=True)


def _layout(profile: str, plan: Plan, folder: Path, lab: Lab) -> Layout:
    return Layout(
        {name: place.address for name, place in lab.places.items()},
        VIPS,
        scheduling=best_scheduling(),
        timing=profile,
        nodes=plan.nodes,
        tables=plan.tables.replace("{folder}", str(folder)),
        has_service=plan.has_service,
    )


def _spec(made: SystemCluster, ask_every_ms: int) -> Spec:
    places = made.lab.places.values()
    vips = tuple(vip.partition("/")[0] for vip in VIPS)
    made.journal.write("start", mode="bench", vips=list(vips), nodes=list(made.names))
    nodes = {place.nsid: (place.name, place.namespace) for place in places}
    return Spec(str(made.journal.path), made.lab.network, nodes, vips, ask_every_ms, serves=False)
