"""What the kernel permits to this process: network administration, scheduling classes, resets.

Rule: found out by trying, and put back at once, because limits, capabilities and control groups
all have a say (sched(7), capabilities(7)).  A hardware watchdog is only looked at: opening arms it.
"""

import os
import pwd
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from watchdog.config.errors import Problem
from watchdog.config.schema import Config

CAP_NET_ADMIN: Final = 12
CAP_NET_RAW: Final = 13
SYSRQ_TRIGGER: Final = "/proc/sysrq-trigger"
RR_PRIORITY: Final = 10
"""The guardian's priority; the node process gets one less."""
NICE: Final = -20
ORDER: Final = ("rt", "nice", "normal")


def has_capability(number: int) -> bool:
    """Whether this process has the capability in effect now."""
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").split("\n"):
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> number & 1)
    return False


def unreadable(user: str, paths: Iterable[str]) -> str:
    """The first of `paths` that the user cannot read, or "": asked by being him for a moment.

    Only for root; KeyError when there is no such user.
    """
    entry = pwd.getpwnam(user)
    group = os.getegid()
    os.setegid(entry.pw_gid)
    os.seteuid(entry.pw_uid)
    try:
        return next((p for p in paths if not os.access(p, os.R_OK, effective_ids=True)), "")
    finally:
        os.seteuid(0)
        os.setegid(group)


def become(user: str) -> None:
    """Change to another user for good; KeyError when there is none, OSError when not allowed."""
    entry = pwd.getpwnam(user)
    if entry.pw_uid == os.geteuid():
        return
    os.initgroups(user, entry.pw_gid)
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def scheduling_refusal(kind: str) -> str | None:
    """Why this process may not have the scheduling class; None when it may."""
    try:
        if kind == "rt":
            _try_rt()
        elif kind == "nice":
            _try_nice()
    except OSError as error:
        return f"the kernel says: {(error.strerror or str(error)).lower()}"
    return None


def _try_rt() -> None:
    policy, parameter = os.sched_getscheduler(0), os.sched_getparam(0)
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(RR_PRIORITY))
    os.sched_setscheduler(0, policy, parameter)


def _try_nice() -> None:
    before = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, NICE)
    os.setpriority(os.PRIO_PROCESS, 0, before)


def best_scheduling() -> str:
    """The best class that this process may have; `normal` always works."""
    return next(kind for kind in ORDER if scheduling_refusal(kind) is None)


def scheduling_problem(config: Config) -> Problem | None:
    """The configured class is not permitted here."""
    kind = config.cluster.scheduling
    refusal = scheduling_refusal(kind)
    if refusal is None:
        return None
    return Problem(
        ("cluster", "scheduling"),
        f'scheduling = "{kind}" is not permitted to this process ({refusal})',
        "all nodes reckon with how late this one can be, and the file says how late",
        "run it as root or with CAP_SYS_NICE (systemd: LimitRTPRIO=20, LimitNICE=-20), or write"
        f' scheduling = "{best_scheduling()}" on all nodes',
    )


def vip_problem(config: Config, node: str | None) -> Problem | None:
    """There are VIPs, and this process may not add addresses."""
    if not config.vip or (node is not None and config.nodes[node].role == "witness"):
        return None
    if has_capability(CAP_NET_ADMIN) and has_capability(CAP_NET_RAW):
        return None
    name = next(iter(config.vip))
    return Problem(
        ("vip", name),
        f"[vip.{name}] needs the right to add addresses, which this process does not have",
        "adding an address takes CAP_NET_ADMIN, announcing it takes CAP_NET_RAW",
        "run it as root or with both capabilities, or remove [vip] and let hooks move the address",
    )


def reset_problems(config: Config, trigger: str = SYSRQ_TRIGGER) -> Iterator[Problem]:
    """What is configured to reset this machine, and cannot."""
    device = config.cluster.watchdog_device
    fault = _device_fault(device) if device else ""
    if fault:
        yield Problem(
            ("cluster", "watchdog_device"),
            f"{device} {fault}",
            "this node would refuse to start",
            "load the driver of the machine's watchdog; `wdctl` shows what there is",
        )
    if config.cluster.self_fence == "sysrq" and not os.access(trigger, os.W_OK):
        yield Problem(
            ("cluster", "self_fence"),
            f"{trigger} is not there, or may not be written to by this process",
            "this node would refuse to start",
            'run it as root, not in a container; or write self_fence = "watchdog" or "off"',
        )


def _device_fault(path: str) -> str:
    try:
        mode = Path(path).stat().st_mode
    except OSError as error:
        return f"cannot be used: {(error.strerror or str(error)).lower()}"
    if not stat.S_ISCHR(mode):
        return "is no device"
    return "" if os.access(path, os.W_OK) else "may not be written to by this process"
