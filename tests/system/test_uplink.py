"""The uplink watch against a real kernel: a cable pulled, an address removed, an interface gone."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.support import REPOSITORY

ADDRESS = "10.77.0.1"
WATCH = f"""
import asyncio
from watchdog.shell.uplink import Uplink

class Printer:
    def put_local(self, event):
        print(event.up, event.why, flush=True)

async def watch():
    uplink = Uplink("{ADDRESS}", Printer())
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(uplink.run())
        while uplink.why == "not looked at yet":
            await asyncio.sleep(0.01)
        print("watching", uplink.is_up, flush=True)

asyncio.run(watch())
"""
Ip = Callable[[str], None]


@pytest.fixture
def namespace() -> Iterator[str]:
    """A network namespace with ADDRESS on one end of a veth pair."""
    if os.geteuid() != 0:
        pytest.skip("needs root for a network namespace")
    name = f"qd-uplink-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=True)


@pytest.mark.root
def test_a_pulled_cable_and_a_removed_address_are_seen_and_so_is_their_return(
    namespace: str,
) -> None:
    """Each change is told once, with its reason: IN_NW_TROUBLE, and the way out of it."""

    def ip(arguments: str) -> None:
        subprocess.run(["ip", "-n", namespace, *arguments.split()], check=True)

    ip("link add quplink type veth peer name qother")
    ip("link set qother up")
    ip("link set quplink up")
    ip(f"address add {ADDRESS}/24 dev quplink")
    command = ["timeout", "30", "ip", "netns", "exec", namespace, sys.executable, "-c", WATCH]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as watcher:
        assert watcher.stdout is not None
        try:
            lines = iter(watcher.stdout)
            assert next(lines) == "watching True\n"
            for change, told in (
                ("link set qother down", "False quplink is down or has no carrier\n"),
                ("link set qother up", f"True quplink has {ADDRESS} and is up\n"),
                (
                    f"address del {ADDRESS}/24 dev quplink",
                    f"False no interface has the address {ADDRESS}\n",
                ),
                (
                    f"address add {ADDRESS}/24 dev quplink",
                    f"True quplink has {ADDRESS} and is up\n",
                ),
                ("link del quplink", "False quplink is down or has no carrier\n"),
            ):
                ip(change)
                assert next(lines) == told
        finally:
            watcher.terminate()  # `timeout` passes it on; a kill would leave its child
