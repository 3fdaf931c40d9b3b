"""Ours, as it is installed: a process check of the pid file, everything else by default."""

from typing import Final

from bench.peers.stage import NODES, PIDFILE, Stage
from watchdog.cli.demo.cluster import PIDFILE as WATCHED
from watchdog.cli.demo.cluster import Cluster, Layout
from watchdog.cli.demo.lab import VIP, run
from watchdog.cli.privileges import best_scheduling

PACKAGES: Final = ()
assert PIDFILE == WATCHED


class Quorumdog:
    """Three quorumdogs on a stage."""

    def __init__(self, stage: Stage, timing: str) -> None:
        self._stage = stage
        addresses = {name: place.address for name, place in stage.lab.places.items()}
        layout = Layout(
            addresses,
            (f"{VIP}/24",),
            scheduling=best_scheduling(),
            timing=timing,
            has_service=True,
        )
        self._cluster = Cluster(stage.folder, layout, stage.lab, stage.interrupt)

    def start_all(self) -> None:
        """Everything, from nothing."""
        for node in NODES:
            self._stage.start_service(node)
        for node in NODES:
            self._stage.wait_service(node)
            self._cluster.start(node)

    def start(self, node: str) -> None:
        """Start the daemon."""
        self._cluster.running[node].kill()
        self._cluster.start(node)

    def is_ready(self) -> bool:
        """Every node says that all is well."""
        return self._cluster.is_healthy()

    def kill_service(self, node: str) -> None:
        """The watched process."""
        self._stage.kill_service(node)

    def restore_service(self, node: str) -> None:
        """The watched process runs again."""
        self._stage.start_service(node)

    def switchover(self, node: str) -> None:
        """As an operator does."""
        config = str(self._cluster.config(node))
        run(self._cluster.command(node, "switchover", "--config", config))

    def end_switchover(self, node: str) -> None:
        """Nothing to undo."""

    def stop(self) -> None:
        """Nothing of it is left."""
        for running in self._cluster.running.values():
            running.kill()
