"""Who is held for which place, and every synchronous way in which that changes. Owns no clock loop.

Rule: a method that may change a count returns the places whose count it has touched, and whoever
calls it tells of them.  `inspect` alone may run in a thread: it only reads.
"""

import itertools
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

from lifecheck import clock
from lifecheck.detector import DETAIL_MAX
from lifecheck.processes import procfs
from lifecheck.processes.matching import Matcher, Rule, has_ended
from lifecheck.processes.newcomers import YOUNG_MAX, Newcomers
from lifecheck.processes.pidfds import UNHELD, Held, Table, hold

FEW: Final = 16
"""So many that remain are asked again who they are: a child may have borrowed its title."""
PIDS_MAX: Final = 64
Places = frozenset[int] | set[int]


class Seen(NamedTuple):
    """What is known of one rule; of several prefixes the one that is worst off."""

    alive: int
    early: int
    """How many of them have certainly begun to die."""
    detail: str
    pids: tuple[int, ...]
    """At most PIDS_MAX of them."""


class Inspected(NamedTuple):
    """What a slice of a scan found."""

    new: list[Held]
    strange: list[int]
    """Known, and now belonging elsewhere."""
    cpu_s: float


class Census:
    """The processes of all rules."""

    def __init__(self, rules: Sequence[Rule], forget: Callable[[int], None]) -> None:
        self.rules = list(rules)
        self.matcher = Matcher(rules)
        self.table = Table(len(self.matcher.places))
        # Who was born a moment ago may be in the middle of an exec, and say nothing to a scan.
        self._newcomers = Newcomers(max(procfs.newest() - YOUNG_MAX, 0), procfs.number_max())
        self._forget = forget
        self._last_ended = [0] * len(self.matcher.places)
        self._hides_others = procfs.hides_others()

    def look(self, now_ms: int, at_most: int = YOUNG_MAX) -> tuple[set[int], bool]:
        """Look at the new and at most so many of the young; False: there were too many new."""
        suspects = [*self.matcher.refresh(), *self._newcomers.again(now_ms, at_most)]
        born = self._newcomers.since(procfs.newest())
        touched: set[int] = set()
        for pid in suspects:
            if pid in self.table.by_pid or procfs.exists(pid):
                touched |= self.examine(pid)
        for pid in born or ():
            if procfs.exists(pid):
                touched |= self.examine_young(pid, now_ms)
            else:
                self._newcomers.expect(pid, now_ms)
        return touched, born is not None

    def examine_young(self, pid: int, now_ms: int) -> set[int]:
        """Examine a process that may soon call itself something else."""
        self._newcomers.add(pid, now_ms)
        return self.examine(pid)

    def examine_few(self, places: Iterable[int]) -> set[int]:
        """Examine who remains in these places, where they are few."""
        touched: set[int] = set()
        for place in places:
            members = self.table.members[place]
            for pid in list(members) if len(members) <= FEW else ():
                touched |= self.examine(pid)
        return touched

    def examine(self, pid: int) -> set[int]:
        """Find out where a process belongs now."""
        touched: set[int] = set()
        held = self.table.by_pid.get(pid)
        if held is not None and (held.has_ended() or (held.fd == UNHELD and has_ended(pid))):
            touched |= self.drop(held)
            held = None
        places = self.matcher.find(pid)
        if held is None:
            found = hold(pid, self.matcher.find) if places else None
            return touched | (self._add(found) if found else set())
        if places == held.places:
            return touched
        if not places >= held.places and procfs.is_silent(pid):
            return touched | self._doubt(held)
        touched |= held.places ^ places
        if places:
            self.table.move(held, places)
        else:
            self.drop(held)
        return touched

    def _doubt(self, held: Held) -> set[int]:
        """It lives and says nothing of itself: it is in the middle of an exec, or of its end."""
        if held.dying or not procfs.is_doomed(held.pid):
            return set()
        self.table.mark_dying(held)
        return set(held.places)

    def inspect(self, pids: Sequence[int], measure: Callable[[int], None]) -> Inspected:
        """In a thread: who is new and who belongs elsewhere."""
        started_ns = time.thread_time_ns()
        new, strange = [], []
        for pid in pids:
            places = self.matcher.find(pid)
            held = self.table.by_pid.get(pid)
            if held is not None:
                measure(pid)
                if held.places != places:
                    strange.append(pid)
            elif places and (found := hold(pid, self.matcher.find)) is not None:
                new.append(found)
        return Inspected(new, strange, (time.thread_time_ns() - started_ns) / 1e9)

    def take(self, result: Inspected) -> set[int]:
        """Make what a thread has found our own."""
        touched: set[int] = set()
        for found in result.new:
            held = self.table.by_pid.get(found.pid)
            if held is not None and held.has_ended():
                touched |= self.drop(held)
                held = None
            if held is None:
                touched |= self._add(found)
            else:
                found.close()
        for pid in result.strange:
            touched |= self.examine(pid)
        return touched

    def unheld_gone(self, unheld: Sequence[Held]) -> list[int]:
        """In a thread: which of those that no descriptor watches are not what they were."""
        return [
            held.pid
            for held in unheld
            if self.matcher.find(held.pid) != held.places or has_ended(held.pid)
        ]

    def begun(self, pid: int) -> Places:
        """Somebody says that a process has begun to die: believed when /proc says so, too."""
        held = self.table.by_pid.get(pid)
        if held is None or held.dying or held.has_ended() or not procfs.is_doomed(pid):
            return set()
        self.table.mark_dying(held)
        return held.places

    def drop(self, held: Held) -> set[int]:
        """It has ended, or belongs nowhere any more."""
        self.table.drop(held)
        self._forget(held.pid)
        self._newcomers.expect(held.pid, clock.now_ms())  # the number may be another's already
        for place in held.places:
            self._last_ended[place] = held.pid
        return set(held.places)

    def _add(self, found: Held) -> set[int]:
        self.table.add(found)
        return set(found.places)

    def rules_of(self, places: Iterable[int]) -> set[int]:
        """Rules to which these places belong."""
        return {self.matcher.places[place].rule for place in places}

    def short(self, places: Iterable[int] | None = None) -> list[int]:
        """Places of these (of all) where something is missing."""
        every = range(len(self.matcher.places))
        return [place for place in (every if places is None else places) if self._is_short(place)]

    def seen(self, index: int) -> Seen:
        """What is known of a rule."""
        own = [n for n, place in enumerate(self.matcher.places) if place.rule == index]
        place = min(own, key=self._living)
        pids = tuple(itertools.islice(self.table.members[place], PIDS_MAX))
        count, early = len(self.table.members[place]), self.table.dying[place]
        return Seen(count, early, self._detail(index, place, early), pids)

    def _living(self, place: int) -> int:
        return len(self.table.members[place]) - self.table.dying[place]

    def _is_short(self, place: int) -> bool:
        return self._living(place) < self.rules[self.matcher.places[place].rule].min_count

    def _detail(self, index: int, place: int, early: int) -> str:
        members, wanted = self.table.members[place], self.rules[index].min_count
        what = self.matcher.places[place].what
        parts = []
        if members:
            more = f" (+{len(members) - 1})" if len(members) > 1 else ""
            parts.append(f"pid {next(iter(members))}{more}")
        if early:
            parts.append(f"{early} dying" if len(members) > 1 else "dying")
        if self._living(place) < wanted:
            if members:
                parts.append(f"wanted {wanted}: {what}")
            else:
                parts.append(f"no process: {what}")
            if last := self._last_ended[place]:
                parts.append(f"pid {last} ended")
            parts += self._why_blind(index)
        if self.table.unheld:
            parts.append(f"{len(self.table.unheld)} without a descriptor: looked at each second")
        text = "; ".join(parts)
        return "".join(char if char.isprintable() else "?" for char in text[:DETAIL_MAX])

    def _why_blind(self, index: int) -> list[str]:
        faults = [self.matcher.fault(index)]
        if self._hides_others:
            faults.append("/proc hides the processes of other users (hidepid)")
        return [fault for fault in faults if fault]
