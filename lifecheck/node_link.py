"""The registered connection to the node's control socket: reports out, pushes in.

A report is written by the caller's own call, so that nothing lies between a death and its bytes on
the socket.  Everything else waits for nobody: a node that does not read, or does not answer, is
left and connected to again, and after every registration the present statement is said anew.
"""

import asyncio
from collections import deque
from typing import Final, Protocol

from ipc.framing import REPLY_SIZE_MAX, Frame, FrameReader, FramingError, pack_request, parse_body
from ipc.words import AUTH_KEY_FIELD, IN_TRANSITION, NATIVE, NODES_PUSH, OK, REGISTER
from lifecheck.log import Log

NAME: Final = "lifecheck"
REGISTER_S: Final = 5.0
"""How long the answer to a registration may take."""
BUSY_S: Final = 0.1
"""A node that has too much to read is told again after so long."""
UNANSWERED_MAX: Final = 64
UNSENT_SIZE_MAX: Final = 256 * 1024
BACK_OFF_MIN_S: Final = 0.05
BACK_OFF_MAX_S: Final = 2.0
KEY_SIZE_MAX: Final = 4096


class Ear(Protocol):
    """Who is told what comes in; all of it is called from the loop, and must not wait."""

    def registered(self) -> None:
        """The node listens: say what is so."""

    def repeat(self) -> None:
        """Say again what is so."""

    def pushed(self, push: dict[str, object]) -> None:
        """The node says or asks something."""


class Link(asyncio.Protocol):
    """Keeps one registration, and connects again whenever it ends."""

    def __init__(
        self, path: str, key_file: str | None, repeat_s: float, ear: Ear, log: Log
    ) -> None:
        """`repeat_s`: how often to say again what is so."""
        self._path = path
        self._repeat_s = repeat_s
        self._key_file = key_file
        self._ear = ear
        self._log = log
        self._key: str | None = None
        self._transport: asyncio.Transport | None = None
        self._ended = asyncio.Event()
        self._answered_or_ended = asyncio.Event()
        self._frames = FrameReader(REPLY_SIZE_MAX)
        self._unanswered: deque[str] = deque()
        self._why_ended = ""
        self._last_complaint = ""
        self.is_registered = False
        self._was_registered = False
        self._retry: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Stay registered until cancelled."""
        wait_s = BACK_OFF_MIN_S
        while True:
            was_registered = await self._visit()
            wait_s = BACK_OFF_MIN_S if was_registered else min(wait_s * 2, BACK_OFF_MAX_S)
            self._complain(self._why_ended)
            await asyncio.sleep(wait_s)

    def send(self, body: dict[str, object]) -> bool:
        """Write a native request now; False when the node does not listen, or it does not fit."""
        if not self.is_registered:
            return False
        return self._request(NATIVE, body)

    def data_received(self, data: bytes) -> None:
        """Take bytes of the node."""
        try:
            frame = self._frames.feed(data)
            while frame is not None:
                self._take(frame)
                frame = self._frames.feed()
        except FramingError as error:
            self._end(f"what the node sent makes no sense: {error}")

    def connection_lost(self, exc: Exception | None) -> None:
        """The node is gone, or has thrown us out."""
        self._end(str(exc) if exc else "the node closed the connection")

    async def _visit(self) -> bool:
        self._ended.clear()
        self._answered_or_ended.clear()
        self._why_ended = ""
        self._frames = FrameReader(REPLY_SIZE_MAX)
        self._unanswered.clear()
        self._was_registered = False
        try:
            self._key = self._read_key()
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_unix_connection(lambda: self, self._path)
            self._transport = transport
            self._request(REGISTER, {"Name": NAME, "Native": 1})
            await _wait(self._answered_or_ended, REGISTER_S)
            while self.is_registered:
                await _wait(self._ended, self._repeat_s)
                self._repeat()
        except (OSError, ValueError) as error:
            self._end(f"cannot connect: {error}")
        finally:
            self.is_registered = False
            self._end("no answer to the registration")
            if self._transport is not None:
                self._transport.abort()
                self._transport = None
        return self._was_registered

    def _take(self, frame: Frame) -> None:
        if frame.kind == NATIVE:
            self._ear.pushed(parse_body(frame.data))
        elif frame.kind != NODES_PUSH:
            self._answered(frame)

    def _answered(self, frame: Frame) -> None:
        asked = self._unanswered.popleft() if self._unanswered else "nothing"
        if frame.kind == IN_TRANSITION and asked == "report":
            # What it did not take may be a death: it must not wait for the next repetition.
            if self._retry is not None:
                self._retry.cancel()
            self._retry = asyncio.get_running_loop().call_later(BUSY_S, self._repeat)
        elif frame.kind != OK:
            message = str(parse_body(frame.data).get("MESSAGE", "")) if frame.data else "no reason"
            self._complain(f"the node refused {asked}: {message}")
            if asked == REGISTER:
                self._end(f"registration refused: {message}")
        elif asked == REGISTER and not self.is_registered:
            self.is_registered = self._was_registered = True
            self._last_complaint = ""
            self._answered_or_ended.set()
            self._log.info("registered", socket=self._path)
            self._ear.registered()

    def _repeat(self) -> None:
        if self.is_registered:
            self._ear.repeat()

    def _request(self, kind: str, body: dict[str, object]) -> bool:
        transport = self._transport
        if transport is None:
            return False
        if self._key is not None:
            body[AUTH_KEY_FIELD] = self._key
        transport.write(pack_request(kind, body))
        self._unanswered.append(kind if kind == REGISTER else str(body.get("verb")))
        is_deaf = len(self._unanswered) > UNANSWERED_MAX
        if is_deaf or transport.get_write_buffer_size() > UNSENT_SIZE_MAX:
            self._end("the node does not read or does not answer")
        return True

    def _end(self, why: str) -> None:
        self.is_registered = False
        self._why_ended = self._why_ended or why
        self._ended.set()
        self._answered_or_ended.set()

    def _complain(self, why: str) -> None:
        """Say it once, not at every attempt."""
        if why != self._last_complaint:
            self._last_complaint = why
            self._log.warning("node_not_reached", why=why, socket=self._path)

    def _read_key(self) -> str | None:
        if self._key_file is None:
            return None
        with open(self._key_file, "rb") as file:  # noqa: PTH123 pathlib costs memory here
            return file.read(KEY_SIZE_MAX).strip().decode()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, or so long."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
