"""A control socket that registers its clients and pushes from a script, for `quorumdog wait`."""

import socket
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from ipc.framing import FrameReader, pack_reply

LINGER_S = 5.0
NodeBody = dict[str, object]


class RegisteringDaemon:
    """One life after the other: each accepts one client, pushes its lists, and dies or lingers.

    The first list of a life is the reply to the registration.  Between two lives the socket is
    closed for `gap_s`; the last life keeps its connection open.
    """

    def __init__(self, path: Path, lives: Sequence[Sequence[NodeBody]], gap_s: float = 0.0) -> None:
        self._path = path
        self._lives = lives
        self._gap_s = gap_s
        self._listener = self._listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._done = threading.Event()

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
        self._done.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(LINGER_S)
        self._listener.close()

    def _listen(self) -> socket.socket:
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(str(self._path))
        listener.listen()
        return listener

    def _serve(self) -> None:
        with suppress(OSError):
            for number, lists in enumerate(self._lives):
                if number:
                    self._listener.close()
                    self._path.unlink()
                    time.sleep(self._gap_s)
                    self._listener = self._listen()
                connection, _ = self._listener.accept()
                with connection:
                    self._live(connection, lists)
                    if number == len(self._lives) - 1:
                        self._done.wait(LINGER_S)

    def _live(self, connection: socket.socket, lists: Iterable[NodeBody]) -> None:
        reader = FrameReader()
        while reader.feed(connection.recv(65536)) is None:
            pass
        for number, body in enumerate(lists):
            if number:
                connection.sendall(pack_reply("4", {**body, "Event": "state"}))
            else:
                connection.sendall(pack_reply("7", body))
