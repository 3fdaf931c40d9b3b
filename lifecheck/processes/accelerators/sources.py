"""Ties the accelerators to the loop: opens what there is, hands on what it says, lets go of it.

Rule: one that cannot be had is named with its reason and missed by nobody.  A source that wakes
us up too often is rested for a moment, so that a storm of events costs bunches, not wake-ups.
"""

import asyncio
import functools
import os
from collections.abc import Callable, Iterable

from lifecheck.processes import procfs
from lifecheck.processes.accelerators import (
    EXIT_TRACEPOINT,
    EXITING_POLL,
    PROCESS_CONNECTOR,
    REST_S,
    Accelerators,
)
from lifecheck.processes.accelerators.connector import Connector
from lifecheck.processes.accelerators.exiting import EVERY_S, QUIET_S, Exiting
from lifecheck.processes.accelerators.tracepoint import Ring


class Sources:
    """The accelerators at work."""

    def __init__(
        self,
        accelerators: Accelerators,
        renamed: Callable[[Iterable[int]], None],
        begun: Callable[[Iterable[int]], None],
        lost: Callable[[], None],
    ) -> None:
        self.accelerators = accelerators
        self._renamed = renamed
        self._begun = begun
        self._lost = lost
        self._loop: asyncio.AbstractEventLoop
        self._connector: Connector | None = None
        self._rings: list[Ring] = []
        self._exiting: Exiting | None = None
        self._woken_s: dict[int, float] = {}
        self._resting: dict[int, asyncio.TimerHandle] = {}

    def open(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take what there is, before the first scan: what happens meanwhile waits in queues."""
        self._loop = loop
        if PROCESS_CONNECTOR in self.accelerators.wanted:
            self._open_connector()
        if EXIT_TRACEPOINT in self.accelerators.wanted:
            self._open_tracepoint()
        if EXITING_POLL in self.accelerators.wanted:
            if self._rings:
                self.accelerators.refuse(EXITING_POLL, "not needed beside exit_tracepoint")
            else:
                self._exiting = Exiting()
                self.accelerators.use(EXITING_POLL)

    def _open_connector(self) -> None:
        fd = self.accelerators.take_connector()
        if fd is None:
            why = "the guardian could not open it (see its log)"
            self.accelerators.refuse(PROCESS_CONNECTOR, why)
            return
        if not procfs.is_first_namespace():
            os.close(fd)
            why = "the kernel tells it only outside of containers"
            self.accelerators.refuse(PROCESS_CONNECTOR, why)
            return
        try:
            self._connector = Connector(fd)
        except OSError as error:
            self.accelerators.refuse(PROCESS_CONNECTOR, str(error))
            return
        self.accelerators.use(PROCESS_CONNECTOR)

    def _open_tracepoint(self) -> None:
        if not self.accelerators.perf_fds:
            why = "the guardian could not open it (see its log)"
            self.accelerators.refuse(EXIT_TRACEPOINT, why)
            return
        try:
            for fd in self.accelerators.perf_fds:
                self._rings.append(Ring(fd))
        except OSError as error:
            self._close_rings()
            self.accelerators.refuse(EXIT_TRACEPOINT, str(error))
            return
        self.accelerators.use(EXIT_TRACEPOINT)

    def listen(self) -> None:
        """Hand on what they say from now on."""
        if self._connector is not None:
            self._listen(self._connector.fileno(), self._drain_connector)
        for ring in self._rings:
            self._listen(ring.fd, functools.partial(self._drain_ring, ring))

    def _listen(self, fd: int, drain: Callable[[], None]) -> None:
        self._loop.add_reader(fd, self._ready, fd, drain)

    def _ready(self, fd: int, drain: Callable[[], None]) -> None:
        now_s = self._loop.time()
        if now_s - self._woken_s.get(fd, 0.0) < REST_S:
            self._loop.remove_reader(fd)
            self._resting[fd] = self._loop.call_later(REST_S, self._resume, fd, drain)
        self._woken_s[fd] = now_s
        drain()

    def _resume(self, fd: int, drain: Callable[[], None]) -> None:
        del self._resting[fd]
        self._listen(fd, drain)
        drain()  # what came while nobody listened does not wake us up by itself

    def _drain_ring(self, ring: Ring) -> None:
        self._begun(ring.drain())

    def _drain_connector(self) -> None:
        connector = self._connector
        if connector is None:
            return
        try:
            changed, dumping, is_lost = connector.drain()
        except OSError as error:
            self._close_connector()
            self.accelerators.refuse(PROCESS_CONNECTOR, str(error))
            self._lost()
            return
        if dumping:
            self._begun(dumping)
        if changed:
            self._renamed(changed)
        if is_lost:
            self._lost()

    async def poll(self) -> None:
        """Look at the big ones for as long as we run."""
        while self._exiting is not None:
            await asyncio.sleep(EVERY_S if self._exiting.pids else QUIET_S)
            self._begun(self._exiting.doomed())

    def measure(self, pid: int) -> None:
        """Look how big a process is; any thread may call."""
        if self._exiting is not None:
            self._exiting.measure(pid)

    def forget(self, pid: int) -> None:
        """It is gone."""
        if self._exiting is not None:
            self._exiting.forget(pid)

    def close(self) -> None:
        """Let go of everything."""
        for handle in self._resting.values():
            handle.cancel()
        self._resting.clear()
        self._close_connector()
        self._close_rings()

    def _close_connector(self) -> None:
        if self._connector is not None:
            self._unlisten(self._connector.fileno())
            self._connector.close()
            self._connector = None
        self.accelerators.close_connector()

    def _close_rings(self) -> None:
        for ring in self._rings:
            self._unlisten(ring.fd)
            ring.close()
        self._rings.clear()
        self.accelerators.close_perf()

    def _unlisten(self, fd: int) -> None:
        if handle := self._resting.pop(fd, None):
            handle.cancel()
        self._loop.remove_reader(fd)
