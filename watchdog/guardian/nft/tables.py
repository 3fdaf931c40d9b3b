"""The gate's tables in the kernel: make, open a ticket, arm, close, look after, remove.

Rule: one thread uses them, each call does one thing and waits only for the kernel.  What is made
is closed; tables that somebody changed are not mended but made anew.  "" means done, any other
text says what is wrong.
"""

import contextlib
import errno
import os
import socket
from collections.abc import Mapping
from typing import Final, NamedTuple

from watchdog.guardian.nft import batch, leasing, listing, ruleset
from watchdog.guardian.nft.kernel import Kernel, RefusedError
from watchdog.guardian.plan import Vip

BLIND_MAX: Final = 5
"""So many looks without an answer, and the gate counts as lost."""
_GENERATIONS: Final = 1 << 32


class Outcome(NamedTuple):
    """What came of a call; `remade` says why the tables had to be made anew.

    Not every fault is a gate that `is_lost`: a lease that could not be taken away lapses by itself.
    """

    why: str
    remade: str = ""
    is_lost: bool = False


class Tables:
    """All tables of one gate. Nothing is in the kernel before `make`."""

    def __init__(self, table: str, vips: tuple[Vip, ...], kernel: Kernel) -> None:
        self._table = table
        self._vips = vips
        self._kernel = kernel
        self._interfaces: dict[str, int] = {}
        """Those that the tables were made with, and their numbers: a successor has another."""
        self._families = ruleset.Setup(table, vips, ()).families
        self._opening = leasing.Template(leasing.opening(table))
        self._reopening = leasing.Template(leasing.reopening(table))
        self._arming = leasing.Template(leasing.arming(table, self._families))
        self._closing = leasing.Template(leasing.closing(table, self._families))
        self._made: tuple[listing.Thing, ...] = ()
        self._generation = 0
        self._commits = 0
        """Own transactions since the generation was read: each is one generation."""
        self._is_counted = False
        """Whether `_commits` is exact; it is not once something was done that may be nothing."""
        self._is_proven = False
        self._blind = 0
        """Looks in a row that the kernel did not answer."""

    def make(self) -> None:
        """Make all of it anew, closed. Raises OSError that says what the kernel refused."""
        self._interfaces = self._present()
        setup = ruleset.Setup(self._table, self._vips, tuple(self._interfaces))
        requests = ruleset.creation(setup)
        try:
            self._kernel.do(requests)
        except RefusedError as error:
            seq, code = error.faults[0]
            what = listing.describe(requests[seq - 1]) if seq else "the transaction"
            raise OSError(code, f"{what}: {os.strerror(code)}") from None
        self._is_proven = False
        self._count_from(self._read_generation())
        self._made = self._list()
        expected = len(requests) - 2 * len(self._families)
        if len(self._made) != expected:
            self._made = ()  # somebody was faster; the next check makes it anew

    def open(self, no: int, round_no: int, timeout_ms: int) -> Outcome:
        """Put the ticket of a round; when it returns, the kernel has it."""
        try:
            self._fill(self._opening, no, round_no, timeout_ms)
        except RefusedError as error:
            if error.errno == errno.EEXIST:
                return self._open_again(self._reopening, no, round_no, timeout_ms)
            if error.errno != errno.ENOENT:
                return Outcome(_say(error))
            remade = self._remake("its table is gone")
            if remade.why:
                return remade
            return self._open_again(self._opening, no, round_no, timeout_ms, remade.remade)
        except OSError as error:
            return Outcome(_say(error))
        return Outcome("")

    def arm(self, no: int, round_no: int, timeout_ms: int) -> Outcome:
        """Put the lease by spending a ticket; without the ticket nothing changes."""
        try:
            self._fill(self._arming, no, round_no, timeout_ms)
        except RefusedError as error:
            if error.faults == [(self._arming.size, errno.ENOENT)]:
                return Outcome(f"the ticket of round {round_no} has expired or was spent")
            if error.errno != errno.ENOENT:
                return Outcome(_say(error))
            remade = self._remake("its table is gone")
            if remade.why:
                return remade
            return Outcome("the gate had gone; the next round arms it", remade.remade)
        except OSError as error:
            return Outcome(_say(error))
        return Outcome(self._prove())

    def close(self) -> Outcome:
        """End the lease and void all tickets, in one transaction."""
        self._is_proven = False
        self._is_counted = False  # what changes nothing is no generation, and who knows if it does
        try:
            self._transact(self._closing)
        except RefusedError as error:
            if error.errno == errno.ENOENT:
                return self._remake("its table is gone")
            return Outcome(_say(error))
        except OSError as error:
            return Outcome(_say(error))
        return Outcome("")

    def check(self) -> Outcome:
        """See that all of it is there as it was made; else make it anew."""
        try:
            missing = self._missing()
        except OSError as error:
            # Somebody's rules change all the time, or memory is short: that is no gate lost yet.
            self._blind += 1
            return Outcome(_say(error), is_lost=self._blind >= BLIND_MAX)
        self._blind = 0
        return self._remake(missing) if missing else Outcome("")

    def remove(self) -> None:
        """Remove what there is. Raises OSError."""
        remove(self._kernel, self._table)

    def _missing(self) -> str:
        moved = _moved(self._interfaces, self._present())
        if moved:
            return moved
        generation = self._read_generation()
        if not self._is_as_counted(generation):
            found = self._list()
            if not self._made or found != self._made:
                return listing.difference(self._made, found)
            self._count_from(generation)
        return ""

    def _is_as_counted(self, generation: int) -> bool:
        """Whether nobody but this object has done a transaction since it last listed."""
        expected = (self._generation + self._commits) % _GENERATIONS
        return bool(self._made) and self._is_counted and generation == expected

    def _count_from(self, generation: int) -> None:
        self._generation, self._commits, self._is_counted = generation, 0, True

    def _remake(self, why: str) -> Outcome:
        try:
            self.make()
        except OSError as error:
            self._made = ()
            return Outcome(f"{why}, and it cannot be made anew: {error.strerror}", is_lost=True)
        return Outcome("", f"{why}; it was made anew, closed")

    def _open_again(
        self, how: leasing.Template, no: int, round_no: int, timeout_ms: int, remade: str = ""
    ) -> Outcome:
        try:
            self._fill(how, no, round_no, timeout_ms)
        except OSError as error:
            return Outcome(_say(error), remade)
        return Outcome("", remade)

    def _prove(self) -> str:
        """Read the first lease of a time back: what was acknowledged must be there."""
        if self._is_proven:
            return ""
        for family in self._families:
            try:
                self._kernel.ask(leasing.question(self._table, family))
            except OSError as error:
                return f"the lease does not read back from {batch.FAMILIES[family]}: {error}"
        self._is_proven = True
        return ""

    def _fill(self, how: leasing.Template, no: int, round_no: int, timeout_ms: int) -> None:
        how.fill(no, round_no, timeout_ms)
        self._transact(how)

    def _transact(self, how: leasing.Template) -> None:
        self._kernel.transact(how.data, how.size)
        self._commits += 1

    def _present(self) -> dict[str, int]:
        """The interfaces that exist now, and their numbers."""
        found = {}
        for interface in dict.fromkeys(vip.interface for vip in self._vips):
            with contextlib.suppress(OSError):
                found[interface] = socket.if_nametoindex(interface)
        return found

    def _read_generation(self) -> int:
        try:
            return listing.generation(self._kernel.ask(listing.GENERATION))
        except ValueError as error:
            raise OSError(errno.EBADMSG, str(error)) from None

    def _list(self) -> tuple[listing.Thing, ...]:
        found: list[listing.Thing] = []
        for question in listing.questions(self._table, self._families, tuple(self._interfaces)):
            try:
                found += listing.things(self._kernel.ask(question), self._table)
            except FileNotFoundError:
                continue  # the list that is too short says so
            except ValueError as error:
                raise OSError(errno.EBADMSG, str(error)) from None
        return tuple(found)


def remove(kernel: Kernel, table: str) -> None:
    """Remove the tables of that name in all families. Raises OSError."""
    found = []
    for family in batch.FAMILIES:
        try:
            kernel.ask(listing.table_question(table, family))
        except OSError as error:
            if error.errno not in {errno.ENOENT, errno.EOPNOTSUPP, errno.EAFNOSUPPORT}:
                raise
        else:
            found.append(family)
    if found:
        kernel.do(ruleset.removal(table, found))


def _moved(made: Mapping[str, int], present: Mapping[str, int]) -> str:
    """What has become of the interfaces that the tables were made with.

    Chains go with their interface, and no generation tells: its number must.
    """
    for name in {**made, **present}:
        if name not in present:
            return f"interface {name} has gone"
        if name not in made:
            return f"interface {name} has come"
        if made[name] != present[name]:
            return f"interface {name} has gone and come back"
    return ""


def _say(error: OSError) -> str:
    return f"nf_tables: {error.strerror or error}"
