"""Starts the real guardian with scripted children: launcher.py PLAN RELAY SOCKET [HELPERS].

Where the environment says so, what would reset this machine is replaced: the driver that answers
for a watchdog's device, and the place where a reset is asked for.
"""

import json
import os
import sys
from pathlib import Path

from watchdog.guardian import fence, hardware_watchdog, vip
from watchdog.guardian.main import run

DRIVER = "QUORUMDOG_TEST_DRIVER"
"""Answer as a driver with magic close, whose device is whatever the plan names."""
TRIGGER = "QUORUMDOG_TEST_TRIGGER"
"""File to ask for a reset in, instead of the kernel's."""
STUCK = "QUORUMDOG_TEST_STUCK"
"""While this file exists, no VIP can be removed."""


def driver(_fd: int, request: int, argument: bytes) -> bytes:
    """Answer as the driver of a watchdog that can do everything."""
    if request == hardware_watchdog.GETSUPPORT:
        options = hardware_watchdog.CAN_SET_TIMEOUT | hardware_watchdog.CAN_MAGIC_CLOSE
        return options.to_bytes(4, sys.byteorder) + bytes(36)
    if request == hardware_watchdog.SETTIMEOUT:
        timeout[:] = argument
    return bytes(timeout)


timeout = bytearray(4)


def replace() -> None:
    """Whatever the environment asks for."""
    if DRIVER in os.environ:
        hardware_watchdog.control = driver
    fence.trigger_path = os.environ.get(TRIGGER, "/nowhere/sysrq-trigger")
    if stuck := os.environ.get(STUCK):
        honest = vip.Vips.remove

        def remove(self: vip.Vips) -> str:
            return "stuck" if Path(stuck).exists() else honest(self)

        vip.Vips.remove = remove  # type: ignore[method-assign]


if __name__ == "__main__":
    plan, relay, path, *helpers = sys.argv[1:]
    replace()
    node = [sys.executable, "-I", relay, path]
    sys.exit(run(os.open(plan, os.O_RDONLY), node, json.loads(helpers[0] if helpers else "{}")))
