"""The process connector: what its filter lets through, and what happens when it runs over."""

import asyncio
import os
import socket
import subprocess
import sys

import pytest

from lifecheck.processes.accelerators import PROCESS_CONNECTOR, Accelerators
from lifecheck.processes.accelerators.connector import Connector
from tests.shell.process_lab import nursery, prefix, sleeper, title, watching
from tests.support import readable
from watchdog.guardian.privileged import open_process_connector

pytestmark = pytest.mark.root

FORKS = """
import os, threading
for _ in range(300):
    if os.fork() == 0:
        os._exit(0)
    os.wait()
for _ in range(300):
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
"""


def heard(connector: Connector, until_pid: int) -> set[int]:
    """Everybody of whom it told, until it tells of this one."""
    told: set[int] = set()
    while until_pid not in told:
        assert readable(10, connector)
        changed, dumping, is_lost = connector.drain()
        assert not dumping
        assert not is_lost
        told |= changed
    return told


def test_forks_threads_and_exits_wake_nobody() -> None:
    """A storm of them costs the kernel a filter and us nothing."""
    connector = Connector(open_process_connector())
    try:
        with sleeper(title()) as first:
            heard(connector, first.pid)
        storm = subprocess.Popen([sys.executable, "-I", "-S", "-c", FORKS])
        assert storm.wait() == 0
        with sleeper(title()) as last:
            told = heard(connector, last.pid)
        strangers = 100  # other programs of this machine may start meanwhile
        assert storm.pid in told
        assert len(told) < strangers
    finally:
        connector.close()


def test_when_the_queue_runs_over_everybody_is_looked_at() -> None:
    """An event that was lost may have been the one that matters."""

    async def story() -> None:
        fd = open_process_connector()
        with socket.socket(fileno=os.dup(fd)) as same:
            same.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        name = title()
        async with watching(prefix(name), given=Accelerators([PROCESS_CONNECTOR], fd)) as watched:
            with nursery() as parent:
                parent.spawn(300, name)
                await watched.until_alive(300)
                await watched.until(lambda: "process_events_lost" in watched.log.events)

    asyncio.run(story())


def test_what_is_no_event_is_passed_over() -> None:
    """Short packets and kinds that nobody asked for."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    connector = Connector(ours.detach())
    try:
        with theirs:
            theirs.send(b"short")
            theirs.send(bytes(100))
            assert connector.drain() == (set(), set(), False)
    finally:
        connector.close()
