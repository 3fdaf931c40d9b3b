"""What comes to the control socket, and what our own clients read from it."""

import json
import socket
from random import Random
from typing import Any, Final, cast

from ipc.framing import (
    HEADER,
    REPLY_SIZE_MAX,
    Frame,
    FrameReader,
    FramingError,
    pack_reply,
    pack_request,
    parse_body,
)
from ipc.messages import (
    Channel,
    Client,
    Native,
    NodeList,
    Register,
    Reply,
    Request,
    StatusChange,
    Variable,
    bad,
)
from ipc.requests import SERVED
from ipc.server import Server
from ipc.words import AUTH_KEY_FIELD, find
from tests.fuzz.engine import PAST, REFUSED, VALID, Target, brief
from tests.fuzz.mutate import damaged, pick
from tests.fuzz.texts import JsonMutator
from tests.unit.watchdog.web import samples
from watchdog.web import metrics
from watchdog.web.answers import CHECKS
from watchdog.web.question import _status_in
from watchdog.web.status import StatusError

KEY: Final = "open sesame"
LENGTHS: Final = (-1, 0, 1, 64 * 1024, 64 * 1024 + 1, 2**31 - 1, -(2**31), 2**24)
_REPORT: Final = {
    "verb": "report",
    "own": {"verdict": "alive", "reason": "all well", "epoch": 7, "veto": "", "handicap": 5},
    "peers": {"beta": {"verdict": "dead", "reason": "no heartbeat"}, "gamma": {"verdict": "alive"}},
    "valid_ms": 15000,
    "mute": False,
}
BODIES: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("3", {"NodeID": -1}),
    ("2", {"NodeID": 1, "NodeStatus": 1, "Message": "gone"}),
    ("v", {"VarName": "WDState"}),
    ("0", {"Name": "lifecheck", "Native": True}),
    ("0", {}),
    ("q", {"verb": "status"}),
    ("q", {"verb": "ping"}),
    ("q", {"verb": "form"}),
    ("q", {"verb": "switchover", "to": "beta", "reason": "work", "dry_run": True}),
    ("q", {"verb": "inform", "node": "beta", "verdict": "dead", "message": "seen"}),
    ("q", _REPORT),
    ("q", {"verb": "answer", "rid": 9, "ok": True, "body": {"MESSAGE": "done", "rows": [1, 2]}}),
    ("q", {"verb": "check_set", "name": "db", "settings": {"every": "1s", "deadtime": "3s"}}),
    ("q", {"verb": "check_reset", "name": "db"}),
    ("d", {"FailoverRequest": 1}),
    ("Z", {"x": 1}),
)
_SAYS: Final = (
    *("status", "ping", "form", "switchover", "inform"),
    *("report", "answer", "check_set", "check_reset"),
)


class Nobody:
    """The handler of a server that is only asked to parse."""

    async def handle(self, client: Client, request: Request) -> Reply:
        """Never called."""
        raise AssertionError(request)

    def registered(self, client: Client, request: Register, channel: Channel) -> Reply:
        """Never called."""
        raise AssertionError(request)

    def gone(self, channel: Channel) -> None:
        """Never called."""


def requests() -> Target:
    """Frames of every type, with and without a key. First byte: which server, and the pieces."""
    nowhere = cast("socket.socket", None)  # nothing is accepted here
    servers = [Server(nowhere, Nobody(), key) for key in (None, KEY.encode())]
    keyed = [{**body, AUTH_KEY_FIELD: KEY} for _, body in BODIES]
    plain = [(kind, JsonMutator(body)) for kind, body in BODIES]
    with_key = [(kind, JsonMutator(body)) for (kind, _), body in zip(BODIES, keyed, strict=True)]
    verbs = [json.dumps(verb).encode() for verb in _SAYS]

    def make(rng: Random) -> bytes:
        mode = int(rng.random() * 256)
        kind, mutate = pick(with_key if mode & 1 and rng.random() < 0.8 else plain, rng)
        first = kind.encode() if rng.random() < 0.95 else bytes((int(rng.random() * 256),))
        body = mutate(rng)
        if kind == "q" and rng.random() < 0.1:
            body = body.replace(pick(verbs, rng), pick(verbs, rng))
        chance, length = rng.random(), len(body)
        if chance < 0.02:
            length = pick(LENGTHS, rng)
        elif chance < 0.1:
            length = max(0, length + int(rng.random() * 5) - 2)
        elif chance < 0.2:
            body, length = body + b"\0", length + 1
        data = bytes((mode,)) + HEADER.pack(first, length) + body
        return data if chance < 0.95 else damaged(data, rng)

    def judge(data: bytes) -> int:
        mode = data[0] if data else 0
        server, reader, reached = servers[mode & 1], FrameReader(), REFUSED
        size = max(1, mode >> 1, len(data) // 8)
        for start in range(1, len(data), size):
            try:
                frame = reader.feed(data[start : start + size])
            except FramingError as error:
                pack_reply("1", bad(str(error)).body)
                return reached
            if frame is not None:
                reached = max(reached, _judge_frame(server, frame, has_key=bool(mode & 1)))
        return reached

    return Target("requests", make, judge, past_min=25, valid_min=5)


def _judge_frame(server: Server, frame: Frame, *, has_key: bool) -> int:
    parsed = server._parse(frame)
    if isinstance(parsed, Reply):
        assert parsed.body is not None
        message = str(parsed.body["MESSAGE"])
        assert len(pack_reply(parsed.kind, parsed.body)) < 2048, "a refusal too long"
        is_first = message.startswith(("the body", "unknown IPC", "authentication"))
        return REFUSED if is_first else PAST
    assert isinstance(parsed, NodeList | StatusChange | Variable | Register | Native)
    assert frame.kind in SERVED
    if has_key:
        given = find(parse_body(frame.data), AUTH_KEY_FIELD)
        assert given == KEY, "obeyed without the key"
    return VALID


def replies() -> Target:
    """What the health port reads from the node: frame, status, and the pages made of it."""
    body = samples.body()
    lean = {key: value for key, value in body.items() if key not in {"lifecheck", "last_move"}}
    lean["nodes"] = body["nodes"][:1]
    mutate = JsonMutator(lean, lean, lean, lean, body, damage=0.1)
    framed = [pack_reply("7", body), pack_reply("1", {"MESSAGE": "no"}), pack_request("q", {})]

    def make(rng: Random) -> bytes:
        chance = rng.random()
        if chance < 0.05:
            return damaged(pick(framed, rng), rng)
        text = mutate(rng)
        kind = b"7" if chance < 0.97 else b"1"
        return HEADER.pack(kind, len(text) + (chance < 0.06)) + text

    return Target("replies", make, _judge_reply, past_min=60, valid_min=20, weigh=_read_reply)


def _read_reply(data: bytes) -> object:
    frame = FrameReader(REPLY_SIZE_MAX).feed(data)
    return None if frame is None else _status_in(frame)


def _judge_reply(data: bytes) -> int:
    try:
        frame = FrameReader(REPLY_SIZE_MAX).feed(data)
    except FramingError:
        return REFUSED
    if frame is None:
        return REFUSED
    try:
        status = _status_in(frame)
    except FramingError:
        return REFUSED
    except StatusError as error:
        brief(str(error), 300)
        return PAST
    for check in CHECKS.values():
        check(status, 0.01)
    if data[-3] % 64 == 0:  # the page is long, and says the same for most
        metrics.page(status, 0.01, metrics.Counts({}, 0, {}, 0, 0))
    return VALID
