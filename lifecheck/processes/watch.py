"""Watches the processes that checks name: a death is told by the kernel, a birth is looked for.

Rule: when the last process of a kind is lost, who was born meanwhile is looked at before anybody
hears of it: a daemon that forks twice, or hands over to its successor, has not died.  A look costs
microseconds (newcomers.py); a scan of everything is for the start, for titles that change late
and for events that were lost, and is done in a thread: reading one sick process can block.
"""

import asyncio
import functools
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol, TypeVar

from lifecheck import clock
from lifecheck.processes import procfs
from lifecheck.processes.accelerators import Accelerators
from lifecheck.processes.accelerators.sources import Sources
from lifecheck.processes.census import Census, Inspected, Seen
from lifecheck.processes.matching import Rule
from lifecheck.processes.newcomers import YOUNG_MAX

HURRY_S: Final = (0.005, 0.01, 0.02, 0.05, 0.1)
"""Pauses between the looks after a loss; the last one goes on for a while."""
HURRY_MS: Final = 3_000
SHORT_MS: Final = 60_000
"""As long as something is missing, looks go on at that pace, but no longer than this."""
SCAN_EVERY_S: Final = 10.0
SCAN_SHARE: Final = 1 / 500
"""Of a processor: a scan of very many processes is spread over more time."""
SLICE: Final = 256
UNHELD_EVERY_S: Final = 1.0
STUCK_S: Final = 2.0
HEIRS_MAX: Final = 16
"""Of the young, so many are asked before a loss is told, the newest first: a loss cannot wait
for the hundreds that a busy machine starts. The rest is asked HURRY_S later."""
LOOKS_MAX: Final = 4
"""For heirs of heirs, before a loss is told."""
T = TypeVar("T")


class Log(Protocol):
    """What is said about the watch itself."""

    def info(self, event: str, /, **fields: str | float | bool | None) -> None:
        """Say that `event` happened."""

    def warning(self, event: str, /, **fields: str | float | bool | None) -> None:
        """Say what somebody should look at."""


class ProcessWatch:
    """Counts the processes of each rule, and says when a count changes."""

    def __init__(
        self,
        rules: Sequence[Rule],
        changed: Callable[[int], None],
        accelerators: Accelerators,
        log: Log,
    ) -> None:
        self._changed = changed
        self._log = log
        self._sources = Sources(accelerators, self._renamed, self._begun, self._events_lost)
        self._census = Census(rules, self._sources.forget)
        self._has_looked = False
        self._owed: set[int] = set()
        self._missed = 0
        """Looks that left somebody out."""
        self._covered = 0
        """So many of those were made good by a scan that began later."""
        self._scan_wanted = asyncio.Event()
        self._hurried = asyncio.Event()
        self._step = len(HURRY_S)
        self._lost_ms = clock.now_ms() - SHORT_MS
        self._limited = asyncio.Event()

    def seen(self, index: int) -> Seen | None:
        """What is known of a rule now; None until the first look has ended."""
        return self._census.seen(index) if self._has_looked else None

    def accelerators(self) -> list[str]:
        """Names of those in use."""
        return list(self._sources.accelerators.in_use)

    def pace(self, index: int, every_ms: int) -> None:
        """Have new processes looked for at another pace."""
        rules = self._census.rules
        rules[index] = rules[index]._replace(every_ms=every_ms)
        self._hurry()

    def look_again(self, index: int) -> None:
        """Look at everything now; `changed` is called when that is done."""
        self._owed.add(index)
        self._scan_wanted.set()

    async def run(self) -> None:
        """Watch until cancelled."""
        loop = asyncio.get_running_loop()
        table = self._census.table
        try:
            self._sources.open(loop)
            self._say_accelerators()
            await self._scan(is_gentle=False)
            self._look()
            self._has_looked = True
            loop.add_reader(table.epoll.fileno(), self._deaths)
            self._sources.listen()
            self._say(range(len(self._census.rules)))
            async with asyncio.TaskGroup() as group:
                group.create_task(self._looks())
                group.create_task(self._scans())
                group.create_task(self._poll_unheld())
                group.create_task(self._sources.poll())
        finally:
            loop.remove_reader(table.epoll.fileno())
            self._sources.close()
            table.close()

    def _say_accelerators(self) -> None:
        used, refused = self.accelerators(), self._sources.accelerators.refused
        without = "; ".join(f"{name}: {why}" for name, why in refused.items())
        self._log.info("accelerators_opened", used=" ".join(used) or None, without=without or None)

    # What the kernel tells.

    def _deaths(self) -> None:
        lost: set[int] = set()
        for held in self._census.table.ended():
            lost |= self._census.drop(held)
        self._lost(lost)

    def _begun(self, pids: Iterable[int]) -> None:
        lost: set[int] = set()
        for pid in pids:
            lost |= self._census.begun(pid)
        if lost:
            self._lost(lost)

    def _renamed(self, pids: Iterable[int]) -> None:
        """These have just called exec or changed their name."""
        now_ms = clock.now_ms()
        touched: set[int] = set()
        if self._census.matcher.has_lists:
            touched |= self._look()  # a pidfile or a control group may name them by now
        for pid in pids:
            touched |= self._census.examine_young(pid, now_ms)
        self._settle(touched)

    def _events_lost(self) -> None:
        self._log.warning("process_events_lost")
        self._scan_wanted.set()

    # What is done about it.

    def _lost(self, places: Iterable[int]) -> None:
        self._lost_ms = clock.now_ms()
        self._settle(places)
        self._hurry()

    def _settle(self, places: Iterable[int]) -> None:
        """Tell of these places; where something is missing, look for a successor first."""
        census = self._census
        lost, rules = set(places), census.rules_of(places)
        for _ in range(LOOKS_MAX):
            short = census.short(lost)
            if not short:
                break
            lost = census.examine_few(short)
            # Who ended during this look may have an heir that was born after it.
            lost |= self._look(HEIRS_MAX)
            rules |= census.rules_of(lost)
            if self._missed > self._covered:
                self._owed |= rules
                self._scan_wanted.set()
                return
        self._say(rules)

    def _say(self, rules: Iterable[int]) -> None:
        if not self._has_looked:
            return
        if self._census.table.unheld and not self._limited.is_set():
            self._limited.set()
            self._log.warning("processes_limited", held=self._census.table.fds_max)
        waiting = self._owed & self._census.rules_of(self._census.short()) if self._owed else ()
        for index in rules:
            if index not in waiting:  # an heir is still being looked for
                self._changed(index)

    # Looks and scans.

    def _look(self, at_most: int = YOUNG_MAX) -> set[int]:
        touched, is_complete = self._census.look(clock.now_ms(), at_most)
        if not is_complete:
            self._missed += 1
            self._scan_wanted.set()
        return touched

    def _hurry(self) -> None:
        is_resting = self._step >= len(HURRY_S)
        self._step = 0
        if is_resting:
            self._hurried.set()

    async def _looks(self) -> None:
        while True:
            if await _within(self._hurried, self._pause_s()):
                self._hurried.clear()
                continue  # the pause is a short one now
            self._settle(self._look())

    def _pause_s(self) -> float:
        if self._step < len(HURRY_S):
            self._step += 1
            return HURRY_S[self._step - 1]
        since_ms = clock.now_ms() - self._lost_ms
        if since_ms < HURRY_MS or (since_ms < SHORT_MS and self._census.short()):
            return HURRY_S[-1]
        return min((rule.every_ms for rule in self._census.rules), default=2_000) / 1000

    async def _scans(self) -> None:
        while True:
            is_urgent = await _within(self._scan_wanted, SCAN_EVERY_S)
            self._scan_wanted.clear()
            owed, self._owed = self._owed, set()  # whoever comes later waits for the next scan
            await self._scan(is_gentle=not is_urgent)
            self._say(owed)

    async def _scan(self, *, is_gentle: bool) -> None:
        """Look at every process, a slice at a time; a gentle scan makes way for an urgent one."""
        missed = self._missed
        census, measure = self._census, self._sources.measure
        census.matcher.begin_scan()
        census.matcher.refresh()
        pids = await self._off_loop(procfs.pids)
        for start in range(0, len(pids), SLICE):
            part = pids[start : start + SLICE]
            result: Inspected = await self._off_loop(
                functools.partial(census.inspect, part, measure)
            )
            self._settle(census.take(result))
            if is_gentle and await _within(self._scan_wanted, result.cpu_s / SCAN_SHARE):
                return
        self._covered = missed

    async def _off_loop(self, work: Callable[[], T]) -> T:
        future = asyncio.get_running_loop().run_in_executor(None, work)
        done, _ = await asyncio.wait({future}, timeout=STUCK_S)
        if not done:
            self._log.warning("process_scan_stuck", seconds=STUCK_S)
            owed, self._owed = self._owed, set()
            self._say(owed)
        return await future

    async def _poll_unheld(self) -> None:
        """Those for which there was no descriptor, once there are any."""
        await self._limited.wait()
        while True:
            await asyncio.sleep(UNHELD_EVERY_S)
            if unheld := list(self._census.table.unheld.values()):
                work = functools.partial(self._census.unheld_gone, unheld)
                lost: set[int] = set()
                for pid in await self._off_loop(work):
                    lost |= self._census.examine(pid)
                if lost:
                    self._lost(lost)


async def _within(event: asyncio.Event, seconds: float) -> bool:
    """Whether the event was set in this time."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
