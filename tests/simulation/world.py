"""One cluster under one seed: faults, then healing and the demand for progress, and again.

Rule: `run` raises `Violation` and nothing else; whatever else escapes from the daemon's code is a
violation too (an invariant of its own, or a crash).  Same seed, same run: `World.crc` says so.
The bound of progress: see `liveness_bound`.
"""

import traceback
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Final

from tests.simulation import checkers, memory_checkers, promise_checkers
from tests.simulation.faults import FAULTS
from tests.simulation.files import NAMES, ConfigFile, digest_of, grown, members_of
from tests.simulation.heap import Heap
from tests.simulation.machine import Machine
from tests.simulation.mix import Mix
from tests.simulation.network import REDIAL_MAX_NS, Network
from tests.simulation.stage import Stage, Violation, Watch
from watchdog.core.settings import Timing
from watchdog.instant import MS, SECOND

POLL_NS: Final = 50 * MS
PENALTY_MAX_NS: Final = 60 * SECOND


def liveness_bound(timing: Timing, *, escalation_failed: bool) -> int:
    """How long after healing a coordinator must serve, in ns.

    A link that is broken but not known to be (TCP_USER_TIMEOUT), the longest back-off of a dial,
    the restart of a node that gave up on its disk (back-off 5 s), its sit-out, promises that still
    stand, the window, four lost candidacies, a health that must last 1 s, the escalation, and the
    stand-down after it.  A failed escalation makes a node ineligible for up to 60 s.
    """
    broken = 2 * max(timing.soft_ns, SECOND) + int(1.25 * REDIAL_MAX_NS)
    restarted = 6 * SECOND + timing.promise_ns
    elected = timing.promise_ns + timing.window_ns + 4 * (timing.vote_wait_ns + timing.slot_ns)
    settled = 3 * SECOND + timing.standdown_ns + timing.escalation_timeout_ns
    return broken + restarted + elected + settled + PENALTY_MAX_NS * escalation_failed


class World:
    """Everything of one run."""

    def __init__(
        self,
        mix: Mix,
        log: Callable[[str, str, str], None] | None = None,
        *,
        outcomes_only: bool = False,
    ) -> None:
        """`outcomes_only`: judge by what clients see (two on, terms, epochs), not by conduct."""
        self.mix = mix
        self.heap = Heap()
        size = mix.size + mix.spare
        members = members_of(mix.topology)
        names = NAMES[:size]
        network = Network(self.heap, _stream(mix.seed, "network"), size)
        self.rng = _stream(mix.seed, "faults")
        half = mix.wall_spread_ms // 2
        self.stage = Stage(
            seed=mix.seed,
            heap=self.heap,
            network=network,
            watch=Watch(),
            index_of={name: index for index, name in enumerate(names)},
            wall_offsets_ms=[self.rng.randint(-half, half) for _ in names],
            log=log,
        )
        self.network = network
        self.file = ConfigFile(
            members=members,
            timing=mix.timing,
            has_hook=mix.has_hook,
            escalation_hook=mix.escalation_hook,
            failback=mix.failback,
            on_loss_release=mix.on_loss_release,
        )
        self.edited = replace(self.file, members=grown(members, mix.spare))
        self.machines = [Machine(self.stage, i, n, self.file) for i, n in enumerate(names)]
        self.stage.machines.extend(self.machines)
        for machine in self.machines:
            machine.is_gated = mix.is_gated
        self.excuse = checkers.Excuse(self.stage)
        self._watch_outcomes()
        if not outcomes_only:
            self._watch_conduct()
        self.is_faulting = False
        self.heals = 0
        self.is_edited = False
        self.escalation_failed = False
        self.live_after_ns: list[int] = []
        for machine in self.voters:
            self.heap.after(self.rng.randrange(SECOND), machine.power_on)

    def _watch_outcomes(self) -> None:
        checkers.NeverTwoOn(self.stage)
        checkers.OneWinnerPerTerm(self.stage, self.excuse)
        checkers.EpochsRise(self.stage, self.excuse)

    def _watch_conduct(self) -> None:
        stage = self.stage
        checkers.SavedBeforeSaid(stage)
        checkers.TermNeverFalls(stage)
        checkers.ReleaseAfterOff(stage)
        checkers.OffByHard(stage)
        checkers.LeaseIsCovered(stage)
        memory_checkers.LostMemoryWaits(stage)
        memory_checkers.MembersAgree(stage)
        memory_checkers.MembershipMovesTogether(stage)
        promise_checkers.PromiseIsKept(stage)
        promise_checkers.PromiseIsNewer(stage)
        promise_checkers.SitsOut(stage)
        promise_checkers.PromiseCoversHard(stage)

    @property
    def voters(self) -> list[Machine]:
        """The machines that are members at present."""
        return self.machines if self.is_edited else self.machines[: self.mix.size]

    @property
    def holder(self) -> Machine | None:
        """The machine that serves the VIP."""
        return next((m for m in self.machines if m.is_serving), None)

    # --- running

    def run(self) -> None:
        """Rounds of faults and healing."""
        for _ in range(self.mix.rounds):
            self.is_faulting = True
            self.heap.after(self._gap(), self._nemesis)
            self.advance(self.mix.phase_ns)
            self.is_faulting = False
            self.heal()
            self.expect_progress()

    def advance(self, duration: int) -> None:
        """Let time pass; whatever goes wrong in the daemon's code is a violation."""
        try:
            self.heap.run(self.heap.now + duration)
        except Violation:
            raise
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{where.filename.rpartition('/')[2]}:{where.lineno} in {where.name}"
            text = f"{type(error).__name__} {error} ({place})"
            raise Violation("the daemon's own invariants", text) from error

    def _gap(self) -> int:
        return int(self.rng.expovariate(1 / self.mix.gap_ns))

    def _nemesis(self) -> None:
        if not self.is_faulting:
            return
        kind = self.rng.choice(self.mix.kinds)
        self.inject(kind)
        self.heap.after(self._gap(), self._nemesis)

    def inject(self, kind: str) -> None:
        """Have one fault happen now."""
        if FAULTS[kind](self, self.rng):
            self.stage.faults[kind] += 1
            if self.stage.log is not None:
                self.stage.log("world", "fault", kind)

    def later(self, delay: int, action: Callable[..., object], *args: object) -> None:
        """Do something later that belongs to a fault, unless all was healed meanwhile."""
        self.heap.after(delay, self._if_unhealed, self.heals, action, args)

    def _if_unhealed(
        self, heals: int, action: Callable[..., object], args: tuple[object, ...]
    ) -> None:
        if heals == self.heals:
            action(*args)

    # --- healing

    def heal(self) -> None:
        """Undo everything: from now on all is well."""
        if self.stage.log is not None:
            self.stage.log("world", "fault", "all healed")
        self.heals += 1
        self.network.heal()
        if any(m.file.members != self.file.members for m in self.machines):
            self.finish_edit()
        for machine in self.voters:
            machine.disk.is_slow = machine.disk.fails = False
            machine.hook_fails = 0
            machine.is_nft_busy = False
            machine.resume()
            if machine.sentinel is not None:
                machine.sentinel.thaw()
            if machine.guardian is not None:
                machine.guardian.freeze_at_act = 0
                machine.guardian.thaw()
            if machine.node is not None:
                machine.node.thaw()
            machine.set_uplink(up=True)
            machine.lifecheck.heal()
            self._adopt_file(machine)
            machine.start_service()
            machine.power_on()

    def _adopt_file(self, machine: Machine) -> None:
        file = self.edited if self.is_edited else self.file
        node = machine.node
        is_obeyed = node is None or node.settings.digest == digest_of(file.members)
        if machine.file != file or not is_obeyed:
            machine.file = file
            machine.crash_guardian()

    def finish_edit(self) -> None:
        """The operator finishes a rolling edit of the membership: every node has accepted it."""
        self.is_edited = True
        for machine in self.machines:
            machine.accept_membership = True

    def expect_progress(self) -> None:
        """Within the bound somebody serves; and a while later somebody still does."""
        timing = self.mix.timing
        bound = liveness_bound(timing, escalation_failed=self.escalation_failed)
        self.live_after_ns.append(self._wait_for_holder(bound))
        self.advance(timing.promise_ns + SECOND)
        settled = timing.promise_ns + timing.window_ns + 2 * SECOND
        self._wait_for_holder(bound if self.escalation_failed else settled)
        self._expect_one_coordinator()

    def _wait_for_holder(self, bound: int) -> int:
        start = self.heap.now
        while self.holder is None:
            if self.heap.now - start > bound:
                states = "; ".join(self._describe(m) for m in self.machines)
                text = f"nobody serves {bound / SECOND:.1f} s after healing: {states}"
                raise Violation("progress after healing", text)
            self.advance(POLL_NS)
        return self.heap.now - start

    def _expect_one_coordinator(self) -> None:
        leading = [m.name for m in self.machines if m.node is not None and m.node.is_coordinator]
        if len(leading) > 1:
            raise Violation("one coordinator after healing", f"coordinators: {leading}")

    @staticmethod
    def _describe(machine: Machine) -> str:
        node = machine.node
        if node is None:
            return f"{machine.name}: no node process"
        return f"{machine.name}: {node.status()}"


def _stream(seed: int, what: str) -> Random:
    return Random(f"{seed}/{what}")
