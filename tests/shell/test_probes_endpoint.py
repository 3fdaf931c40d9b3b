"""Connecting: names, several addresses, and a resolver that hangs."""

import asyncio
import socket
import threading

import pytest

from lifecheck.probes.endpoint import Address, ConnectError, Endpoint, join


class StuckEndpoint:
    """Stands for a resolver whose server is gone: `getaddrinfo` does not come back."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.endpoint = Endpoint("stuck.invalid", 1)
        self.endpoint._look_up = self._wait  # type: ignore[method-assign]

    def _wait(self, flags: int) -> list[Address]:
        if flags:
            raise socket.gaierror(socket.EAI_NONAME, "no literal")
        self.released.wait(10)
        raise socket.gaierror(socket.EAI_AGAIN, "try again")


def test_a_resolver_that_hangs_holds_nobody() -> None:
    """The run is cancelled, and the next one says at once what is the matter."""
    stuck = StuckEndpoint()

    async def story() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await stuck.endpoint.connect()
        with pytest.raises(ConnectError, match=r"looking up stuck.invalid has been hanging"):
            await stuck.endpoint.connect()
        stuck.released.set()

    asyncio.run(story())


def test_a_port_without_a_listener_never_connects_to_itself() -> None:
    """Linux lets a socket that picked the very port connect to itself."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    async def story() -> None:
        for _ in range(50):
            with pytest.raises(ConnectError, match="refused"):
                await Endpoint("127.0.0.1", port).connect()

    asyncio.run(story())


@pytest.mark.parametrize("host", ["a\0b", "a" * 64 + ".x", "", "..", "\u00e9" * 80])
def test_a_host_that_is_none_is_said(host: str) -> None:
    """Whatever configuration let through, the run ends with a sentence."""

    async def story() -> None:
        with pytest.raises(ConnectError, match=r"\w"):
            async with asyncio.timeout(20):
                await Endpoint(host, 1).connect()

    asyncio.run(story())


def test_addresses_are_written_as_people_write_them() -> None:
    """Version 6 needs brackets beside a port."""
    assert join("::1", 80) == "[::1]:80"
    assert join("h", 80) == "h:80"
