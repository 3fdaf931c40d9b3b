"""The demo as root: namespaces, a real VIP, a client, and the kernels as witnesses of it all."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from watchdog.cli.demo.cluster import Cluster, Layout
from watchdog.cli.demo.interrupt import Interrupt
from watchdog.cli.demo.journal import Journal
from watchdog.cli.demo.lab import VIP, VIP6, Lab, LabError
from watchdog.cli.demo.outside import Spec
from watchdog.cli.demo.services import Services
from watchdog.cli.demo.story import Scene

ASK_MS: Final = 5
END_S: Final = 5.0


class Observing:
    """The observing process; ends when `close` closes its standard input."""

    def __init__(self, spec: Spec) -> None:
        command = [sys.executable, "-I", "-m", "watchdog.cli.demo.observe", spec.to_json()]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            self.close()
            raise LabError("the observer did not start; its error is above")

    def close(self) -> None:
        """End it, by force after a while."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


@contextmanager
def laboratory(prefix: str, names: tuple[str, ...]) -> Iterator[Lab]:
    """Namespaces that are gone afterwards, with everything that still runs in them."""
    lab = Lab(prefix, names)
    try:
        lab.build()
        yield lab
    finally:
        for fault in lab.destroy():
            print(f"could not clean up: {fault}", file=sys.stderr)


@contextmanager
def observed(
    lab: Lab, journal: Path, vips: tuple[str, ...], *, serves: bool = True
) -> Iterator[None]:
    """Watch the laboratory from outside, into the journal; `serves`: and answer on the VIP."""
    nodes = {place.nsid: (place.name, place.namespace) for place in lab.places.values()}
    observing = Observing(Spec(str(journal), lab.network, nodes, vips, ASK_MS, serves))
    try:
        yield
    finally:
        observing.close()


@contextmanager
def scene(
    folder: Path,
    names: tuple[str, ...],
    scheduling: str,
    interrupt: Interrupt,
    say: Callable[[str], None],
    prefix: str,
) -> Iterator[Scene]:
    """Make everything the story needs, and remove it again."""
    journal = Journal(folder / "observations.jsonl")
    addresses = (VIP, VIP6)
    with laboratory(prefix, names) as lab:
        layout = Layout(
            {name: place.address for name, place in lab.places.items()},
            vips=(f"{VIP}/24", f"{VIP6}/64"),
            scheduling=scheduling,
            has_service=True,
        )
        cluster = Cluster(folder, layout, lab, interrupt)
        services = Services(cluster, (VIP,))

        def plant(name: str, up: bool) -> None:
            change = lab.add_address if up else lab.remove_address
            change(name, f"{VIP}/24")

        with observed(lab, journal.path, addresses, serves=False):
            journal.write("start", mode="namespaces", vips=list(addresses), nodes=list(names))
            try:
                yield Scene(cluster, journal, lab.cut, lab.heal, plant, say, services)
            finally:
                end(cluster, journal)
                services.end()


def end(cluster: Cluster, journal: Journal) -> None:
    """Stop the nodes; what happens from here on is not charged to the last fault."""
    journal.write("end")
    for name in cluster.stop_all():
        journal.write("problem", text=f"{name} did not stop within its time and was killed")
