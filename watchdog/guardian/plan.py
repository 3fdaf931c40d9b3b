"""The resolved configuration as the guardian needs it: read once, from a descriptor.

`quorumdog run` has validated everything; a plan that does not fit is our own fault, so this only
picks.  Durations become nanoseconds here (docs/configuration.md has the meaning of each).
"""

import json
import os
from typing import Any, Final, NamedTuple

from watchdog.guardian.policy import Policy
from watchdog.instant import MS

SCHEMA: Final = 1
PLAN_SIZE_MAX: Final = 1 << 20


class Vip(NamedTuple):
    """One virtual address; `family` is 4 or 6."""

    name: str
    address: str
    prefix: int
    family: int
    interface: str


class HookPlan(NamedTuple):
    """The argv of each hook (empty: none), and who runs them (empty: the service's own user)."""

    escalation: tuple[str, ...]
    de_escalation: tuple[str, ...]
    state_change: tuple[str, ...]
    user: str


class RestartPlan(NamedTuple):
    """The restart action of one check, which only its name asks for."""

    check: str
    argv: tuple[str, ...]
    restarts: int
    within_ns: int
    timeout_ns: int
    is_escalated: bool
    """Counts only while the node is on, and so must what it starts."""


class Plan(NamedTuple):
    """Everything the guardian knows; the node process gets the whole document, unread by us."""

    node: str
    cluster: str
    cluster_id: bytes
    data_dir: str
    run_dir: str
    scheduling: str
    user: str
    authkey_file: str
    log_json: bool
    vips: tuple[Vip, ...]
    hooks: HookPlan
    policy: Policy
    gate: str = "none"
    """`auto`: the kernel's gate where it can be had; `nft`: not without it; `none`."""
    watchdog_device: str = ""
    helpers: tuple[str, ...] = ()
    """Which helper processes run: lifecheck, web."""
    restarts: tuple[RestartPlan, ...] = ()
    socket_group: str = ""
    """Whose members may open the control socket."""


def read(fd: int) -> Plan:
    """Read the plan from the start of a memfd or a file."""
    return parse(os.pread(fd, PLAN_SIZE_MAX, 0))


def parse(raw: bytes) -> Plan:
    """Pick what the guardian needs."""
    plan: dict[str, Any] = json.loads(raw)
    assert plan["schema"] == SCHEMA, f"a plan of schema {plan['schema']}, not {SCHEMA}"
    # A witness is never on: it needs none of what VIPs need.
    wanted = [] if plan.get("witness") else plan["vips"]
    vips = tuple(
        Vip(v["name"], v["address"], v["prefix"], v["family"], v["interface"]) for v in wanted
    )
    hooks = _hooks(plan.get("hooks") or {})
    restarts = _restarts(plan.get("lifecheck") or {})
    return Plan(
        node=plan["node"],
        cluster=plan["cluster"],
        cluster_id=bytes.fromhex(plan["cluster_id"]),
        data_dir=plan["data_dir"],
        run_dir=plan["run_dir"],
        scheduling=plan["scheduling"],
        user=plan.get("user") or "",
        authkey_file=plan.get("authkey_file") or "",
        log_json=bool(plan.get("log_json")),
        vips=vips,
        hooks=hooks,
        gate=plan.get("gate") or "none",
        watchdog_device=(plan.get("watchdog") or {}).get("device") or "",
        policy=_policy(plan, has_vips=bool(vips), hooks=hooks, restarts=restarts),
        helpers=_helpers(plan),
        restarts=restarts,
        socket_group=_socket_group(plan),
    )


def _socket_group(plan: dict[str, Any]) -> str:
    return ((plan.get("node_process") or {}).get("ipc") or {}).get("group") or ""


def _hooks(table: dict[str, Any]) -> HookPlan:
    return HookPlan(
        escalation=tuple(table.get("escalation") or ()),
        de_escalation=tuple(table.get("de_escalation") or ()),
        state_change=tuple(table.get("state_change") or ()),
        user=table.get("user") or "",
    )


def _helpers(plan: dict[str, Any]) -> tuple[str, ...]:
    parts = {"lifecheck": plan.get("lifecheck"), "web": plan.get("http")}
    return tuple(name for name, part in parts.items() if part is not None)


def _restarts(lifecheck: dict[str, Any]) -> tuple[RestartPlan, ...]:
    found = []
    for check in lifecheck.get("checks") or ():
        action = check["on_fail"]
        if action["kind"] == "restart":
            found.append(
                RestartPlan(
                    check=check["name"],
                    argv=tuple(action["argv"]),
                    restarts=action["restarts"],
                    within_ns=action["within_ms"] * MS,
                    timeout_ns=action["timeout_ms"] * MS,
                    is_escalated=check["when"] == "escalated",
                )
            )
    return tuple(found)


def _policy(
    plan: dict[str, Any],
    *,
    has_vips: bool,
    hooks: HookPlan,
    restarts: tuple[RestartPlan, ...],
) -> Policy:
    timing: dict[str, int] = plan["timing_ms"]
    watchdog = plan.get("watchdog") or {}
    return Policy(
        drop_ns=timing["drop"] * MS,
        slack_ns=timing["slack"] * MS,
        deesc_ns=timing["deesc"] * MS,
        escalation_timeout_ns=timing["escalation_timeout"] * MS,
        has_vips=has_vips,
        has_escalation=bool(hooks.escalation),
        has_de_escalation=bool(hooks.de_escalation),
        has_escalated_restarts=any(restart.is_escalated for restart in restarts),
        ticket_ns=timing.get("ticket", 0) * MS,
        watchdog_ns=watchdog["timeout_ms"] * MS if watchdog.get("device") else 0,
        self_fence=plan.get("self_fence") or "off",
        is_hook_first=(plan.get("hooks") or {}).get("order") == "hook-first",
    )
