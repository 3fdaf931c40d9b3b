"""The options of the configuration file: names, kinds, ranges and defaults, and nothing else.

Rule: a model holds one table; what concerns two options is in `rules`.  `None` as default means
that the value follows from others (docs/configuration.md says how).
"""

from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field

from watchdog.config.check_schema import Check, CheckOptions
from watchdog.config.check_values import ACCELERATORS, Accelerators, Endpoint, Every, Listen
from watchdog.config.timing import PROFILES
from watchdog.config.values import (
    STRICT,
    Address,
    Command,
    Duration,
    DurationPair,
    FilePath,
    Interface,
    KeyPath,
    Kind,
    Name,
    NodeAddress,
    Port,
    Text,
    Uids,
    VipAddress,
    format_ms,
    need_text,
    read_duration,
    read_path,
    refuse,
)

WATCHDOG_MAX_MS: Final = 300_000


def _known_profile(value: str) -> str:
    if value not in PROFILES:
        refuse(f"is no timing profile: {value!r}", hint=f"choose one of {', '.join(PROFILES)}")
    return value


def _whole_seconds(value: int) -> int:
    if value % 1000 or not 1000 <= value <= WATCHDOG_MAX_MS:
        refuse(
            f"must be whole seconds from 1s to {format_ms(WATCHDOG_MAX_MS)}: {format_ms(value)}",
            "the kernel sets a hardware watchdog in seconds",
            'write "2s", or the least that the device can do (`wdctl` shows it)',
        )
    return value


def _device(value: object) -> str:
    """A path, or nothing for no device."""
    return "" if value == "" else read_path(value)


Profile = Annotated[
    str, Kind(" | ".join(PROFILES)), BeforeValidator(need_text), AfterValidator(_known_profile)
]
Device = Annotated[str, Kind("device"), BeforeValidator(_device)]
Seconds = Annotated[
    int, Kind("duration"), BeforeValidator(read_duration), AfterValidator(_whole_seconds)
]
Priority = Annotated[int, Kind("integer 0-1000"), Field(ge=0, le=1000)]
Weight = Annotated[int, Kind("integer 1-100"), Field(ge=1, le=100)]


class Pki(BaseModel):
    """Certificates from files instead of the authkey's own."""

    model_config = STRICT
    ca: FilePath
    cert: FilePath
    key: FilePath


class Cluster(BaseModel):
    """`[cluster]`: who we are together."""

    model_config = STRICT
    name: Name
    authkey_file: KeyPath = "/etc/quorumdog/authkey"
    timing: Profile = "default"
    port: Port = 9000
    listen: Address | None = None
    data_dir: FilePath = "/var/lib/quorumdog"
    run_dir: FilePath = "/run/quorumdog"
    tie_breaker: Name | None = None
    failback: Literal["off", "auto"] = "off"
    failback_delay: Duration = 60_000
    scheduling: Literal["rt", "nice", "normal"] = "rt"
    gate: Literal["auto", "nft", "none"] = "auto"
    on_conflict: Literal["wait", "takeover"] = "wait"
    watchdog_device: Device = ""
    watchdog_timeout: Seconds = 2_000
    self_fence: Literal["off", "watchdog", "sysrq"] = "off"
    pki: Pki | None = None
    log_format: Literal["text", "json"] = "text"


class Node(BaseModel):
    """`[nodes]`: one member."""

    model_config = STRICT
    address: NodeAddress
    priority: Priority = 1
    role: Literal["member", "witness"] = "member"
    weight: Weight = 1
    pgpool_port: Port = 9999


class Vip(BaseModel):
    """`[vip.NAME]`: one virtual address."""

    model_config = STRICT
    address: VipAddress
    interface: Interface


class Hooks(BaseModel):
    """`[hooks]`: what runs on an escalation and a de-escalation."""

    model_config = STRICT
    escalation: Command | None = None
    de_escalation: Command | None = None
    state_change: Command | None = None
    escalation_timeout: Duration = 10_000
    de_escalation_timeout: Duration | None = None
    order: Literal["vip-first", "hook-first"] = "vip-first"
    user: Text | None = None


class Timing(BaseModel):
    """`[timing]`: single numbers of the profile replaced."""

    model_config = STRICT
    beacon: Duration | None = None
    repeat: Duration | None = None
    soft: Duration | None = None
    drop: Duration | None = None
    slack: Duration | None = None
    ticket: Duration | None = None
    hard: Duration | None = None
    promise: Duration | None = None
    slot: Duration | None = None
    jitter: Duration | None = None
    window: Duration | None = None
    reach: Duration | None = None
    vote_wait: Duration | None = None
    retry: DurationPair | None = None
    min_left: Duration | None = None
    rtt_max: Duration | None = None
    standdown: Duration | None = None


class Ipc(BaseModel):
    """`[ipc]`: who may use the control socket."""

    model_config = STRICT
    authkey_file: KeyPath | None = None
    group: Text | None = None
    report_uids: Uids = []
    admin_uids: Uids = []


class Lifecheck(BaseModel):
    """`[lifecheck]`: how the nodes hear each other, and what the loss of that means."""

    model_config = STRICT
    method: Literal["heartbeat", "external", "none"] = "heartbeat"
    heartbeat_port: Port = 9694
    interval: Every = 1_000
    deadtime: Every = 10_000
    on_loss: Literal["ignore", "release"] = "ignore"
    accelerators: Accelerators = ACCELERATORS


class Http(BaseModel):
    """`[http]`: the health port; there is one when the table is there."""

    model_config = STRICT
    listen: Listen = Endpoint("127.0.0.1", 8780)


class Config(BaseModel):
    """The whole file; made by `load`, table by table."""

    model_config = STRICT
    cluster: Cluster
    nodes: dict[str, Node]
    vip: dict[str, Vip] = {}
    hooks: Hooks = Hooks()
    timing: Timing = Timing()
    ipc: Ipc = Ipc()
    lifecheck: Lifecheck = Lifecheck()
    check: dict[str, Check] = {}
    http: Http | None = None


TABLES: Final[dict[str, type[BaseModel]]] = {
    "cluster": Cluster,
    "hooks": Hooks,
    "timing": Timing,
    "ipc": Ipc,
    "lifecheck": Lifecheck,
    "http": Http,
}
"""Tables that exist once."""
NAMED: Final[dict[str, type[BaseModel]]] = {"nodes": Node, "vip": Vip, "check": CheckOptions}
"""Tables of tables: one entry per name."""
