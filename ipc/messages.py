"""What is said over the control socket, as data: types, requests, native verbs, replies. Pure.

The types are pgpool's, and one of ours (`q`).  Whatever arrives is checked once, in
`ipc.requests`, and is then one of these dataclasses; so a handler never sees a malformed request.
`Handler` and `Channel` are the whole interface between the server and what it serves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

from ipc.words import BAD, IN_TRANSITION, OK, TIMED_OUT

Verdict = Literal["alive", "dead", "unknown"]


class BadRequestError(ValueError):
    """A request that cannot be obeyed as it stands; the text is for the client."""


class Channel(Protocol):
    """A registered connection, as its handler sees it."""

    @property
    def id(self) -> int:
        """A number that no other connection of this server ever had."""

    def push(self, kind: str, body: dict[str, object]) -> None:
        """Send a frame when the client reads; one that reads too slowly is dropped instead."""


@dataclass(frozen=True, slots=True)
class Client:
    """Who is at the other end, by SO_PEERCRED; `channel` is None until it has registered."""

    pid: int
    uid: int
    gid: int
    channel: Channel | None = None


@dataclass(frozen=True, slots=True)
class NodeList:
    """Type `3`: the nodes, or one of them; a negative `node_id` is all."""

    node_id: int


@dataclass(frozen=True, slots=True)
class StatusChange:
    """Type `2`: somebody says that node `node_id` is dead (1), alive (2); 3: lifecheck started."""

    node_id: int
    status: int
    message: str


@dataclass(frozen=True, slots=True)
class Variable:
    """Type `v`: the value of a variable, whose name has any case."""

    name: str


@dataclass(frozen=True, slots=True)
class Register:
    """Type `0`: keep the connection and push changes; `native`: also ours (docs/ipc.md)."""

    name: str
    native: bool


@dataclass(frozen=True, slots=True)
class Status:
    """What does this node know?"""


@dataclass(frozen=True, slots=True)
class Ping:
    """Is anybody there?"""


@dataclass(frozen=True, slots=True)
class Form:
    """Form a fresh cluster without waiting for every configured node; once."""


@dataclass(frozen=True, slots=True)
class Switchover:
    """Move the coordinator to `to`, or to the best other node when it is None."""

    to: str | None
    reason: str
    dry_run: bool


@dataclass(frozen=True, slots=True)
class Inform:
    """Somebody says that `node` is dead or alive; it stands until the opposite is said."""

    node: str
    verdict: Literal["dead", "alive"]
    message: str


@dataclass(frozen=True, slots=True)
class Own:
    """What a lifecheck finds about its own node."""

    verdict: Verdict
    reason: str
    epoch: int
    """0, or the escalation for which this counts."""
    veto: str
    """Why this node should rather not lead; "" is no veto."""
    handicap: int
    """How much is taken off the node's priority."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a lifecheck finds about another node."""

    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a registered lifecheck finds now; it replaces what it said before."""

    own: Own
    peers: Mapping[str, Judgement]
    valid_ms: int
    """Without another report for so long, all of it is UNKNOWN."""
    mute: bool = False
    """It cannot send heartbeats, so that the others will miss them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a registered native client answers to the pushed request `rid`."""

    rid: int
    ok: bool
    body: dict[str, object]


@dataclass(frozen=True, slots=True)
class CheckSet:
    """Change settings of the check `name` until lifecheck is restarted."""

    name: str
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CheckReset:
    """Forget the fail count of the check `name`."""

    name: str


Verb = Status | Ping | Form | Switchover | Inform | Report | Answer | CheckSet | CheckReset


@dataclass(frozen=True, slots=True)
class Native:
    """Type `q`: one of our own verbs."""

    verb: Verb


Request = NodeList | StatusChange | Variable | Register | Native


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one request: a type and the object of its body."""

    kind: str
    body: dict[str, object] | None


class Handler(Protocol):
    """What the server serves. It decides who may do what, from the client's credentials."""

    async def handle(self, client: Client, request: Request) -> Reply:
        """Answer one request; never a Register. Reports and answers come from registered ones."""

    def registered(self, client: Client, request: Register, channel: Channel) -> Reply:
        """Answer a registration with the node list; what is pushed meanwhile follows the reply.

        After any reply but '7' the connection is closed, and `gone` is not called.
        """

    def gone(self, channel: Channel) -> None:
        """A registered connection has ended, for whatever reason."""


def ok(body: dict[str, object] | None = None) -> Reply:
    """The reply for a request that was obeyed."""
    return Reply(OK, body)


def bad(message: str) -> Reply:
    """The reply for a request that was refused, malformed, or that failed."""
    return Reply(BAD, {"MESSAGE": message})


def in_transition(message: str) -> Reply:
    """The reply when the cluster is changing, and the same request may do later."""
    return Reply(IN_TRANSITION, {"MESSAGE": message})


def timed_out(message: str) -> Reply:
    """The reply when others did not answer in time."""
    return Reply(TIMED_OUT, {"MESSAGE": message})
