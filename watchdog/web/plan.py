"""The health port's part of the plan that the guardian hands down. Pure.

The configuration was checked before the plan was made, so a value that is missing here is a bug
and ends the process.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SCHEMA: Final = 1


@dataclass(frozen=True, slots=True)
class WebPlan:
    """What the health port needs to know."""

    node: str
    log_json: bool
    address: str
    """An IP address of this machine, or a wildcard."""
    port: int
    socket: Path
    """The node's control socket."""
    authkey_file: Path | None
    """What every request to the control socket must hold, if the site wants that."""


def parse(data: bytes) -> WebPlan:
    """The plan in `data`, the JSON that `quorumdog run` wrote."""
    plan = json.loads(data)
    if plan["schema"] != SCHEMA:
        # After an upgrade in place a new web process may be given the plan of an old guardian.
        raise ValueError(f"plan schema {plan['schema']!r} is not {SCHEMA}: restart the service")
    ipc = plan["node_process"]["ipc"]
    key = ipc["authkey_file"]
    return WebPlan(
        node=plan["node"],
        log_json=plan["log_json"],
        address=plan["http"]["address"],
        port=plan["http"]["port"],
        socket=Path(ipc["path"]),
        authkey_file=None if key is None else Path(key),
    )
