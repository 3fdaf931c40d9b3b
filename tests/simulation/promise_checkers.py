"""The checkers of promises: never shortened, never moved back, never while another one stands.

Rule: what a voter owes is computed from what it was asked and what it answered, by its own clock,
and ends only by time, by a RELEASE that it was given, or with the machine's power plus a sit-out.
"""

from dataclasses import dataclass

from tests.simulation.node_process import NodeProcess
from tests.simulation.stage import Stage, Violation
from watchdog.core import events
from watchdog.core.messages import Beacon, Grant, Release, Tenure, Vote
from watchdog.instant import Instant, elapsed_lo

Round = tuple[Tenure, int]
ASKED_MAX = 1024
"""A node that was frozen takes in seconds of beacons at once while its disk is slow."""


@dataclass(slots=True)
class Debt:
    """What a machine promised: `tenure` alone, until `since` + `length_ns` by the slower clock."""

    tenure: Tenure
    since: Instant
    length_ns: int


class PromiseIsKept:
    """Nobody else is granted, and no own round is sent, while a promise stands."""

    def __init__(self, stage: Stage) -> None:
        self._debts: dict[str, dict[str, Debt]] = {}
        self._asked: dict[str, dict[Round, Instant]] = {}
        watch = stage.watch
        watch.handled.setdefault(events.MessageReceived, []).append(self.handled)
        watch.sent.setdefault(Grant, []).append(self.saw_grant)
        watch.sent.setdefault(Vote, []).append(self.own_round)
        watch.sent.setdefault(Beacon, []).append(self.own_round)
        watch.sent.setdefault(Release, []).append(self.released_own)
        watch.process_started.append(self.saw_start)

    def saw_start(self, process: NodeProcess) -> None:
        """A new process forgets; its sit-out (`SitsOut`) stands in the place of its debts."""
        self._debts[process.name] = {}
        self._asked[process.name] = {}

    def handled(self, process: NodeProcess, event: events.MessageReceived) -> None:
        """A request is a possible debt, and a RELEASE ends one."""
        message = event.message
        kind = type(message)
        if kind is Beacon or kind is Vote:
            assert isinstance(message, (Beacon, Vote))
            self._note(process, message)
        elif kind is Release:
            assert isinstance(message, Release)
            self._forgive(process, message.tenure)

    def _note(self, process: NodeProcess, message: Beacon | Vote) -> None:
        if isinstance(message, Vote) and message.transfer is not None:
            self._forgive(process, message.transfer)
        asked = self._asked[process.name]
        key = (message.tenure, message.round)
        if key not in asked:
            asked[key] = process.machine.clock.read(process.stage.heap.now)
            if len(asked) > ASKED_MAX:
                del asked[next(iter(asked))]

    def _forgive(self, process: NodeProcess, over: Tenure) -> None:
        debts = self._debts[process.name]
        debt = debts.get(over.node)
        if debt is not None and debt.tenure.inc == over.inc and debt.tenure.no <= over.no:
            del debts[over.node]

    def saw_grant(self, process: NodeProcess, _: str, grant: Grant) -> None:
        """A voter promises."""
        now = process.machine.clock.read(process.stage.heap.now)
        since = self._asked[process.name].get((grant.tenure, grant.round))
        if since is None:
            raise Violation("promise is kept", f"{process.name} grants what it was not asked")
        self._owes_nobody_else(process, grant.tenure, now)
        self._owe(process, grant.tenure, since)

    def own_round(self, process: NodeProcess, _: str, message: Vote | Beacon) -> None:
        """A candidate or coordinator counts its own promise."""
        now = process.machine.clock.read(process.stage.heap.now)
        self._owes_nobody_else(process, message.tenure, now)
        self._owe(process, message.tenure, now)

    def released_own(self, process: NodeProcess, _: str, release: Release) -> None:
        """A node has ended a tenure of its own."""
        self._forgive(process, release.tenure)

    def _owes_nobody_else(self, process: NodeProcess, tenure: Tenure, now: Instant) -> None:
        for node, debt in self._debts[process.name].items():
            if node in {process.name, tenure.node}:
                continue
            left = debt.length_ns - elapsed_lo(now, debt.since)
            if left > 0:
                raise Violation(
                    "promise is kept",
                    f"{process.name} supports {tenure.node}, owes {node} {left / 1e6:.1f} ms more",
                )

    def _owe(self, process: NodeProcess, tenure: Tenure, since: Instant) -> None:
        length_ns = process.settings.timing.promise_ns
        debts = self._debts[process.name]
        debt = debts.get(tenure.node)
        if debt is None or debt.since < since:
            debts[tenure.node] = Debt(tenure, since, length_ns)


class PromiseIsNewer:
    """A promise is renewed only by a newer round; a granted round may be granted again."""

    def __init__(self, stage: Stage) -> None:
        self._last: dict[tuple[bytes, bytes], tuple[int, int]] = {}
        stage.watch.sent.setdefault(Grant, []).append(self.saw_grant)

    def saw_grant(self, process: NodeProcess, _: str, grant: Grant) -> None:
        """A voter promises."""
        key = (process.inc, grant.tenure.inc)
        this = (grant.tenure.no, grant.round)
        last = self._last.get(key, (0, 0))
        if this < last:
            raise Violation(
                "promise is renewed by newer rounds only",
                f"{process.name} grants {this} of {grant.tenure.node} after {last}",
            )
        self._last[key] = this


class SitsOut:
    """A new process neither votes nor asks for votes until every promise it may have forgotten."""

    def __init__(self, stage: Stage) -> None:
        stage.watch.sent.setdefault(Grant, []).append(self.saw_grant)
        stage.watch.sent.setdefault(Vote, []).append(self.saw_vote)

    def saw_grant(self, process: NodeProcess, _: str, grant: Grant) -> None:
        """Only votes are barred; an intact node may answer beacons."""
        if grant.is_vote:
            self._look(process)

    def saw_vote(self, process: NodeProcess, _: str, vote: Vote) -> None:
        """A candidate votes for itself."""
        self._look(process)

    def _look(self, process: NodeProcess) -> None:
        now = process.machine.clock.read(process.stage.heap.now)
        gone = elapsed_lo(now, process.born)
        if gone < process.settings.timing.promise_ns:
            raise Violation("sits out", f"{process.name} votes {gone / 1e6:.1f} ms after its start")


class PromiseCoversHard:
    """Whoever grants promises for longer than the holder may be on."""

    def __init__(self, stage: Stage) -> None:
        self._hard: dict[Tenure, int] = {}
        stage.watch.sent.setdefault(Vote, []).append(self.asked)
        stage.watch.sent.setdefault(Beacon, []).append(self.asked)
        stage.watch.sent.setdefault(Grant, []).append(self.saw_grant)

    def asked(self, process: NodeProcess, _: str, message: Vote | Beacon) -> None:
        """Every round says how long its holder may be on."""
        self._hard[message.tenure] = process.settings.timing.hard_ns

    def saw_grant(self, process: NodeProcess, _: str, grant: Grant) -> None:
        """A voter promises."""
        hard = self._hard.get(grant.tenure, 0)
        promise = process.settings.timing.promise_ns
        if promise * 990 < hard * 1010:
            raise Violation(
                "promise covers hard",
                f"{process.name} promises {promise} ns to {grant.tenure.node} with hard {hard} ns",
            )
