"""Asks the node for its status over the control socket: one question at a time serves everybody.

Rule: an answer is used for FRESH_S after its question and never later; a failure likewise, so
that neither a crowd of health checks nor a dead node makes more than ten questions a second.
Every question ends within TIMEOUT_S, also when this very process was stopped in between.
"""

import asyncio
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ipc.framing import REPLY_SIZE_MAX, Frame, FrameReader, FramingError, pack_request, parse_body
from ipc.words import AUTH_KEY_FIELD, NATIVE, OK
from watchdog.web import clock
from watchdog.web.status import TEXT_SIZE_MAX, Status, StatusError, parse

FRESH_S: Final = 0.1
TIMEOUT_S: Final = 1.0
CHUNK: Final = 64 * 1024
SILENT: Final = "the node process does not answer"


@dataclass(frozen=True, slots=True)
class Look:
    """What came of one question: a status, or why there is none."""

    asked_s: float
    status: Status | None
    why: str = ""

    def age_s(self, now_s: float) -> float:
        """How old the status may be at most: nothing in it is older than its question."""
        return now_s - self.asked_s


class Node:
    """The node process at `path`, as the health port sees it."""

    def __init__(
        self,
        path: Path,
        key: str | None,
        tasks: asyncio.TaskGroup,
        now_s: Callable[[], float] = clock.boot_s,
    ) -> None:
        """`key`: the IPCAuthKey that every request must hold, or None."""
        self._path = path
        body: dict[str, object] = {"verb": "status"}
        if key is not None:
            body[AUTH_KEY_FIELD] = key
        self._request = pack_request(NATIVE, body)
        self._tasks = tasks
        self._now_s = now_s
        self._last: Look | None = None
        self._question: asyncio.Task[Look] | None = None
        self.questions = 0

    async def look(self) -> Look:
        """A status that was asked for at most FRESH_S ago, or in the question under way."""
        last = self._last
        if last is not None and 0 <= last.age_s(self._now_s()) < FRESH_S:
            return last
        if self._question is None:
            self._question = self._tasks.create_task(self._ask())
        # A caller that is cancelled must not take the answer from the others.
        look = await asyncio.shield(self._question)
        if look.age_s(self._now_s()) > TIMEOUT_S:
            return Look(look.asked_s, None, f"{SILENT} within {TIMEOUT_S:g} s")
        return look

    async def _ask(self) -> Look:
        self.questions += 1
        asked_s = self._now_s()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                frame = await self._exchange()
            look = Look(asked_s, _status_in(frame))
        except TimeoutError:
            look = Look(asked_s, None, f"{SILENT} within {TIMEOUT_S:g} s")
        except (FramingError, StatusError) as error:
            look = Look(asked_s, None, f"{SILENT} as it should: {error}")
        except OSError as error:
            look = Look(asked_s, None, f"{SILENT}: {error.strerror or error}")
        self._last, self._question = look, None
        return look

    async def _exchange(self) -> Frame:
        loop, reader = asyncio.get_running_loop(), FrameReader(REPLY_SIZE_MAX)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as connection:
            await loop.sock_connect(connection, str(self._path))
            with suppress(BrokenPipeError):  # turned away: the reason is there to be read
                await loop.sock_sendall(connection, self._request)
            while data := await loop.sock_recv(connection, CHUNK):
                if (frame := reader.feed(data)) is not None:
                    return frame
        raise FramingError("the connection was closed before a full answer")


def _status_in(frame: Frame) -> Status:
    body: Mapping[str, Any] = parse_body(frame.data)
    if frame.kind != OK:
        raise StatusError(f"it refused: {str(body.get('MESSAGE', 'no reason'))[:TEXT_SIZE_MAX]}")
    return parse(body)
