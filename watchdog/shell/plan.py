"""The plan: everything this node was told to be, as resolved by `quorumdog run` from the file.

The CLI checked every value and the guardian hands the JSON on unchanged, so a fault found here is
ours (a missing key raises KeyError).  The node reads no configuration file itself.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from watchdog.core.settings import Member, Settings, Timing
from watchdog.instant import MS

SCHEMA: Final = 1
_PAIR: Final = "retry"


@dataclass(frozen=True, slots=True)
class PlanMember:
    """A configured node and where it is."""

    name: str
    address: str
    port: int
    weight: int
    priority: int
    witness: bool
    pgpool_port: int = 9999


@dataclass(frozen=True, slots=True)
class Pki:
    """PEM files of PKI mode: the trusted CA, this node's certificate and its key."""

    ca: Path
    cert: Path
    key: Path


@dataclass(frozen=True, slots=True)
class IpcPlan:
    """The control socket: path, who may read (group), report and administer, optional key file."""

    path: Path
    group: str | None
    admin_uids: tuple[int, ...]
    authkey_file: Path | None
    report_uids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class LifecheckPlan:
    """Whether a lifecheck process is to run here, how nodes are judged, and what its loss means."""

    expected: bool
    method: str
    on_loss: str
    deadtime_ms: int


NO_LIFECHECK: Final = LifecheckPlan(False, "none", "ignore", 10_000)


@dataclass(frozen=True, slots=True)
class VipPlan:
    """A virtual address, as `status` shows it; only the guardian touches it."""

    name: str
    address: str
    prefix: int


@dataclass(frozen=True, slots=True)
class NodePlan:
    """What the node process needs to know; `settings()` is the part that decisions depend on."""

    node: str
    cluster: str
    cluster_id: bytes
    data_dir: Path
    log_json: bool
    scheduling: str
    takeover: bool
    port: int
    listen: str
    address: str
    failback: bool
    digest: bytes
    members: tuple[PlanMember, ...]
    timing: Timing
    config_digests: tuple[tuple[str, bytes], ...]
    accept_membership: bool
    ipc: IpcPlan
    pki: Pki | None
    vips: tuple[VipPlan, ...]
    record: Path | None
    lifecheck: LifecheckPlan = NO_LIFECHECK
    notices: tuple[str, ...] = ()
    """What `run` found that should stay in `status` (such as a membership that is not obeyed)."""

    @property
    def peers(self) -> tuple[PlanMember, ...]:
        """Every member but this node."""
        return tuple(member for member in self.members if member.name != self.node)

    @property
    def soft_ms(self) -> int:
        """The soft bound in ms, from which TCP_USER_TIMEOUT follows."""
        return self.timing.soft_ns // MS

    def settings(self, old_members: tuple[tuple[str, int], ...] | None = None) -> Settings:
        """What the core needs; `old_members` is the stored list that --accept-membership replaces.

        The caller takes it from the loaded record, because the plan does not know the disk.
        """
        return Settings(
            name=self.node,
            cluster_id=self.cluster_id,
            members=tuple(
                Member(member.name, member.weight, member.priority, member.witness, order)
                for order, member in enumerate(self.members)
            ),
            digest=self.digest,
            timing=self.timing,
            config_digests=self.config_digests,
            failback=self.failback,
            has_vip=bool(self.vips),
            takeover=self.takeover,
            expects_lifecheck=self.lifecheck.expected,
            on_loss_release=self.lifecheck.expected and self.lifecheck.on_loss == "release",
            lifecheck_deadtime_ns=self.lifecheck.deadtime_ms * MS,
            old_members=old_members,
        )


def timing_from_ms(numbers: Mapping[str, Any]) -> Timing:
    """Timing from the plan's milliseconds; `retry` is a pair, every other value an int."""
    retry_min, retry_max = numbers[_PAIR]
    values = {f"{name}_ns": ms * MS for name, ms in numbers.items() if name != _PAIR}
    return Timing(**values, retry_min_ns=retry_min * MS, retry_max_ns=retry_max * MS)


def parse(text: str | bytes) -> NodePlan:
    """NodePlan from the PLAN JSON; KeyError, TypeError or ValueError when it is not one of ours."""
    plan = json.loads(text)
    if plan["schema"] != SCHEMA:
        message = f"plan schema {plan['schema']!r} is not {SCHEMA}: guardian and node differ"
        raise ValueError(message)
    part = plan["node_process"]
    return NodePlan(
        node=plan["node"],
        cluster=plan["cluster"],
        cluster_id=bytes.fromhex(plan["cluster_id"]),
        data_dir=Path(plan["data_dir"]),
        log_json=plan["log_json"],
        scheduling=plan["scheduling"],
        takeover=plan["on_conflict"] == "takeover",
        port=plan["port"],
        listen=part["listen"],
        address=part["address"],
        failback=part["failback"],
        digest=bytes.fromhex(part["digest"]),
        members=tuple(_member(member) for member in part["members"]),
        timing=timing_from_ms(plan["timing_ms"]),
        config_digests=_digests(part["config_digests"]),
        accept_membership=part["accept_membership"],
        ipc=_ipc(part["ipc"]),
        pki=_pki(plan["pki"]),
        vips=tuple(_vip(vip) for vip in plan["vips"]),
        record=_optional_path(part["record"]),
        lifecheck=_lifecheck(part["lifecheck"]),
        notices=tuple(part.get("notices", ())),
    )


def _member(row: Mapping[str, Any]) -> PlanMember:
    return PlanMember(
        name=row["name"],
        address=row["address"],
        port=row["port"],
        weight=row["weight"],
        priority=row["priority"],
        witness=row["witness"],
        pgpool_port=row["pgpool_port"],
    )


def _digests(table: Mapping[str, str]) -> tuple[tuple[str, bytes], ...]:
    return tuple(sorted((name, bytes.fromhex(digest)) for name, digest in table.items()))


def _ipc(row: Mapping[str, Any]) -> IpcPlan:
    return IpcPlan(
        path=Path(row["path"]),
        group=row["group"],
        admin_uids=tuple(row["admin_uids"]),
        authkey_file=_optional_path(row["authkey_file"]),
        report_uids=tuple(row["report_uids"]),
    )


def _lifecheck(row: Mapping[str, Any]) -> LifecheckPlan:
    return LifecheckPlan(row["expected"], row["method"], row["on_loss"], row["deadtime_ms"])


def _pki(row: Mapping[str, str] | None) -> Pki | None:
    if row is None:
        return None
    return Pki(Path(row["ca"]), Path(row["cert"]), Path(row["key"]))


def _vip(row: Mapping[str, Any]) -> VipPlan:
    return VipPlan(row["name"], row["address"], row["prefix"])


def _optional_path(value: str | None) -> Path | None:
    return None if value is None else Path(value)
