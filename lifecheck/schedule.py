"""Runs each probe at its pace: first at once, never twice at a time, no longer than allowed.

A run that takes too long is cancelled and counts as failed.  One that does not even let go then is
abandoned: the probe fails, is not started again, and says so, until that run has ended.
The schedule judges nothing: each outcome goes to `took`, which says when the next one is wanted.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from lifecheck.log import Log
from lifecheck.probes import Outcome, Probe

LET_GO_S: Final = 0.25
"""A cancelled run has so long to close its sockets and kill its processes."""

Took = Callable[[Outcome], int]
"""Takes an outcome; milliseconds from the start of that run to the start of the next."""


class Slot:
    """One probe and its runs."""

    def __init__(self, name: str, probe: Probe, timeout_ms: int, took: Took, log: Log) -> None:
        self.timeout_ms = timeout_ms
        self.abandoned = 0
        """Runs that did not let go, ever."""
        self._name = name
        self._probe = probe
        self._took = took
        self._log = log
        self._is_held = False
        self._is_dropped = False
        """Whether nobody wants the outcome of the present run any more."""
        self._wake = asyncio.Event()
        self._run: asyncio.Task[Outcome] | None = None

    def hold(self) -> None:
        """Stop to run: what is under way is cancelled, and its outcome wanted by nobody."""
        self._is_held = self._is_dropped = True
        self._wake.clear()
        if self._run is not None:
            self._run.cancel()

    def wake(self) -> None:
        """Run now (and go on), or once more as soon as the present run is over."""
        self._is_held = False
        self._wake.set()

    async def serve(self, group: asyncio.TaskGroup) -> None:
        """Run until cancelled; the runs themselves are tasks of `group`."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                while self._is_held:
                    await self._wake.wait()
                self._wake.clear()
                started_s = loop.time()
                pause_ms = await self._once(group)
                if pause_ms is not None:
                    await self._sleep(started_s + pause_ms / 1000 - loop.time())
        finally:
            self._probe.close()

    async def _once(self, group: asyncio.TaskGroup) -> int | None:
        self._is_dropped = False
        run = self._run = group.create_task(self._probe.run())
        await asyncio.wait((run,), timeout=self.timeout_ms / 1000)
        if not run.done():
            # Asked before it is cancelled: afterwards it does nothing any more.
            what = f"timed out after {self.timeout_ms} ms: {self._probe.doing}"
            run.cancel()
            await asyncio.wait((run,), timeout=LET_GO_S)
            outcome = Outcome(ok=False, detail=what)
            if not run.done():
                await self._outlast(run, what)
        elif run.cancelled():
            outcome = Outcome(ok=False, detail="the run was cancelled")
        else:
            outcome = run.result()
        self._run = None
        return None if self._is_dropped else self._took(outcome)

    async def _outlast(self, run: asyncio.Task[Outcome], what: str) -> None:
        self.abandoned += 1
        self._log.error("probe_stuck", probe=self._name, why=what)
        while not run.done():
            pause_ms = 1000
            if not self._is_dropped:
                pause_ms = self._took(Outcome(ok=False, detail=f"does not let go; {what}"))
            await asyncio.wait((run,), timeout=pause_ms / 1000)
        self._log.info("probe_freed", probe=self._name)

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._wake.wait()
        except TimeoutError:
            return
