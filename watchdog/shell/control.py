"""Answers the control socket: requests become events for the core, or a look at the status.

Access is by class: whoever may open the socket may read; saying who is dead or alive is for
`report_uids` too, changing something for `admin_uids`; root and the service's own user may do all.
A command waits for the core's one Reply; the server bounds how long, and a client that has gone
costs nothing but that.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import Any, Final, assert_never

from ipc.messages import (
    Answer,
    Channel,
    CheckReset,
    CheckSet,
    Client,
    Form,
    Inform,
    Native,
    NodeList,
    Ping,
    Register,
    Reply,
    Report,
    Request,
    Status,
    StatusChange,
    Switchover,
    Variable,
    Verb,
    bad,
    ok,
)
from ipc.words import BAD, DEAD_STATUS, OK, STARTED_STATUS
from watchdog.core.events import Command, CommandReceived
from watchdog.shell import pgpool_view
from watchdog.shell.inbox import Inbox
from watchdog.shell.lifecheck_desk import LifecheckDesk
from watchdog.shell.log import Log
from watchdog.shell.plan import NodePlan
from watchdog.shell.subscribers import Subscribers

STOP_RID: Final = 0
"""The command number of a SIGTERM, which nobody waits for."""
ALL: Final = -1
"""The node id that means every node."""
REFUSAL_GAP_S: Final = 1.0
"""A client that is refused again and again fills no log."""

Readings = Callable[[], dict[str, object]]
Change = Form | Switchover | CheckSet | CheckReset


class Control:
    """The handler of the IPC server, and the desk where the core's replies arrive."""

    def __init__(
        self,
        plan: NodePlan,
        inbox: Inbox,
        log: Log,
        status: Readings,
        core: Callable[[], Mapping[str, Any]],
        lifecheck: LifecheckDesk,
        subscribers: Subscribers,
    ) -> None:
        """`status`: what a `status` is answered; `core`: Node.status(), for pgpool's clients."""
        self._plan = plan
        self._inbox = inbox
        self._log = log
        self._status = status
        self._core = core
        self._lifecheck = lifecheck
        self._subscribers = subscribers
        self._rid = STOP_RID
        self._waiting: dict[int, asyncio.Future[Reply]] = {}
        self._refused_s = -REFUSAL_GAP_S

    # --- what the server calls

    async def handle(self, client: Client, request: Request) -> Reply:
        """Answer one request."""
        match request:
            case Native(verb):
                return await self._verb(client, verb)
            case NodeList(node_id):
                return ok(self.nodes(node_id))
            case StatusChange():
                return self._status_change(client, request)
            case Variable(name):
                return self._variable(name)
            case Register():
                return bad("this connection is registered already")
            case _:
                assert_never(request)

    def registered(self, client: Client, request: Register, channel: Channel) -> Reply:
        """Take in a client that wants to be told of changes, and may report if its class does."""
        if self._may_report(client):
            self._lifecheck.register(client, request, channel)
        return ok(self._subscribers.add(channel, native=request.native))

    def gone(self, channel: Channel) -> None:
        """A registered connection has ended."""
        self._subscribers.remove(channel)
        self._lifecheck.gone(channel)

    # --- what the core and the subscribers call

    def answer(self, rid: int, ok: bool, text: str) -> None:
        """The core's answer to command `rid`; nobody may be waiting for it any more."""
        waiting = self._waiting.get(rid)
        if waiting is not None and not waiting.done():
            waiting.set_result(Reply(OK if ok else BAD, {"MESSAGE": text}))

    def nodes(self, node_id: int = ALL) -> dict[str, object]:
        """The node list, as pgpool's clients read it."""
        is_checked = self._lifecheck.was_started
        return pgpool_view.node_list(
            self._plan, self._core(), is_checked=is_checked, node_id=node_id
        )

    # --- requests

    async def _verb(self, client: Client, verb: Verb) -> Reply:
        match verb:
            case Ping():
                return ok({"node": self._plan.node, "pid": os.getpid()})
            case Status():
                await self._lifecheck.refresh()
                return ok(self._status())
            case Inform() | Report() | Answer():
                return self._word(client, verb)
            case Form() | Switchover() | CheckSet() | CheckReset():
                return await self._command(client, verb)
            case _:
                assert_never(verb)

    def _variable(self, name: str) -> Reply:
        found = pgpool_view.variable(self._plan, self._core(), name)
        if found is None:
            return bad("unknown variable requested")
        return ok({"ValueDataType": found.kind, "ValueData": found.value})

    def _status_change(self, client: Client, change: StatusChange) -> Reply:
        if not self._may_report(client):
            return self._refuse(client, "status_change", "report_uids")
        members = self._plan.members
        if not 0 <= change.node_id < len(members):
            known = ", ".join(f"{number} {m.name}" for number, m in enumerate(members))
            return bad(f"no node has the id {change.node_id}; the nodes are: {known}")
        name = members[change.node_id].name
        if change.status == STARTED_STATUS:
            self._lifecheck.was_started = True
            return ok()
        is_dead = change.status == DEAD_STATUS
        inform = Inform(name, "dead" if is_dead else "alive", change.message)
        reply = self._lifecheck.inform(client, inform)
        return ok() if reply.kind == OK else reply

    def _word(self, client: Client, verb: Inform | Report | Answer) -> Reply:
        if not self._may_report(client):
            return self._refuse(client, type(verb).__name__.lower(), "report_uids")
        match verb:
            case Inform():
                return self._lifecheck.inform(client, verb)
            case Report():
                return self._lifecheck.report(client, verb)
            case Answer():
                return self._lifecheck.answer(client, verb)
            case _:
                assert_never(verb)

    async def _command(self, client: Client, verb: Change) -> Reply:
        if not self._may_administer(client):
            return self._refuse(client, type(verb).__name__.lower(), "admin_uids")
        match verb:
            case Form():
                return await self._ask(client, Command.FORM)
            case Switchover():
                return await self._switchover(client, verb)
            case CheckSet(name, settings):
                return await self._change_check(client, "check_set", name, settings)
            case CheckReset(name):
                return await self._change_check(client, "check_reset", name, {})
            case _:
                assert_never(verb)

    async def _switchover(self, client: Client, verb: Switchover) -> Reply:
        if verb.to is not None and verb.to not in (names := [m.name for m in self._plan.members]):
            return bad(f"no node is called {verb.to}; the nodes are: {', '.join(names)}")
        if verb.dry_run:
            return foresee(self._status(), verb.to)
        return await self._ask(client, Command.SWITCHOVER, verb.to, verb.reason)

    async def _change_check(
        self, client: Client, verb: str, name: str, settings: Mapping[str, str]
    ) -> Reply:
        given = ", ".join(f"{key}={value}" for key, value in settings.items())
        self._log.info("check_changed", change=verb, check=name, settings=given, uid=client.uid)
        fields: dict[str, object] = {"name": name}
        if settings:
            fields["settings"] = dict(settings)
        return await self._lifecheck.change(verb, fields)

    async def _ask(
        self, client: Client, command: Command, target: str | None = None, reason: str = ""
    ) -> Reply:
        self._rid += 1
        rid = self._rid
        self._log.info(
            "command_received", command=command.value, to=target, reason=reason, uid=client.uid
        )
        self._waiting[rid] = asyncio.get_running_loop().create_future()
        self._inbox.put_local(CommandReceived(rid, command, target, reason))
        try:
            return await self._waiting[rid]
        finally:
            del self._waiting[rid]

    # --- who may

    def _may_administer(self, client: Client) -> bool:
        return client.uid in (0, os.geteuid(), *self._plan.ipc.admin_uids)

    def _may_report(self, client: Client) -> bool:
        return self._may_administer(client) or client.uid in self._plan.ipc.report_uids

    def _refuse(self, client: Client, verb: str, option: str) -> Reply:
        now_s = asyncio.get_running_loop().time()
        if now_s - self._refused_s >= REFUSAL_GAP_S:
            self._refused_s = now_s
            self._log.warning("command_refused", verb=verb, uid=client.uid)
        may = "only read and report" if self._may_report(client) else "only read"
        return bad(f"uid {client.uid} may {may} here: use root, or add it to [ipc] {option}")


def foresee(status: Mapping[str, object], target: str | None) -> Reply:
    """What a switchover would do now, from the status alone; it asks nobody."""
    coordinator = status["coordinator"]
    if coordinator is None:
        return bad("there is no coordinator now; see `quorumdog status`")
    rows = status["nodes"]
    assert isinstance(rows, list)
    fit = [row for row in rows if row["reachable"] and row["eligible"]]
    others = [row for row in fit if row["name"] != coordinator]
    if target == coordinator:
        return bad(f"{target} is the coordinator already")
    if target is not None:
        others = [row for row in others if row["name"] == target]
    if not others:
        who = f"{target} is not" if target else "no other node is"
        return bad(f"{who} reachable and eligible now")
    best = max(others, key=lambda row: row["priority"])
    return ok({"MESSAGE": f"{best['name']} would take over from {coordinator}"})
