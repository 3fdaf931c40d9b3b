"""Probe `tcp`: somebody accepts a connection and, when asked, says what is expected.

Theory: a stopped process still accepts, because the kernel does; only an answer proves life.
"""

import asyncio
import socket
from collections.abc import Mapping
from typing import Any, Final

from lifecheck.probes import Outcome, words
from lifecheck.probes.endpoint import ConnectError, Endpoint
from lifecheck.probes.pattern import TOO_SLOW, Pattern, TooSlowError

HEARD_MAX: Final = 4096


class TcpProbe:
    """Connects; sends and expects when told to."""

    def __init__(self, endpoint: Endpoint, send: bytes, expect: Pattern | None) -> None:
        self.doing = ""
        self._endpoint, self._send, self._expect = endpoint, send, expect

    async def run(self) -> Outcome:
        """Ask once."""
        name = self._endpoint.name
        self.doing = f"connecting to {name}"
        try:
            line = await self._endpoint.connect()
        except ConnectError as error:
            return Outcome(False, str(error))
        with line:
            try:
                return await self._talk(line)
            except TooSlowError:
                return Outcome(False, TOO_SLOW)
            except OSError as error:
                return Outcome(False, words.fault(error, name))

    def close(self) -> None:
        """Nothing is kept."""

    async def _talk(self, line: socket.socket) -> Outcome:
        loop, name = asyncio.get_running_loop(), self._endpoint.name
        self.doing = f"sending to {name}"
        await loop.sock_sendall(line, self._send)
        if self._expect is None:
            return Outcome(True, f"connected to {name}")
        heard = b""
        wanted = f"not {words.clean(self._expect.text, 60)!r}"
        while len(heard) < HEARD_MAX:
            said = f"{name} said {words.quoted(heard)}"
            self.doing = words.clean(f"{said}, {wanted}", words.DOING_MAX)
            piece = await loop.sock_recv(line, HEARD_MAX - len(heard))
            if not piece:
                return Outcome(False, words.clean(f"{said} and closed, {wanted}"))
            heard += piece
            if self._expect.search(words.decoded(heard)) is not None:
                return Outcome(True, words.clean(f"{name} said {words.quoted(heard)}"))
        return Outcome(False, words.clean(f"{name} said {words.quoted(heard)}, {wanted}"))


def make(options: Mapping[str, Any]) -> TcpProbe:
    """Options: host, port, send (text or null), expect (pattern or null)."""
    expect = options.get("expect")
    return TcpProbe(
        Endpoint(options["host"], options["port"]),
        (options.get("send") or "").encode(),
        None if expect is None else Pattern(expect),
    )
