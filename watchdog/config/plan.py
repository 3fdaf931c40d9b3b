"""The plan: everything a node was told to be, as one plain JSON document.

Rule: `quorumdog run` resolves the file to it and execs the guardian, so that the validating
libraries cost no resident memory; guardian and node believe it without looking again.
Made from the file alone: the same file gives every node the same membership and timing.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

from watchdog.config.check_plan import expectation, http_part, lifecheck_part, shared_row
from watchdog.config.files import key_file
from watchdog.config.load import Loaded
from watchdog.config.numbers import (
    cluster_id,
    final_weights,
    members_digest,
    socket_path,
    timing_of,
)
from watchdog.config.schema import Config
from watchdog.config.timing import in_ms

SCHEMA: Final = 1
USER: Final = "quorumdog"
"""The user whom the node process becomes when he exists."""
_GROUP_DIGEST_SIZE: Final = 8
_LOCAL: Final = frozenset({"authkey_file", "data_dir", "run_dir", "listen", "log_format", "pki"})
"""Options of [cluster] that may differ from machine to machine."""


def resolve(
    loaded: Loaded,
    node: str,
    *,
    env: Mapping[str, str] | None = None,
    accept_membership: bool = False,
    record: str | None = None,
) -> dict[str, Any]:
    """The plan of `node` for a valid configuration."""
    config = loaded.config
    cluster = config.cluster
    return {
        "schema": SCHEMA,
        "node": node,
        "cluster": cluster.name,
        "cluster_id": cluster_id(cluster.name).hex(),
        "data_dir": cluster.data_dir,
        "run_dir": cluster.run_dir,
        "config_file": loaded.file,
        "log_json": cluster.log_format == "json",
        "scheduling": cluster.scheduling,
        "user": USER,
        "witness": config.nodes[node].role == "witness",
        "on_conflict": cluster.on_conflict,
        "port": cluster.port,
        "authkey_file": key_file(cluster.authkey_file, env or {}),
        "pki": cluster.pki.model_dump() if cluster.pki else None,
        "vips": _vips(config),
        "hooks": _hooks(config),
        "timing_ms": timing_ms(config),
        "gate": cluster.gate,
        **_last_resorts(config, node),
        "lifecheck": lifecheck_part(config, node),
        "http": http_part(config),
        "node_process": {
            **_node_process(config, node, env or {}),
            "accept_membership": accept_membership,
            "record": record,
        },
    }


def _last_resorts(config: Config, node: str) -> dict[str, Any]:
    """What resets this machine; a witness, which is never on, needs none."""
    cluster = config.cluster
    is_witness = config.nodes[node].role == "witness"
    return {
        "watchdog": {
            "device": "" if is_witness else cluster.watchdog_device,
            "timeout_ms": cluster.watchdog_timeout,
        },
        "self_fence": "off" if is_witness else cluster.self_fence,
    }


def timing_ms(config: Config) -> dict[str, Any]:
    """The numbers as the plan carries them: ms by name, `retry` as a pair."""
    numbers: dict[str, Any] = dict(in_ms(timing_of(config.cluster, config.hooks, config.timing)))
    numbers["retry"] = [numbers.pop("retry_min"), numbers.pop("retry_max")]
    return numbers


def _vips(config: Config) -> list[dict[str, Any]]:
    found = []
    for name, vip in config.vip.items():
        address, _, prefix = vip.address.partition("/")
        found.append(
            {
                "name": name,
                "address": address,
                "prefix": int(prefix),
                "family": 6 if ":" in address else 4,
                "interface": vip.interface,
            }
        )
    return found


def _hooks(config: Config) -> dict[str, Any]:
    hooks = config.hooks
    return {
        "escalation": _argv(hooks.escalation),
        "de_escalation": _argv(hooks.de_escalation),
        "state_change": _argv(hooks.state_change),
        "escalation_timeout_ms": hooks.escalation_timeout,
        "de_escalation_timeout_ms": timing_ms(config)["deesc"],
        "order": hooks.order,
        "user": hooks.user,
    }


def _argv(command: tuple[str, ...] | None) -> list[str] | None:
    return None if command is None else list(command)


def _node_process(config: Config, node: str, env: Mapping[str, str]) -> dict[str, Any]:
    cluster = config.cluster
    address = config.nodes[node].address
    members = _members(config)
    digest = members_digest(cluster_id(cluster.name), [(m["name"], m["weight"]) for m in members])
    key = config.ipc.authkey_file
    return {
        "listen": cluster.listen or address,
        "address": address,
        "tie_breaker": cluster.tie_breaker,
        "failback": cluster.failback == "auto",
        "digest": digest.hex(),
        "members": members,
        "config_digests": group_digests(config),
        "lifecheck": expectation(config, node),
        "ipc": {
            "path": socket_path(cluster),
            "group": config.ipc.group,
            "admin_uids": config.ipc.admin_uids,
            "report_uids": config.ipc.report_uids,
            "authkey_file": None if key is None else key_file(key, env),
        },
    }


def _members(config: Config) -> list[dict[str, Any]]:
    """The members in the order of the file, with the weights that count."""
    weights = final_weights(config.cluster, config.nodes)
    return [
        {
            "name": name,
            "address": node.address,
            "port": config.cluster.port,
            "weight": weights[name],
            "priority": node.priority,
            "witness": node.role == "witness",
            "pgpool_port": node.pgpool_port,
        }
        for name, node in config.nodes.items()
    ]


def group_digests(config: Config) -> dict[str, str]:
    """A digest per group of options that all nodes share, so that a difference can be named."""
    groups = {
        "cluster": config.cluster.model_dump(exclude=set(_LOCAL)),
        "nodes": [[name, node.model_dump()] for name, node in config.nodes.items()],
        "vip": {name: vip.model_dump() for name, vip in config.vip.items()},
        "hooks": config.hooks.model_dump(),
        "timing": timing_ms(config),
        "ipc": config.ipc.model_dump(exclude={"authkey_file"}),
        "lifecheck": config.lifecheck.model_dump(),
        "check": [shared_row(name, check) for name, check in config.check.items()],
    }
    return {name: _digest(value) for name, value in groups.items()}


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).digest()[:_GROUP_DIGEST_SIZE].hex()
