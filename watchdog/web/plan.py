"""The health port's part of the plan that the guardian hands down. Pure.

The configuration was checked before the plan was made, so a value that is missing here is a bug
and ends the process.
"""

import json
from dataclasses import dataclass
from pathlib import Path


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
