"""Starts, kills and ends the watched service of each node (`service` is what runs)."""

import sys
from collections.abc import Sequence
from pathlib import Path

from watchdog.cli.demo.cluster import Cluster
from watchdog.cli.demo.processes import Running


class Services:
    """One process for each node; `vips` are what it answers on."""

    def __init__(self, cluster: Cluster, vips: Sequence[str]) -> None:
        self._cluster = cluster
        self._vips = tuple(vips)
        self._running: dict[str, Running] = {}

    def start(self, name: str) -> None:
        """Start the service of a node, which must not run."""
        assert name not in self._running, f"the service of {name} runs already"
        module = [sys.executable, "-I", "-m", "watchdog.cli.demo.service"]
        argv = [*module, name, str(self._cluster.pidfile(name)), *self._vips]
        command = argv if self._cluster.lab is None else self._cluster.lab.command(name, argv)
        log = Path(self._cluster.folder, name, "service.log")
        self._running[name] = Running(command, log, {})

    def start_all(self) -> None:
        """Start the service of every node, and wait until each has said its number."""
        for name in self._cluster.names:
            self.start(name)
        self._cluster.interrupt.wait("the services", self._all_there, 10.0)

    def _all_there(self) -> bool:
        return all(self._cluster.pidfile(name).exists() for name in self._cluster.names)

    def kill(self, name: str) -> None:
        """SIGKILL the service of a node."""
        self._running.pop(name).kill()

    def end(self) -> None:
        """Nothing of them is left."""
        for name in list(self._running):
            self.kill(name)
