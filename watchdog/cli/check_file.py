"""What `quorumdog check` says without a further word: faults, then what the numbers mean.

Exit codes: 0 ok, 1 warnings with --strict, 2 faults, 3 the file cannot be read.
"""

import os
import socket
import sys
from collections.abc import Iterator
from typing import Final, NoReturn

import click

from watchdog.cli.configured import flags_of, warn
from watchdog.cli.privileges import reset_problems, scheduling_refusal, vip_problem
from watchdog.cli.stored import stored_members
from watchdog.config.addresses import find_node, is_local, machine_addresses
from watchdog.config.budget import budget
from watchdog.config.errors import EXIT_FAULTS, ConfigError, Fault, Problem
from watchdog.config.files import check_warnings, hook_warnings, key_problems, pki_problems
from watchdog.config.load import Loaded, examine
from watchdog.config.membership import read_addresses, reconcile
from watchdog.config.numbers import final_weights
from watchdog.config.plan import resolve
from watchdog.config.schema import Config

STRICT_CODE: Final = 1


def check_file(file: str, node: str | None, settings: tuple[str, ...], *, strict: bool) -> NoReturn:
    """Print everything that is wrong, or the warnings and the time budget; end with the code."""
    try:
        found = examine(file, env=os.environ, flags=flags_of(settings))
    except ConfigError as error:
        _end(error.faults, error.exit_code)
    if found.loaded is None:
        _end(found.faults, EXIT_FAULTS)
    loaded = found.loaded
    name, place = find_node(loaded.config.nodes, node, machine_addresses())
    files = [*key_problems(loaded.config, os.environ), *pki_problems(loaded.config)]
    if node is not None and name is None and place is not None:
        files.append(place)
    if files:
        _end(tuple(loaded.fault(problem) for problem in files), EXIT_FAULTS)
    warnings = [*loaded.warnings, *_machine_warnings(loaded, name, place)]
    click.echo(_headline(loaded, name))
    warn(warnings, err=False)
    _print_budget(loaded)
    sys.exit(STRICT_CODE if strict and warnings else 0)


def _end(faults: tuple[Fault, ...], code: int) -> NoReturn:
    for fault in faults:
        click.echo(str(fault))
    click.echo(f"{len(faults)} fault{'s' if len(faults) != 1 else ''}")
    sys.exit(code)


def _headline(loaded: Loaded, name: str | None) -> str:
    weights = final_weights(loaded.config.cluster, loaded.config.nodes)
    total = sum(weights.values())
    here = f"this is {name}" if name else "this node is not known"
    count = len(weights)
    nodes = f"{count} node{'s' if count != 1 else ''}"
    return f"{loaded.file}: ok ({nodes}, quorum {total // 2 + 1} of {total}, {here})"


def _machine_warnings(loaded: Loaded, name: str | None, place: Problem | None) -> Iterator[Fault]:
    problems = [place, vip_problem(loaded.config, name), *hook_warnings(loaded.config)]
    problems += check_warnings(loaded.config, name)
    for problem in problems:
        if problem is not None:
            yield loaded.fault(problem)
    if name is not None:
        if _is_here_and_may_lead(loaded.config, name):
            yield from map(loaded.fault, interface_problems(loaded.config, name))
            yield from map(loaded.fault, reset_problems(loaded.config))
        yield from _membership(loaded, name)


def _is_here_and_may_lead(config: Config, name: str) -> bool:
    node = config.nodes[name]
    return node.role != "witness" and is_local(node.address, machine_addresses())


def interface_problems(config: Config, name: str) -> Iterator[Problem]:
    """VIPs whose interface this machine, which is `name`'s, lacks."""
    there = {interface for _, interface in socket.if_nameindex()}
    for vip, options in config.vip.items():
        if options.interface not in there:
            yield Problem(
                ("vip", vip, "interface"),
                f"this machine has no interface {options.interface}",
                f"{name} could not hold the VIP when it is elected",
                f"see `ip link`; there are: {', '.join(sorted(there))}",
            )


def _membership(loaded: Loaded, name: str) -> Iterator[Fault]:
    plan = resolve(loaded, name, env=os.environ)
    addresses = read_addresses(plan["data_dir"], plan["cluster_id"])
    try:
        _, alarm = reconcile(plan, stored_members(plan), addresses)
    except ConfigError as error:
        yield from error.faults
        return
    if alarm is not None:
        yield Fault(loaded.file, alarm)


def _print_budget(loaded: Loaded) -> None:
    head, *lines = budget(loaded.config)
    click.echo(f"time budget ({head}):")
    for line in lines:
        click.echo(f"  {line}")
    kind = loaded.config.cluster.scheduling
    refusal = scheduling_refusal(kind)
    verdict = "this process may use it" if refusal is None else f"not permitted here ({refusal})"
    click.echo(f'  scheduling class: "{kind}"; {verdict}')
