"""Deaths that take long: core dumps and much memory, seen at their beginning and at their end."""

import asyncio
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from lifecheck.processes import procfs
from lifecheck.processes.accelerators import EXITING_POLL, NAMES, exiting
from lifecheck.processes.matching import Rule
from tests.shell.process_lab import (
    ACCELERATED,
    Stopped,
    prefix,
    read_line,
    script,
    script_prefix,
    sleeper,
    state,
    title,
    until,
    watching,
)

BIG = """
held = bytearray(b"x") * (256 << 20)
print("ready", flush=True)
input()
"""


@pytest.fixture
def cores(tmp_path: Path) -> Iterator[Path]:
    """Folder in which core dumps of children land."""
    before, here = resource.getrlimit(resource.RLIMIT_CORE), Path.cwd()
    resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
    os.chdir(tmp_path)
    try:
        yield tmp_path
    finally:
        os.chdir(here)
        resource.setrlimit(resource.RLIMIT_CORE, before)


@pytest.mark.root
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGSEGV], ids=["killed", "dumps core"])
def test_a_long_death_is_said_at_its_beginning(signum: int, cores: Path) -> None:
    """The node may hand over at once; who shares a disk waits until alive is 0."""

    async def story() -> None:
        mark = title()
        rule = Rule(prefixes=(script_prefix(mark),))
        with script(BIG, mark) as child:
            assert read_line(child) == "ready"
            async with watching(rule, names=NAMES) as watched:
                assert watched.watch.accelerators() == ["process_connector", "exit_tracepoint"]
                child.send_signal(signum)
                await watched.until_alive(0)
                seen = [seen for _, seen in watched.history]
                assert [(s.alive, s.early) for s in seen] == [(1, 0), (1, 1), (0, 0)]
                assert "dying" in seen[1].detail

    asyncio.run(story())


@pytest.mark.root
@ACCELERATED
def test_a_process_that_is_held_back_while_it_dies_is_dying_and_alive(
    names: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Doomed is not ended: its sockets, locks and memory are still there."""
    monkeypatch.setattr(exiting, "BIG", 0)

    async def story() -> None:
        name = title()
        with sleeper(name) as child:
            assert not procfs.is_doomed(child.pid)
            async with watching(prefix(name), names=[EXITING_POLL] if names else ()) as watched:
                await watched.until_alive(1)
                watched.watch.look_again(0)  # measures how big it is
                with Stopped(child.pid) as stopped:
                    stopped.die(signal.SIGTERM)
                    assert procfs.is_doomed(child.pid)
                    if names:
                        await watched.until(lambda: watched.seen().early == 1)
                    assert watched.alive() == 1
                await watched.until_alive(0)

    asyncio.run(story())


def test_a_process_that_exits_by_itself_is_not_doomed_before() -> None:
    """The flag is looked at, not guessed; a number that nobody has is nothing."""

    async def story() -> None:
        with sleeper(title()) as child:
            assert not procfs.is_doomed(child.pid)
            child.kill()
            await until(lambda: state(child.pid) == "Z")
            assert procfs.is_doomed(child.pid)
        assert not procfs.is_doomed(child.pid)

    asyncio.run(story())
