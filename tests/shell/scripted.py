"""A control socket that answers from a script, for the verbs of the command line."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from ipc.framing import FrameReader, pack_reply, parse_body
from ipc.messages import Reply

Script = Callable[[dict[str, object]], Reply]


class ScriptedDaemon:
    """Serves `script` at `path` until the end of its `with`; `heard` is what was asked."""

    def __init__(self, path: Path, script: Script) -> None:
        self._script = script
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.heard: list[dict[str, object]] = []

    def __enter__(self) -> Self:
        """Begin to answer."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop; the thread ends with its socket."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                with connection:
                    self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        reader = FrameReader()
        while data := connection.recv(65536):
            if (frame := reader.feed(data)) is not None:
                body = parse_body(frame.data)
                self.heard.append(body)
                reply = self._script(body)
                connection.sendall(pack_reply(reply.kind, reply.body))
                return
