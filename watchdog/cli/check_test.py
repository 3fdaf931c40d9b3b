"""`quorumdog check test NAME`: the probes of one check, run once in this process.

Rule: it sees what the daemon's lifecheck would see: root becomes the daemon's user first, with
nothing kept but sockets for `ping`.  Nothing is restarted and nobody is told.
"""

import asyncio
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

import click

from lifecheck.plan import CheckPlan, ProbePlan, check_of
from lifecheck.probes import Means, Outcome, Probe, make
from lifecheck.processes import matching, procfs
from watchdog.cli.configured import loaded_or_exit
from watchdog.cli.local import fail, printable
from watchdog.cli.privileges import become, unreadable
from watchdog.config.check_plan import check_row
from watchdog.config.load import Loaded
from watchdog.config.options import did_you_mean
from watchdog.config.plan import USER

DOWN_CODE: Final = 1
WRONG_CODE: Final = 2
SHOWN_MAX: Final = 20
ICMP: Final = (
    (socket.AF_INET, socket.IPPROTO_ICMP),
    (socket.AF_INET6, socket.IPPROTO_ICMPV6),
)
LINE_SIZE_MAX: Final = 200
BLIND: Final = "processes of other users are hidden from this one (hidepid): try as root"
LET_GO_S: Final = 0.5
"""How long a run that timed out may take to close what it has opened."""


class Finding(NamedTuple):
    """What one probe saw."""

    kind: str
    ok: bool
    detail: str
    lines: tuple[str, ...] = ()
    """Processes that match, one a line."""


def run_check(name: str, file: str, settings: tuple[str, ...], user: str | None) -> NoReturn:
    """Print what each probe of the check sees; end with 0 (UP) or 1 (DOWN)."""
    plan = _plan(loaded_or_exit(file, settings), name)
    with ExitStack() as opened:
        means = _means(plan, opened)
        probes = {  # made first: it imports their modules, which the other user may not read
            place: make(probe, means)
            for place, probe in enumerate(plan.probes)
            if probe.kind != "process"
        }
        looking_as = _become(user)
        outcomes = asyncio.run(_run({p: (probes[p], plan.probes[p].timeout_ms) for p in probes}))
    findings = [
        Finding(probe.kind, *outcomes[place]) if place in outcomes else _processes(probe)
        for place, probe in enumerate(plan.probes)
    ]
    _print(plan, findings, looking_as)
    sys.exit(0 if all(finding.ok for finding in findings) else DOWN_CODE)


def _plan(loaded: Loaded, name: str) -> CheckPlan:
    checks = loaded.config.check
    if name not in checks:
        there = f"there are: {', '.join(checks)}" if checks else "the file has none"
        hint = did_you_mean(name, checks)
        fail(WRONG_CODE, printable(f"{loaded.file} has no [check.{name}]"), hint or there)
    return check_of(check_row(name, checks[name]))


def _means(plan: CheckPlan, opened: ExitStack) -> Means:
    """What the guardian would hand over for `ping`; without the right to have it, nothing."""
    found: list[socket.socket | None] = [None, None]
    if any(probe.kind == "ping" for probe in plan.probes):
        for place, (family, protocol) in enumerate(ICMP):
            with suppress(OSError):
                raw = socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol)
                found[place] = opened.enter_context(raw)
    return Means(found[0], found[1])


def _become(wanted: str | None) -> str:
    """Change to that user, or from root to the daemon's; who it is, "" without a change.

    As the daemon does, root stays root when the daemon's user could not read interpreter or code.
    """
    if wanted is None and os.geteuid() != 0:
        return ""
    user = wanted or USER
    code = [str(Path(str(module.__file__)).parent) for module in (os, matching)]
    try:
        hidden = unreadable(user, code) if os.geteuid() == 0 else ""
        if hidden and wanted is None:
            return ""
        if hidden:
            fail(WRONG_CODE, printable(f"{user} cannot read {hidden}, which is needed to look"))
        become(user)
    except KeyError:
        if wanted is None:
            return ""
        fail(WRONG_CODE, printable(f"there is no user {user}"), "see --user")
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        fail(WRONG_CODE, printable(f"cannot become {user}: {why}"), "only root can: try sudo")
    return user


async def _run(probes: Mapping[int, tuple[Probe, int]]) -> dict[int, Outcome]:
    """All of them at once, each within its own time-out."""
    async with asyncio.TaskGroup() as group:
        runs = {p: group.create_task(_within(group, *probes[p])) for p in probes}
    return {place: run.result() for place, run in runs.items()}


async def _within(group: asyncio.TaskGroup, probe: Probe, timeout_ms: int) -> Outcome:
    run = group.create_task(probe.run())
    try:
        await asyncio.wait((run,), timeout=timeout_ms / 1000)
        if run.done():
            return run.result()
        text = f"timed out after {timeout_ms} ms: {probe.doing}"
        run.cancel()
        await asyncio.wait((run,), timeout=LET_GO_S)
        return Outcome(ok=False, detail=text)
    finally:
        probe.close()


def _processes(probe: ProbePlan) -> Finding:
    """One look at all processes; each prefix must find enough by itself, as in the daemon."""
    rule = matching.Rule.of(probe.options)
    lines: list[str] = []
    said: list[str] = []
    counts = []
    for prefix in rule.prefixes or (None,):
        look = matching.look(rule if prefix is None else rule._replace(prefixes=(prefix,)))
        found, more = look.found, len(look.found) - SHOWN_MAX
        counts.append(len(found))
        lines += [f"{match.pid:>7} {match.command}" for match in found[:SHOWN_MAX]]
        lines += [f"and {more} more"] if more > 0 else []
        said.append(f"{len(found)} of {look.what}")
        said += [look.fault] if look.fault else []
    said.append(f"at least {rule.min_count} wanted")
    if os.geteuid() != 0 and not procfs.read("/proc/1/stat", 16):
        said.append(BLIND)
    return Finding("process", min(counts) >= rule.min_count, "; ".join(said), tuple(lines))


def _print(plan: CheckPlan, findings: Sequence[Finding], looking_as: str) -> None:
    verdict = "UP" if all(finding.ok for finding in findings) else "DOWN"
    user = f", looking as {looking_as}" if looking_as else ""
    action = plan.on_fail.kind + (f":-{plan.on_fail.by}" if plan.on_fail.kind == "priority" else "")
    click.echo(f"{plan.name}: {verdict} (on_fail {action}, when {plan.when}{user})")
    for finding in findings:
        mark = "up  " if finding.ok else "DOWN"
        click.echo(printable(f"  {mark} {finding.kind}: {finding.detail}"))
        for line in finding.lines:
            click.echo(printable(f"       {line}")[:LINE_SIZE_MAX])
