"""Accelerators in a running watch: what is missing is named, and what fails is let go of."""

import asyncio
import os
import socket

import pytest

from lifecheck.processes.accelerators import (
    EXIT_TRACEPOINT,
    EXITING_POLL,
    NAMES,
    PROCESS_CONNECTOR,
    Accelerators,
)
from tests.shell.process_lab import accelerators, prefix, sleeper, title, watching


def test_an_accelerator_that_cannot_be_had_is_named_with_its_reason() -> None:
    """And the watch works without."""

    async def story() -> None:
        name = title()
        with sleeper(name):
            async with watching(prefix(name), given=Accelerators(NAMES)) as watched:
                await watched.until_alive(1)
                assert watched.watch.accelerators() == [EXITING_POLL]
                said = watched.log.told["accelerators_opened"]
                assert said["used"] == EXITING_POLL
                assert "process_connector: the guardian could not" in str(said["without"])
                assert "exit_tracepoint: the guardian could not" in str(said["without"])

    asyncio.run(story())


@pytest.mark.parametrize("name", NAMES)
def test_a_descriptor_that_is_something_else_is_refused(name: str) -> None:
    """Whatever was handed over, the watch goes on without."""

    async def story() -> None:
        first, second = socket.socketpair()
        numbers = first.detach(), second.detach()
        given = Accelerators([name], os.open("/dev/null", os.O_RDONLY), numbers)
        async with watching(prefix(title()), given=given) as watched:
            is_poll = name == EXITING_POLL
            assert watched.watch.accelerators() == ([name] if is_poll else [])
            said = watched.log.told["accelerators_opened"]
            assert said["used"] == (name if is_poll else None)
            assert str(said["without"]).startswith("None" if is_poll else f"{name}: ")

    asyncio.run(story())


@pytest.mark.root
@pytest.mark.parametrize("name", [PROCESS_CONNECTOR, EXIT_TRACEPOINT])
def test_each_works_alone(name: str) -> None:
    """The switch of one does not turn off another."""
    if os.geteuid() != 0:
        pytest.skip("accelerators need root")

    async def story() -> None:
        own = title()
        async with watching(prefix(own), given=accelerators([name])) as watched:
            assert watched.watch.accelerators() == [name]
            with sleeper(own) as child:
                await watched.until_alive(1)
                child.kill()
                await watched.until_alive(0)

    asyncio.run(story())
