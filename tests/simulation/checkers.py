"""The checkers of every run: what must never be seen, whatever happens. Each is a small object.

Rule: a checker looks from outside at what processes say, save and hold; it decides nothing for
them.  `never two on` is never excused; a term won twice or an epoch that falls is excused, and
counted, only in a run that `Excuse` allows: the residuals that election.md 4 documents.
Promises have checkers of their own, in `promise_checkers`.
"""

from typing import Protocol

from tests.simulation.guardian_process import GuardianProcess
from tests.simulation.kernel import Kernel
from tests.simulation.node_process import NodeProcess
from tests.simulation.stage import Stage, Violation
from watchdog import guardian_protocol as protocol
from watchdog.core import effects as fx
from watchdog.core.messages import GONE_NO, Beacon, Grant, Release, Tenure, Vote


class Watched(Protocol):
    """A machine as checkers see it."""

    stage: Stage
    index: int
    name: str
    kernel: Kernel
    node: NodeProcess | None
    guardian: GuardianProcess | None
    durable: fx.HardState | None

    @property
    def is_on(self) -> bool:
        """The guardian's view."""

    @property
    def is_serving(self) -> bool:
        """The clients' view."""


class NeverTwoOn:
    """At no instant do two machines serve the VIP, or are two on (see `kernel` for who counts)."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        stage.watch.held.append(self.look)

    def look(self, _: Watched) -> None:
        """Somebody holds more than before."""
        machines = self._stage.machines
        on = [m.name for m in machines if m.is_on and not m.kernel.exempt]
        serving = [m.name for m in machines if m.is_serving]
        if len(on) > 1 or len(serving) > 1:
            raise Violation("never two on", f"on: {on}, serving the VIP: {serving}")


class Excuse:
    """Whether a term won twice, or an epoch that falls, is a documented residual of this run."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._lost: set[str] = set()
        self._old_copy = self._forgot = False
        self._recovering: set[str] = set()
        self._highest = 0
        stage.watch.state_gone.append(self.state_gone)
        stage.watch.saved.append(self.saw_record)

    def state_gone(self, machine: Watched, how: str) -> None:
        """A disk was wiped, damaged, or overwritten with an older copy of itself."""
        if how == "old copy":
            self._old_copy = True
        self._lost.add(machine.name)
        self._recovering.add(machine.name)

    def saw_term(self, term: int) -> None:
        """Somebody leads in this term."""
        self._highest = max(self._highest, term)

    def saw_record(self, machine: Watched, record: fx.HardState) -> None:
        """The first record after a loss has the term with which the node recovered."""
        if machine.name in self._recovering:
            self._recovering.remove(machine.name)
            self._forgot = self._forgot or record.term < self._highest

    def or_raise(self, checker: str, text: str) -> None:
        """Count it when it is excused; otherwise it is a violation."""
        stage = self._stage
        offsets = stage.wall_offsets_ms
        wrong_walls = max(offsets) != min(offsets)
        most = 2 * len(self._lost) > len(offsets)
        if not (self._old_copy or (wrong_walls and (most or self._forgot))):
            raise Violation(checker, text)
        stage.excused[checker] += 1


class OneWinnerPerTerm:
    """A term is led by one node, ever."""

    def __init__(self, stage: Stage, excuse: Excuse) -> None:
        self._excuse = excuse
        self._leader: dict[int, str] = {}
        stage.watch.sent.setdefault(Beacon, []).append(self.saw_beacon)
        stage.watch.changed_state.append(self.saw_change)

    def saw_beacon(self, process: NodeProcess, _: str, beacon: Beacon) -> None:
        """Who sends beacons leads."""
        self._leads(beacon.term, process.name)

    def saw_change(self, process: NodeProcess, change: fx.StateChanged) -> None:
        """Who says that it is the coordinator leads."""
        if change.new == "COORDINATOR":
            self._leads(change.term, process.name)

    def _leads(self, term: int, name: str) -> None:
        self._excuse.saw_term(term)
        first = self._leader.setdefault(term, name)
        if first != name:
            self._leader[term] = name
            text = f"term {term} is led by {first} and by {name}"
            self._excuse.or_raise("one winner per term", text)


class EpochsRise:
    """The fencing token of an escalation is above that of every earlier tenure."""

    def __init__(self, stage: Stage, excuse: Excuse) -> None:
        self._excuse = excuse
        self._last: tuple[int, str] = (0, "")
        stage.watch.accepted.append(self.saw_claim)

    def saw_claim(self, machine: Watched, claim: protocol.Extend | protocol.Escalate) -> None:
        """A guardian went on."""
        if type(claim) is not protocol.Escalate:
            return
        last, who = self._last
        self._last = (claim.epoch, machine.name)
        if claim.epoch < last or (claim.epoch == last and machine.name != who):
            text = f"epoch {claim.epoch} of {machine.name} after {last} of {who}"
            self._excuse.or_raise("epochs only rise", text)


class SavedBeforeSaid:
    """What a VOTE or GRANT relies on is durable on the disk of its sender."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        stage.watch.sent.setdefault(Vote, []).append(self.saw_vote)
        stage.watch.sent.setdefault(Grant, []).append(self.saw_grant)

    def saw_vote(self, process: NodeProcess, _: str, vote: Vote) -> None:
        """VOTE: the term, and the vote for oneself."""
        record = self._stage.machines[process.index].durable
        if record is None or (record.term, record.voted_for) != (vote.term, process.name):
            self._fail(process, f"VOTE of term {vote.term}", record)

    def saw_grant(self, process: NodeProcess, _: str, grant: Grant) -> None:
        """GRANT: the term; of a VOTE also the vote; and a promise of this length."""
        record = self._stage.machines[process.index].durable
        if record is None or record.term < grant.term:
            self._fail(process, f"GRANT of term {grant.term}", record)
        elif grant.is_vote and (record.term, record.voted_for) != (grant.term, grant.tenure.node):
            self._fail(process, f"GRANT of a vote of term {grant.term}", record)
        elif record.max_promise_ms < process.settings.timing.promise_ms:
            self._fail(process, "GRANT of a longer promise", record)

    def _fail(self, process: NodeProcess, what: str, record: fx.HardState | None) -> None:
        kept = f"term {record.term}, vote {record.voted_for}" if record else "nothing"
        raise Violation(
            "grant only after its fsync", f"{process.name} says {what}; durable is {kept}"
        )


class TermNeverFalls:
    """What a machine has on disk never goes back, unless its disk was touched."""

    def __init__(self, stage: Stage) -> None:
        self._terms: dict[str, int] = {}
        stage.watch.saved.append(self.saw_save)
        stage.watch.state_gone.append(self.gone)

    def saw_save(self, machine: Watched, record: fx.HardState) -> None:
        """A record is durable."""
        last = self._terms.get(machine.name, 0)
        if record.term < last:
            raise Violation("terms only rise", f"{machine.name} saved {record.term} after {last}")
        self._terms[machine.name] = record.term

    def gone(self, machine: Watched, _: str) -> None:
        """Somebody touched the disk."""
        self._terms.pop(machine.name, None)


class ReleaseAfterOff:
    """A RELEASE or will leaves only when its tenure is off, and the tenure never comes back."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._over: dict[bytes, int] = {}
        stage.watch.sent.setdefault(Release, []).append(self.saw_release)
        stage.watch.will_sent.append(self.saw_will)
        stage.watch.accepted.append(self.saw_claim)

    def saw_release(self, process: NodeProcess, _: str, release: Release) -> None:
        """A node says that one of its tenures is over."""
        inc = release.tenure.inc
        if inc == process.inc:
            self._ended(self._stage.machines[process.index], inc, release.tenure.no)

    def saw_will(self, machine: Watched, inc: bytes) -> None:
        """A guardian says that a whole incarnation is over."""
        if machine.node is not None and machine.node.inc == inc:
            raise Violation("release only after off", f"will of the living node {machine.name}")
        self._ended(machine, inc, GONE_NO)

    def _ended(self, machine: Watched, inc: bytes, no: int) -> None:
        if no <= self._over.get(inc, -1):
            return  # a repeated copy
        if machine.is_on or machine.is_serving:
            raise Violation("release only after off", f"{machine.name} releases and is on")
        self._over[inc] = no

    def saw_claim(self, machine: Watched, claim: protocol.Extend | protocol.Escalate) -> None:
        """A guardian is on, or stays on, for a tenure of its node."""
        node = machine.node
        if node is not None and claim.no <= self._over.get(node.inc, -1):
            raise Violation("release only after off", f"{machine.name}: tenure {claim.no} is back")


class OffByHard:
    """A guardian that runs is off by the hard bound of its tenure."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        stage.watch.went_off.append(self.off)

    def off(self, machine: Watched) -> None:
        """It says that all is off."""
        if not machine.kernel.exempt and machine.kernel.was_late(self._stage.heap.now):
            raise Violation("off by hard", f"{machine.name} was on after its hard bound")


class LeaseIsCovered:
    """A guardian is on only while a quorum granted rounds of this tenure no older than `s`.

    The own weight counts until the node grants somebody else: then its tenures so far are over.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._newest: dict[Tenure, dict[str, int]] = {}
        self._claimed: dict[bytes, int] = {}
        self._lent: dict[bytes, int] = {}
        stage.watch.sent.setdefault(Grant, []).append(self.saw_grant)
        stage.watch.sent.setdefault(Vote, []).append(self.saw_vote)
        stage.watch.accepted.append(self.saw_claim)

    def saw_vote(self, process: NodeProcess, _: str, vote: Vote) -> None:
        """A node claims a tenure."""
        self._claimed[process.inc] = vote.tenure.no

    def saw_grant(self, process: NodeProcess, _: str, grant: Grant) -> None:
        """A voter has promised."""
        self._lent[process.inc] = self._claimed.get(process.inc, 0)
        newest = self._newest.setdefault(grant.tenure, {})
        sent = grant.sent.raw_ns
        if newest.get(process.name, -1) < sent:
            newest[process.name] = sent

    def saw_claim(self, machine: Watched, claim: protocol.Extend | protocol.Escalate) -> None:
        """A guardian counts its lease from `s`."""
        node = machine.node
        if node is None:
            return
        newest = self._newest.get(Tenure(node.name, node.inc, claim.no), {})
        weights = {m.name: m.weight for m in node.settings.members}
        is_lent = claim.no <= self._lent.get(node.inc, -1)
        have = 0 if is_lent else weights[node.name]
        for name, sent in newest.items():
            if name in weights and sent >= claim.s.raw_ns:
                have += weights[name]
        if 2 * have <= sum(weights.values()):
            raise Violation(
                "lease is covered", f"{node.name} counts from {claim.s}, grants: {newest}"
            )
