"""Who says what of the nodes' health: registered lifechecks, one-shot informs, and the built-in.

Each registered client is a source of its own; its words end with its connection, or `valid_ms`
after its last report, and are unknown then.  One-shot informs share one source and stand.  Nothing
is decided here: the core hears every word with its source (docs/election.md, "Verdicts").
The built-in lifecheck is asked for its checks, and told of changed settings, through its channel.
"""

import asyncio
import os
from dataclasses import dataclass, field
from typing import Final

from ipc.messages import (
    Answer,
    Channel,
    Client,
    Inform,
    Register,
    Reply,
    Report,
    bad,
    in_transition,
    ok,
    timed_out,
)
from ipc.words import NATIVE_PUSH
from watchdog.core.events import (
    INFORM,
    LIFECHECK,
    Event,
    LifecheckLost,
    LifecheckReported,
    StandingReported,
    Verdict,
)
from watchdog.shell.health_view import Health
from watchdog.shell.inbox import Inbox
from watchdog.shell.log import Log
from watchdog.shell.plan import NodePlan

DETAILS_S: Final = 0.1
"""How long a `status` waits for the built-in lifecheck before it shows what it knew."""
FIRST_DETAILS_S: Final = 0.5
"""The same for the first question to a lifecheck, when there is nothing else to show."""
FRESH_S: Final = 0.1
"""An answer so young is shown again: a flood of `status` must not reach the lifecheck."""
CHANGE_S: Final = 3.0
REPLACED: Final = "another lifecheck of this node has registered since"
NOT_RUNNING: Final = "the built-in lifecheck does not run here"


@dataclass(slots=True, eq=False)
class Source:
    """A registered client that may speak of the nodes' health."""

    id: str
    name: str
    uid: int
    pid: int
    channel: Channel
    said: dict[str, str] = field(default_factory=dict)
    """Node -> its present verdict."""
    reason: str = ""
    """What it said of this node."""
    last: Report | None = None
    """Its last report, until something else was said."""
    is_current: bool = False
    """It has reported, and not too long ago."""
    timer: asyncio.TimerHandle | None = None


class LifecheckDesk:
    """The sources of verdicts on this node, and the way to the built-in lifecheck."""

    def __init__(self, plan: NodePlan, inbox: Inbox, log: Log) -> None:
        self._plan = plan
        self._inbox = inbox
        self._log = log
        self._names = [member.name for member in plan.members]
        self._sources: dict[int, Source] = {}
        self._builtin: Source | None = None
        self._rid = 0
        self._asked: dict[int, asyncio.Future[Answer]] = {}
        self._details_rid = 0
        self.details: dict[str, object] = {}
        """What the built-in lifecheck answered last when it was asked for its checks."""
        self.is_answering = False
        """Whether it answered in time when it was asked last."""
        self._fresh_until_s = 0.0
        self.was_started = False
        """Whether any lifecheck ever spoke to this process."""

    # --- registrations

    def register(self, client: Client, request: Register, channel: Channel) -> None:
        """Take in a client that may report; the newest native one called `lifecheck` is ours.

        Only of the users that the guardian gives it: who may report may not speak in its name.
        """
        is_ours = client.uid in (0, os.geteuid())
        is_builtin = is_ours and request.native and request.name == LIFECHECK
        name = LIFECHECK if is_builtin else f"{request.name}#{channel.id}"
        source = Source(name, request.name, client.uid, client.pid, channel)
        self._sources[channel.id] = source
        if is_builtin:
            if self._builtin is not None:
                self._end(self._builtin, "another one has registered")
            self._forget_questions()
            self._builtin = source

    def gone(self, channel: Channel) -> None:
        """A registered client has ended, and with it what it said."""
        source = self._sources.pop(channel.id, None)
        if source is None:
            return
        self._end(source, "its connection has ended")
        if source is self._builtin:
            # One that was replaced, and is still there, speaks again.
            replaced = [other for other in self._sources.values() if other.id == LIFECHECK]
            self._builtin = replaced[-1] if replaced else None
            self._forget_questions()

    def _is_replaced(self, source: Source) -> bool:
        """Whether it would speak, and take back, in the name of a later one."""
        return source.id == LIFECHECK and source is not self._builtin

    def _forget_questions(self) -> None:
        for asked in self._asked.values():
            asked.cancel()
        self._asked.clear()
        self._details_rid = 0
        self.details, self.is_answering, self._fresh_until_s = {}, False, 0.0

    def _end(self, source: Source, why: str) -> None:
        if source.timer is not None:
            source.timer.cancel()
        if source.is_current:
            source.is_current = False
            source.said.clear()
            self._log.warning("lifecheck_lost", source=source.id, why=why)
            self._inbox.put_local(LifecheckLost(source.id, why))

    # --- verdicts

    def report(self, client: Client, report: Report) -> Reply:
        """Everything that a registered client finds now, instead of what it said before."""
        source = None if client.channel is None else self._sources.get(client.channel.id)
        if source is None:
            return bad("only a registered client can report; others may use `inform`")
        if self._is_replaced(source):
            return bad(REPLACED)
        strange = [name for name in report.peers if name not in self._names]
        if strange:
            return self._no_node(strange[0])
        if self._plan.node in report.peers:
            return bad(f"{self._plan.node} is this node: what is said of it belongs into `own`")
        if source.is_current and report == source.last:
            self._extend(source, report.valid_ms)  # said again: the core has heard it
            return ok()
        if self._inbox.is_crowded:
            return in_transition("too many reports at once, try again")
        for event in self._events(source, report):
            self._inbox.put_local(event)
        if not source.is_current:
            self._log.info("lifecheck_reports", source=source.id, pid=client.pid, uid=client.uid)
        source.said = {name: judgement.verdict for name, judgement in report.peers.items()}
        source.said[self._plan.node] = report.own.verdict
        source.last, source.reason, source.is_current = report, report.own.reason, True
        self.was_started = True
        self._extend(source, report.valid_ms)
        return ok()

    def _events(self, source: Source, report: Report) -> list[Event]:
        own, me = report.own, self._plan.node
        verdict = Verdict(own.verdict)
        events: list[Event] = [
            LifecheckReported(me, verdict, own.reason, source.id, own.epoch),
            StandingReported(source.id, own.handicap, own.veto, report.mute),
        ]
        events += [
            LifecheckReported(name, Verdict(peer.verdict), peer.reason, source.id)
            for name, peer in report.peers.items()
        ]
        unsaid = source.said.keys() - report.peers.keys() - {me}
        return events + [
            LifecheckReported(name, Verdict.UNKNOWN, "not said any more", source.id)
            for name in sorted(unsaid)
        ]

    def _extend(self, source: Source, valid_ms: int) -> None:
        if source.timer is not None:
            source.timer.cancel()
        why = f"it has said nothing for {valid_ms / 1000:g} s"
        loop = asyncio.get_running_loop()
        source.timer = loop.call_later(valid_ms / 1000, self._end, source, why)

    def inform(self, client: Client, inform: Inform) -> Reply:
        """A single verdict: a registered client's own, or one in passing, which stands."""
        if inform.node not in self._names:
            return self._no_node(inform.node)
        if self._inbox.is_crowded:
            return in_transition("too many verdicts at once, try again")
        reason = inform.message or f"said to be {inform.verdict} by uid {client.uid}"
        source = None if client.channel is None else self._sources.get(client.channel.id)
        if source is not None and self._is_replaced(source):
            return bad(REPLACED)
        source_id = INFORM if source is None else source.id
        self._log.info(
            "inform_received",
            subject=inform.node,
            verdict=inform.verdict,
            reason=reason,
            source=source_id,
            uid=client.uid,
        )
        verdict = Verdict(inform.verdict)
        self._inbox.put_local(LifecheckReported(inform.node, verdict, reason, source_id))
        self.was_started = True
        if source is not None:
            source.said[inform.node], source.last = inform.verdict, None
            source.is_current = True
        said = f"{inform.node} is taken to be {inform.verdict}"
        if inform.verdict == "dead" and inform.node != self._plan.node:
            said += " by this node; one voice moves nothing, nodes of quorum weight do"
        return ok({"MESSAGE": said})

    def _no_node(self, name: str) -> Reply:
        return bad(f"no node is called {name}; the nodes are: {', '.join(self._names)}")

    # --- questions to the built-in lifecheck

    async def refresh(self) -> None:
        """Ask for the present details; those known before stay when it does not answer in time."""
        timeout_s = DETAILS_S if self._details_rid else FIRST_DETAILS_S
        asked = self._asked.get(self._details_rid)
        if asked is None:
            now_s = asyncio.get_running_loop().time()
            if self._builtin is None or now_s < self._fresh_until_s:
                return
            # One question at a time: a lifecheck that hangs must not find hundreds of them.
            self._details_rid, asked = self._ask(self._builtin, "details", {})
        await asyncio.wait({asked}, timeout=timeout_s)
        self.is_answering = asked.done()

    async def change(self, verb: str, fields: dict[str, object]) -> Reply:
        """Hand a request on; the reply is what the lifecheck answers."""
        if self._builtin is None:
            return bad(f"{NOT_RUNNING}, so no check can be changed")
        rid, asked = self._ask(self._builtin, verb, fields)
        await asyncio.wait({asked}, timeout=CHANGE_S)
        self._asked.pop(rid, None)
        if not asked.done():
            return timed_out(f"the lifecheck did not answer within {CHANGE_S:g} s")
        if asked.cancelled():
            return bad("the lifecheck ended before it answered")
        self._fresh_until_s = 0.0
        answer = asked.result()
        return ok(answer.body) if answer.ok else bad(_message(answer))

    def answer(self, client: Client, answer: Answer) -> Reply:
        """What the built-in lifecheck says to a question; one that came too late helps nobody."""
        if self._builtin is None or client.channel is not self._builtin.channel:
            return bad("only the built-in lifecheck of this node is asked")
        asked = self._asked.pop(answer.rid, None)
        if answer.rid == self._details_rid and answer.ok:
            self.details = answer.body
            self._fresh_until_s = asyncio.get_running_loop().time() + FRESH_S
        if asked is not None and not asked.done():
            asked.set_result(answer)
        return ok()

    def _ask(
        self, source: Source, verb: str, fields: dict[str, object]
    ) -> tuple[int, asyncio.Future[Answer]]:
        self._rid += 1
        asked: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._asked[self._rid] = asked
        head: dict[str, object] = {"event": "request", "rid": self._rid, "verb": verb}
        source.channel.push(NATIVE_PUSH, head | fields)
        return self._rid, asked

    # --- what status says

    def health(self) -> Health:
        """What `status` shows of all this."""
        builtin = self._builtin
        own: tuple[str | None, str] = (None, "")
        if builtin is not None and builtin.is_current:
            own = builtin.said.get(self._plan.node), builtin.reason
        return Health(
            details=self.details,
            is_running=builtin is not None,
            is_answering=self.is_answering,
            own=own,
            clients=[
                {
                    "name": source.name,
                    "uid": source.uid,
                    "pid": source.pid,
                    "builtin": source is builtin,
                    "verdicts": dict(source.said),
                }
                for source in self._sources.values()
                if source.is_current
            ],
        )

    def warnings(self) -> list[str]:
        """What somebody should look at, as sentences."""
        lifecheck = self._plan.lifecheck
        found = []
        if lifecheck.expected and self._builtin is None:
            found.append(f"{NOT_RUNNING}: its checks are not looked at (see the guardian's log)")
        elif lifecheck.expected and self._builtin and not self._builtin.is_current:
            found.append("the built-in lifecheck has said nothing for too long: see its log")
        if lifecheck.method == "external" and not any(
            source.is_current for source in self._sources.values() if source is not self._builtin
        ):
            found.append(
                "no lifecheck is registered ([lifecheck] method is external): "
                "nobody watches the health of the nodes, so nothing moves because of it"
            )
        return found


def _message(answer: Answer) -> str:
    message = answer.body.get("MESSAGE")
    return message if isinstance(message, str) and message else "the lifecheck refused"
