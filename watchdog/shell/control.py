"""Answers the control socket: native verbs become events for the core, or a look at the status.

Access is by class: whoever may open the socket may read; changing something is for root, the
service's own user and `admin_uids`.  A command waits for the core's one Reply; the server bounds
how long, and a client that has gone costs nothing but that.
"""

import asyncio
import os
from collections.abc import Callable, Mapping
from typing import Final

from ipc.messages import (
    Channel,
    Client,
    Form,
    Native,
    Ping,
    Register,
    Reply,
    Request,
    Status,
    Switchover,
    bad,
    ok,
)
from watchdog.core.events import Command, CommandReceived
from watchdog.shell.inbox import Inbox
from watchdog.shell.log import Log
from watchdog.shell.plan import NodePlan

STOP_RID: Final = 0
"""The command number of a SIGTERM, which nobody waits for."""


class Control:
    """The handler of the IPC server, and the desk where the core's replies arrive."""

    def __init__(
        self, plan: NodePlan, inbox: Inbox, log: Log, status: Callable[[], dict[str, object]]
    ) -> None:
        self._plan = plan
        self._inbox = inbox
        self._log = log
        self._status = status
        self._rid = STOP_RID
        self._waiting: dict[int, asyncio.Future[Reply]] = {}

    async def handle(self, client: Client, request: Request) -> Reply:
        """Answer one request."""
        match request:
            case Native(Ping()):
                return ok({"node": self._plan.node, "pid": os.getpid()})
            case Native(Status()):
                return ok(self._status())
            case Native(Form() | Switchover() as verb):
                return await self._command(client, verb)
            case _:
                return bad("this request is not available in this version")

    def registered(self, client: Client, request: Register, channel: Channel) -> Reply:
        """Refuse: nobody is told of changes yet."""
        return bad("registration is not available in this version")

    def gone(self, channel: Channel) -> None:
        """Nobody was registered."""

    def answer(self, rid: int, ok: bool, text: str) -> None:
        """The core's answer to command `rid`; nobody may be waiting for it any more."""
        waiting = self._waiting.get(rid)
        if waiting is not None and not waiting.done():
            waiting.set_result(Reply("7" if ok else "6", {"MESSAGE": text}))

    async def _command(self, client: Client, verb: Form | Switchover) -> Reply:
        if not self._may_administer(client):
            self._log.warning("command_refused", verb=type(verb).__name__.lower(), uid=client.uid)
            return bad(
                f"uid {client.uid} may only read here: use root, or add it to [ipc] admin_uids"
            )
        if isinstance(verb, Form):
            return await self._ask(client, Command.FORM)
        if verb.to is not None and verb.to not in (names := [m.name for m in self._plan.members]):
            return bad(f"no node is called {verb.to}; the nodes are: {', '.join(names)}")
        if verb.dry_run:
            return foresee(self._status(), verb.to)
        return await self._ask(client, Command.SWITCHOVER, verb.to, verb.reason)

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

    def _may_administer(self, client: Client) -> bool:
        return client.uid in (0, os.geteuid(), *self._plan.ipc.admin_uids)


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
