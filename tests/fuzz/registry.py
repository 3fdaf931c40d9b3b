"""Every target by its name. A target is made where it runs: what it needs is imported there."""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Final, cast

from tests.fuzz.engine import Target

PLACES: Final = {
    "frames": "peers:frames",
    "codec": "peers:codec",
    "wills": "datagrams:wills",
    "rounds": "datagrams:rounds",
    "unsealed": "datagrams:unsealed",
    "heartbeats": "datagrams:heartbeats",
    "unsealed-heartbeats": "datagrams:unsealed_heartbeats",
    "requests": "control:requests",
    "replies": "control:replies",
    "http": "http:requests",
    "http-port": "http:port",
    "http-answers": "http:answers",
    "config": "config:config",
    "slots": "stored:slots_and_record",
    "ledger": "stored:ledger",
    "packets": "processes:packets",
    "hook-output": "processes:hook_lines",
    "addresses": "kernel:addresses",
    "interfaces": "kernel:interfaces",
    "nft-answers": "kernel:nft_answers",
    "link-frames": "kernel:link_frames",
    "proc-files": "kernel:proc_files",
    "echoes": "kernel:echoes",
}
"""Name -> module below tests.fuzz.targets, and the function that makes the target."""


@cache
def make(name: str) -> Target:
    """The target of this name; one for each process."""
    module, _, function = PLACES[name].partition(":")
    made = getattr(import_module(f"tests.fuzz.targets.{module}"), function)
    target = cast("Callable[[], Target]", made)()
    assert target.name == name, f"{PLACES[name]} makes {target.name}"
    return target
