"""What operators ask for: switchover, form, stop; here or, for another node, passed on.

Every command gets exactly one Reply.  A switchover that is asked of a node that does not lead is
passed on to the coordinator, whose answer is passed back; nothing here waits without a bound.
"""

from typing import Final, assert_never

from watchdog.core.effects import Reply
from watchdog.core.events import Command, CommandReceived
from watchdog.core.leading import Phase
from watchdog.core.messages import ResignReply, ResignRequest
from watchdog.core.parts import Parts
from watchdog.core.transfer import FAILBACK, REASON_MAX, Handover
from watchdog.instant import SECOND, Instant

ANSWER_WAIT_NS: Final = 2 * SECOND
WAITING_MAX: Final = 32


class Orders:
    """Commands of operators, on this node and on others."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._waiting: dict[int, int] = {}
        """rid -> BOOTTIME until which the coordinator's answer is waited for."""

    def received(self, command: CommandReceived, now: Instant) -> None:
        """An operator's command on this node."""
        match command.command:
            case Command.SWITCHOVER:
                self._switchover(command, now)
            case Command.FORM:
                self._form(command)
            case Command.STOP:
                self._stop(command, now)
            case _:
                assert_never(command.command)

    def _reply(self, rid: int, text: str, *, ok: bool) -> None:
        self._parts.out.put(Reply(rid, ok, text))

    # --- switchover

    def _switchover(self, command: CommandReceived, now: Instant) -> None:
        parts = self._parts
        reason = (command.reason or "switchover")[:REASON_MAX]
        if parts.office is not None:
            self._hand_over(command.target, reason, parts.ctx.me, command.rid, now)
            return
        leader = parts.coordinator()
        if leader is None:
            self._reply(command.rid, "no coordinator is known here; try again", ok=False)
        elif command.target == leader:
            self._reply(command.rid, f"{leader} is the coordinator already", ok=False)
        elif len(self._waiting) >= WAITING_MAX:
            self._reply(command.rid, "too many commands wait for the coordinator", ok=False)
        else:
            self._waiting[command.rid] = now.boot_ns + ANSWER_WAIT_NS
            request = ResignRequest(command.rid, command.target, reason, by_verdict=False)
            parts.ctx.send(leader, request, now)

    def _hand_over(
        self, target: str | None, reason: str, asker: str, rid: int, now: Instant
    ) -> None:
        parts, office = self._parts, self._parts.office
        if office is None:
            parts.handing.answer(asker, rid, "this node does not lead", now, ok=False)
            return
        chosen = target or parts.roster.best(now)
        objection = self._objection(chosen, now)
        if chosen is None or objection:
            parts.handing.answer(asker, rid, objection, now, ok=False)
            return
        parts.handing.ask_ready(Handover(chosen, reason, asker, rid), office, now)

    def _objection(self, target: str | None, now: Instant) -> str:
        parts, office = self._parts, self._parts.office
        if office is None or office.phase is Phase.RESIGNING:
            return "the coordinator is already handing over"
        if target is None:
            return "no other member is fit to lead (see `quorumdog status`)"
        if target == parts.ctx.me:
            return f"{target} is the coordinator already"
        if parts.handing.handover is not None:
            return f"a handover to {parts.handing.handover.target} is under way"
        return parts.handing.objection_to(target, office, now)

    def resign_requested(self, peer: str, request: ResignRequest, now: Instant) -> None:
        """A peer passes on a switchover, or withholds its grant because of verdicts."""
        parts, office = self._parts, self._parts.office
        if not request.by_verdict:
            self._hand_over(request.target, request.reason, peer, request.rid, now)
            return
        if office is None or office.phase is Phase.RESIGNING or request.rid != office.tenure.no:
            return
        if parts.verdicts.resign_requested(peer, office.tenure, now):
            parts.resign("called_dead", now)

    def resign_answered(self, reply: ResignReply) -> None:
        """The coordinator's answer to a command that was passed on."""
        if self._waiting.pop(reply.rid, None) is not None:
            self._reply(reply.rid, reply.reason, ok=reply.ok)

    # --- form and stop

    def _form(self, command: CommandReceived) -> None:
        if self._parts.formation.force():
            self._reply(command.rid, "forms with a quorum, without the missing members", ok=True)
        else:
            self._reply(command.rid, "this node has its state; nothing to form", ok=False)

    def _stop(self, command: CommandReceived, now: Instant) -> None:
        parts = self._parts
        self._reply(command.rid, "stopping", ok=True)
        if parts.fitness.is_stopping:
            return
        parts.fitness.is_stopping = True
        parts.candidacy.abandon(now)
        office = parts.office
        if office is None or office.phase is Phase.RESIGNING:
            return
        best = parts.roster.best(now)
        if best is None or parts.handing.objection_to(best, office, now):
            parts.resign("stop", now)
        else:
            parts.handing.ask_ready(Handover(best, "stop"), office, now)

    # --- time

    def tick(self, now: Instant) -> None:
        """End what has waited too long; give the leadership back to a better node."""
        parts = self._parts
        if self._waiting:
            self._end_waits(now)
        parts.handing.expire(now)
        office = parts.office
        if office is None or office.phase is Phase.RESIGNING:
            return
        if parts.fitness.is_stopping and parts.handing.handover is None:
            parts.resign("stop", now)
            return
        if office.phase is Phase.ESCALATED:
            target = parts.handing.failback_target(office, now)
            if target is not None:
                parts.handing.ask_ready(Handover(target, FAILBACK), office, now)

    def _end_waits(self, now: Instant) -> None:
        for rid, until_ns in list(self._waiting.items()):
            if now.boot_ns >= until_ns:
                del self._waiting[rid]
                self._reply(rid, "the coordinator did not answer", ok=False)

    def next_ns(self) -> int | None:
        """BOOTTIME of the nearest end of a wait."""
        return min(self._waiting.values()) if self._waiting else None
