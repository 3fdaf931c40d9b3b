"""From the command line to the plan that `run` starts with, or to everything that forbids it.

Rule: whatever can be known before the guardian starts is refused here, with exit code 2, so that
a daemon which runs is one that may run.
"""

import os
from collections.abc import Iterable, Iterator
from typing import Any

from watchdog.cli.configured import loaded_or_exit, refuse, warn
from watchdog.cli.privileges import scheduling_problem, vip_problem
from watchdog.cli.stored import stored_members
from watchdog.config.addresses import find_node, machine_addresses
from watchdog.config.errors import ConfigError, Problem
from watchdog.config.files import check_warnings, hook_warnings, key_problems, pki_problems
from watchdog.config.load import Loaded
from watchdog.config.membership import read_addresses, reconcile
from watchdog.config.plan import resolve


def plan_or_exit(
    file: str,
    node: str | None,
    settings: Iterable[str] = (),
    *,
    accept_membership: bool = False,
    record: str | None = None,
) -> tuple[dict[str, Any], str | None]:
    """The plan, and an alarm when it is not the file's membership; warnings go to stderr.

    The caller remembers the members' addresses (`membership.write_addresses`) once it has the
    data directory.
    """
    loaded = loaded_or_exit(file, settings)
    warn(loaded.warnings)
    try:
        name = local_node(loaded, node)
        _refuse_unfit(loaded, name)
        warn(loaded.fault(problem) for problem in hook_warnings(loaded.config))
        warn(loaded.fault(problem) for problem in check_warnings(loaded.config, name))
        plan = resolve(
            loaded, name, env=os.environ, accept_membership=accept_membership, record=record
        )
        addresses = read_addresses(plan["data_dir"], plan["cluster_id"])
        return reconcile(plan, stored_members(plan), addresses)
    except ConfigError as error:
        refuse(error)


def local_node(loaded: Loaded, wanted: str | None) -> str:
    """The local node's name; ConfigError when it cannot be told. An absent address is a warning."""
    name, problem = find_node(loaded.config.nodes, wanted, machine_addresses())
    if name is None:
        assert problem is not None
        raise ConfigError([loaded.fault(problem)])
    if problem is not None:
        warn([loaded.fault(problem)])
    return name


def _refuse_unfit(loaded: Loaded, node: str) -> None:
    found = [loaded.fault(problem) for problem in _unfit(loaded, node)]
    if found:
        raise ConfigError(found)


def _unfit(loaded: Loaded, node: str) -> Iterator[Problem]:
    yield from key_problems(loaded.config, os.environ)
    yield from pki_problems(loaded.config)
    for problem in (scheduling_problem(loaded.config), vip_problem(loaded.config, node)):
        if problem is not None:
            yield problem
