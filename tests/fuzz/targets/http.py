"""HTTP both ways: requests to the health port, and what a watched service answers to the probe."""

import asyncio
import atexit
import logging
import os
from random import Random
from typing import Any, Final, cast

from aiohttp.http_exceptions import HttpProcessingError

from lifecheck.detector import DETAIL_MAX
from lifecheck.probes import http
from lifecheck.probes.http import BODY_MAX, HEAD_MAX, HttpProbe
from lifecheck.probes.pattern import Pattern
from lifecheck.probes.stream import PlainStream
from tests.fuzz.engine import PAST, REFUSED, VALID, Target
from tests.fuzz.mutate import Mutator, noise
from tests.fuzz.texts import pieces_sample
from tests.unit.watchdog.web import samples
from watchdog.web.library_log import HTTP, LibraryLog
from watchdog.web.log import Log
from watchdog.web.pages import Pages
from watchdog.web.question import Look, Node
from watchdog.web.server import Front
from watchdog.web.status import parse
from watchdog.web.visitors import Visit, Visitors

CODES: Final = frozenset({200, 404, 405, 503})
TOKENS: Final = rb"[A-Za-z0-9*/._-]+"
REQUESTS: Final = (
    b"GET /leader HTTP/1.1\r\nHost: x\r\n\r\n",
    b"HEAD /v1/cluster HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n",
    b"OPTIONS /healthy?x=1#y HTTP/1.1\r\nHost: [::1]:80\r\nAccept: */*\r\nUser-Agent: curl\r\n\r\n",
    b"POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
    b"POST /livez HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"GET http://x:80/livez HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: close\r\n\r\n",
    b"GET /nowhere HTTP/1.1\r\nHost: x\r\nCookie: a\r\nExpect: 100-continue\r\nX: y\r\n z\r\n\r\n",
)
POOL: Final = (
    *(b"GET HEAD POST CONNECT get * / // /..%2f /%00 /livez /leader /metrics HTTP/1.1".split()),
    *(b"HTTP/1.0 HTTP/2.0 HTTP/9.9 HTTP/ -1 0 5 4294967296 99999999999999999999 fffffff".split()),
    *(b"chunked Content-Length Transfer-Encoding Host Connection close gzip deflate".split()),
    *(b": # ? @ [ http://[::1 http://x:99999/ http://\xff/ G\xc3\xa9T".split()),
    *(b"\0", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\t", b"  ", b"\x80\xff", b"X: y\r\n" * 30),
    *(b"x" * size for size in (100, 2040, 2048, 2049, 3000)),
    b"9" * 5000,
)


class FakeTransport(asyncio.Transport):
    """What was written, and whether it was ended."""

    def __init__(self) -> None:
        super().__init__()
        self.said = bytearray()
        self.is_over = False

    def write(self, data: Any) -> None:
        """Keep it."""
        self.said += data

    def writelines(self, lines: Any) -> None:
        """Keep them."""
        for line in lines:
            self.said += line

    def close(self) -> None:
        """The end."""
        self.is_over = True

    def abort(self) -> None:
        """The end."""
        self.is_over = True

    def is_closing(self) -> bool:
        """Whether the end has come."""
        return self.is_over

    def pause_reading(self) -> None:
        """It is fed no more anyway."""

    def resume_reading(self) -> None:
        """As above."""

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Only the address."""
        return ("127.0.0.1", 1) if name == "peername" else default


class FakeNode:
    """A node that has just answered."""

    questions = 0

    def __init__(self) -> None:
        self._look = Look(0.0, parse(samples.body()))

    async def look(self) -> Look:
        """The same each time."""
        return self._look


class Port:
    """The health port without its socket, on an event loop that turns as long as there is work."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        atexit.register(
            self.loop.close
        )  # it serves as long as the process, whoever keeps the target
        self.loop.set_exception_handler(self._escaped)
        self.escaped: list[dict[str, Any]] = []
        self.loop.run_until_complete(self._open())

    async def _open(self) -> None:
        visitors, node = Visitors(), cast("Node", FakeNode())
        nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        self.faults = LibraryLog(Log("alpha", fd=nowhere))
        library = logging.getLogger(HTTP)
        library.addHandler(self.faults)
        library.setLevel(logging.DEBUG)
        library.propagate = False
        self._front = Front(Pages(node, visitors, self.faults), visitors)

    def _escaped(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.escaped.append(context)

    def ask(self, data: bytes) -> bytes:
        """What the port says to these bytes, in two pieces, until it says no more."""
        return self.loop.run_until_complete(self._ask(data))

    async def _ask(self, data: bytes) -> bytes:
        handler, transport = self._front(), FakeTransport()
        self._front._visits[handler] = Visit("127.0.0.1", 0.0)
        handler.connection_made(transport)
        half = len(data) // 2 if data[-1:] < b"\x20" else len(data)
        for piece in (data[:half], data[half:]):
            if piece and not transport.is_over:
                handler.data_received(piece)
            for _ in range(3):
                await asyncio.sleep(0)
        handler.connection_lost(None)
        await asyncio.sleep(0)
        return bytes(transport.said)

    async def answer(self, data: bytes) -> list[int]:
        """The codes for the requests in these bytes, by the same parser and the same pages."""
        parser = self._front()._parser
        assert parser is not None
        messages, _, _ = parser.feed_data(data)
        codes = []
        for message, _ in messages:
            response = await self._front._pages.respond(message.method, message.url.path)
            assert len(response.headers) < 20, "too many headers"
            codes.append(response.status)
        return codes


def _mutator() -> Mutator:
    return Mutator([pieces_sample(data, TOKENS) for data in REQUESTS], POOL, damage=0.2)


def requests() -> Target:
    """Bytes of a stranger: the request parser with the port's limits, and the pages behind it."""
    port = Port()

    def judge(data: bytes) -> int:
        asked = port.answer(data)
        try:
            asked.send(None)
        except StopIteration as answered:
            codes = answered.value
        except HttpProcessingError:
            return REFUSED
        else:
            raise AssertionError("an answer from memory had to wait")
        assert set(codes) <= CODES, f"no page has the code {codes}"
        return VALID if 200 in codes or 503 in codes else PAST if codes else REFUSED

    return Target("http", _mutator(), judge, past_min=12, valid_min=8)


def port() -> Target:
    """The same through the whole port: connection, tasks, answers in bytes, pipelining."""
    served = Port()

    def judge(data: bytes) -> int:
        said = served.ask(data)
        assert not served.escaped, f"escaped into the event loop: {served.escaped}"
        assert not served.faults._faults, "a fault of ours was logged"
        first = said[9:12]
        assert said == b"" or first.isdigit(), f"an answer that is no HTTP: {said[:40]!r}"
        assert first != b"500", "a fault of ours was answered"
        return (
            VALID if first in {b"200", b"503"} else PAST if first in {b"404", b"405"} else REFUSED
        )

    return Target("http-port", _mutator(), judge, past_min=12, valid_min=8, share=0.05)


ANSWERS: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 12\r\n\r\nall is ready",
    b"HTTP/1.0 503 Service Unavailable\r\nServer: x\r\n\r\nnot ready",
    b"HTTP/1.1 302 Found\nLocation: /x\n\nready",
    b"HTTP/2 200\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nready\r\n0\r\n\r\n",
)


class FakeStream:
    """Hands out what was said in pieces, then the end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._piece = 1 + (data[-1] if data else 0) * 8

    async def send(self, data: bytes) -> None:
        """Not looked at."""

    async def recv(self, size: int) -> bytes:
        """The next piece."""
        assert 0 < size <= max(HEAD_MAX, BODY_MAX), f"asked for {size} bytes"
        start = self._at
        self._at += min(size, max(self._piece, len(self._data) // 20))
        return self._data[start : self._at]


def answers() -> Target:
    """What a watched service says to the http probe."""
    probe = HttpProbe(http.parse_url("http://127.0.0.1:8080/x"), frozenset({200}), Pattern("ready"))
    mutate = Mutator([pieces_sample(data, TOKENS) for data in ANSWERS], POOL, damage=0.2)

    def make(rng: Random) -> bytes:
        return noise(rng, 200) if rng.random() < 0.1 else mutate(rng)

    def judge(data: bytes) -> int:
        stream = cast("PlainStream", FakeStream(data))
        try:
            probe._ask(stream).send(None)
        except StopIteration as answered:
            outcome = answered.value
        else:
            raise AssertionError("a whole answer was not enough")
        assert len(outcome.detail) <= DETAIL_MAX, "a detail too long for a line"
        assert outcome.detail.isprintable(), "a detail that could forge a line"
        if "which is no HTTP" in outcome.detail or "closed after" in outcome.detail:
            return REFUSED
        return VALID if outcome.ok else PAST

    return Target("http-answers", make, judge, past_min=40, valid_min=5)
