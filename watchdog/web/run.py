"""The life of the health port: puts its parts together, runs until SIGTERM, and leaves nothing."""

import asyncio
import signal
import socket
from pathlib import Path
from typing import Final

from watchdog.web.library_log import LibraryLog
from watchdog.web.log import Log
from watchdog.web.pages import Pages
from watchdog.web.plan import WebPlan
from watchdog.web.question import Node
from watchdog.web.server import Front, ListenError, accept, listen, sweep
from watchdog.web.visitors import Visitors


class KeyFileError(Exception):
    """The key of the control socket cannot be read; the text says why."""


START_FAULTS: Final = (ListenError, KeyFileError)


async def run(plan: WebPlan, log: Log) -> None:
    """Serve until SIGTERM. Raises START_FAULTS."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, _stop, task, log)
    try:
        key = read_key(plan.authkey_file)
        listener = await listen(plan, log)
        log.info("listening", address=plan.address, port=plan.port)
        await serve(listener, plan.socket, key, log)
    except asyncio.CancelledError:
        return  # by the signal


async def serve(listener: socket.socket, node: Path, key: str | None, log: Log) -> None:
    """Answer on `listener` what the node at the socket `node` says, until cancelled."""
    visitors, logs = Visitors(), LibraryLog(log)
    logs.install()
    try:
        async with asyncio.TaskGroup() as tasks:
            pages = Pages(Node(node, key, tasks), visitors, logs)
            tasks.create_task(sweep(visitors))
            await accept(listener, Front(pages, visitors), visitors, log)
    finally:
        logs.remove()
        listener.close()


def read_key(path: Path | None) -> str | None:
    """What every request to the control socket must hold. Raises KeyFileError."""
    try:
        return None if path is None else path.read_bytes().strip().decode()
    except (OSError, UnicodeDecodeError) as error:
        why = f"cannot read the key {path} ([ipc] authkey_file): {error}"
        raise KeyFileError(f"{why}; the user of the node must be able to") from error


def _stop(task: asyncio.Task[None], log: Log) -> None:
    log.info("web_stops")
    task.cancel()
