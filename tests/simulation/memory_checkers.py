"""The checkers of memory and membership: who may promise at all, and under which list.

Rule: a node without intact state is silent until it has sat out and recovered; a list of members
is obeyed only by those whose file has it, and a new one only when the old one has no quorum left.
"""

from tests.simulation.checkers import Watched
from tests.simulation.node_process import NodeProcess
from tests.simulation.stage import Stage, Violation
from watchdog.core import effects as fx
from watchdog.core.messages import Beacon, Grant, StateRequest, Tenure, Vote
from watchdog.instant import elapsed_lo


class LostMemoryWaits:
    """A node without intact state sits out before it recovers, and promises nothing until then."""

    def __init__(self, stage: Stage) -> None:
        self._blank: dict[str, NodeProcess] = {}
        stage.watch.process_started.append(self.saw_start)
        stage.watch.sent.setdefault(Grant, []).append(self.said)
        stage.watch.sent.setdefault(Vote, []).append(self.said)
        stage.watch.sent.setdefault(StateRequest, []).append(self.asks)
        stage.watch.saved.append(self.saw_save)

    def saw_start(self, process: NodeProcess) -> None:
        """A process has found its state, or not."""
        self._blank.pop(process.name, None)
        if process.loaded.amnesiac:
            self._blank[process.name] = process

    def saw_save(self, machine: Watched, record: fx.HardState) -> None:
        """The first record of a blank node is its recovery."""
        process = self._blank.get(machine.name)
        if process is None or record.voted_for is None:
            return
        self._sat_out(process, "recovers")
        del self._blank[machine.name]

    def asks(self, process: NodeProcess, _: str, request: StateRequest) -> None:
        """A blank node asks for the others' state."""
        if self._blank.get(process.name) is process:
            self._sat_out(process, "asks")

    def said(self, process: NodeProcess, _: str, message: Vote | Grant) -> None:
        """Anybody votes or grants."""
        if self._blank.get(process.name) is process:
            text = f"{process.name} has no memory and says {type(message).__name__}"
            raise Violation("lost memory waits", text)

    def _sat_out(self, process: NodeProcess, what: str) -> None:
        now = process.machine.clock.read(process.stage.heap.now)
        if elapsed_lo(now, process.born) < process.settings.timing.promise_ns:
            text = f"{process.name} {what} before it has sat out a promise"
            raise Violation("lost memory waits", text)


class MembersAgree:
    """A GRANT answers only a request under the very members digest of its voter."""

    def __init__(self, stage: Stage) -> None:
        self._digests: dict[Tenure, bytes] = {}
        stage.watch.sent.setdefault(Vote, []).append(self.asked)
        stage.watch.sent.setdefault(Beacon, []).append(self.asked)
        stage.watch.sent.setdefault(Grant, []).append(self.saw_grant)

    def asked(self, process: NodeProcess, _: str, message: Vote | Beacon) -> None:
        """A tenure is claimed under the digest of its node."""
        self._digests[message.tenure] = process.settings.digest

    def saw_grant(self, process: NodeProcess, _: str, grant: Grant) -> None:
        """A voter promises."""
        if self._digests.get(grant.tenure, process.settings.digest) != process.settings.digest:
            text = f"{process.name} grants {grant.tenure.node} under another list of members"
            raise Violation("members agree", text)


class MembershipMovesTogether:
    """A new list is obeyed only when the rest of the old one is no quorum of it any more."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._old: dict[str, NodeProcess] = {}
        stage.watch.process_started.append(self.saw_start)
        stage.watch.saved.append(self.saw_save)

    def saw_start(self, process: NodeProcess) -> None:
        """A process starts with an old list that it must not leave alone."""
        self._old.pop(process.name, None)
        if process.settings.old_members and not process.loaded.amnesiac:
            self._old[process.name] = process

    def saw_save(self, machine: Watched, record: fx.HardState) -> None:
        """A record without the old list: the new one is obeyed."""
        process = self._old.get(machine.name)
        if process is None or record.old_members:
            return
        del self._old[machine.name]
        old = dict(process.settings.old_members or ())
        left = sum(w for name, w in old.items() if not self._has_moved(name, record.digest))
        if 2 * left > sum(old.values()):
            text = f"{machine.name} obeys the new list while {left} of {old} have the old one"
            raise Violation("membership moves together", text)

    def _has_moved(self, name: str, digest: bytes) -> bool:
        machine: Watched = self._stage.machines[self._stage.index_of[name]]
        if machine.durable is not None:
            return machine.durable.digest == digest
        node = machine.node
        return node is None or node.settings.digest == digest
