"""One daemon thread at a time for calls that may hang in the kernel, such as a look at a file.

Rule: never a second thread while the first hangs, and nobody waits for it: neither the loop nor
the end of the process.  The state that a call works on is the call's alone until it has ended.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Final, Generic, TypeVar

T = TypeVar("T")
NAME: Final = "probe"


class HangingError(Exception):
    """The call before has not come back; the text says for how long."""


class Offload(Generic[T]):
    """Calls a function off the loop; one at a time, ever."""

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._since: float | None = None
        self._ended = threading.Event()
        self._ended.set()

    async def call(self, function: Callable[[], T]) -> T:
        """Return what `function` returns (or raise its OSError or ValueError)."""
        if not self._ended.is_set():
            hanging = time.monotonic() - (self._since or 0)
            raise HangingError(f"{self._doing} has been hanging for {hanging:.0f} s")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._since = time.monotonic()
        self._ended.clear()

        def work() -> None:
            settle: Callable[[], object] = future.cancel  # a fault of ours: the thread prints it
            try:
                settle = partial(future.set_result, function())
            except (OSError, ValueError) as error:
                settle = partial(future.set_exception, error)
            finally:
                self._ended.set()
                with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                    loop.call_soon_threadsafe(_settle, future, settle)

        try:
            threading.Thread(target=work, name=NAME, daemon=True).start()
        except RuntimeError as error:
            self._ended.set()
            raise OSError(f"no thread for {self._doing}: {error}") from None
        return await future

    def afterwards(self, function: Callable[[], None]) -> None:
        """Call `function` once the thread has ended, without waiting for either."""

        def work() -> None:
            self._ended.wait()
            function()

        with contextlib.suppress(
            RuntimeError
        ):  # no thread: the process ends, and the kernel tidies
            threading.Thread(target=work, name=NAME, daemon=True).start()


def _settle(future: "asyncio.Future[T]", settle: Callable[[], object]) -> None:
    if not future.done():  # the run may have been cancelled
        settle()
