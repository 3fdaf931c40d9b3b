"""Validation table by table, so that a fault in one does not hide the faults of another.

Rule: each table (and each node and VIP) is validated alone; what is right is kept in a `Draft`,
on which the rules between tables then run as far as they can.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from watchdog.config.check_draft import read_check
from watchdog.config.check_schema import CHECKS_MAX, Check
from watchdog.config.errors import Path, Problem
from watchdog.config.schema import (
    NAMED,
    TABLES,
    Cluster,
    Config,
    Hooks,
    Http,
    Ipc,
    Lifecheck,
    Node,
    Timing,
    Vip,
)
from watchdog.config.translate import problems, unknown, wrong_type
from watchdog.config.values import check_name

NODES_MAX: Final = 31
VIPS_MAX: Final = 16

Model = TypeVar("Model", bound=BaseModel)


@dataclass
class Draft:
    """What was valid; None or absent where it was not."""

    cluster: Cluster | None = None
    nodes: dict[str, Node] = field(default_factory=dict)
    nodes_are_valid: bool = False
    vip: dict[str, Vip] = field(default_factory=dict)
    hooks: Hooks | None = None
    timing: Timing | None = None
    ipc: Ipc | None = None
    lifecheck: Lifecheck | None = None
    check: dict[str, Check] = field(default_factory=dict)
    http: Http | None = None
    faults: list[Problem] = field(default_factory=list)

    def config(self) -> Config:
        """The whole, once there are no faults."""
        assert not self.faults
        return Config.model_construct(
            cluster=self.cluster,
            nodes=self.nodes,
            vip=self.vip,
            hooks=self.hooks,
            timing=self.timing,
            ipc=self.ipc,
            lifecheck=self.lifecheck,
            check=self.check,
            http=self.http,
        )


def draft(data: Mapping[str, Any]) -> Draft:
    """Validate every table of the raw data."""
    made = Draft()
    made.faults += [unknown((t,)) for t in data if t not in TABLES and t not in NAMED]
    made.cluster = _table(made, Cluster, "cluster", data)
    made.hooks = _table(made, Hooks, "hooks", data)
    made.timing = _table(made, Timing, "timing", data)
    made.ipc = _table(made, Ipc, "ipc", data)
    made.lifecheck = _table(made, Lifecheck, "lifecheck", data)
    made.http = _table(made, Http, "http", data) if "http" in data else None
    made.check = _checks(made, data)
    made.vip = _named(made, Vip, "vip", data, VIPS_MAX)
    before = len(made.faults)
    if not data.get("nodes"):
        made.faults.append(_no_nodes())
    made.nodes = _named(made, Node, "nodes", data, NODES_MAX)
    made.nodes_are_valid = len(made.faults) == before
    return made


def _no_nodes() -> Problem:
    return Problem(
        ("nodes",),
        "[nodes] is missing or empty",
        "every member must be known, or nobody could tell what a majority is",
        'add for example: alpha = { address = "10.0.0.11" }',
    )


def _table(made: Draft, model: type[Model], name: str, data: Mapping[str, Any]) -> Model | None:
    value = data.get(name, {})
    if not isinstance(value, dict):
        made.faults.append(wrong_type((name,), "a table", value))
        return None
    return _validated(made, model, (name,), value)


def _validated(made: Draft, model: type[Model], path: Path, value: object) -> Model | None:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        made.faults += problems(error, path)
        return None


def _named(
    made: Draft, model: type[Model], table: str, data: Mapping[str, Any], most: int
) -> dict[str, Model]:
    found: dict[str, Model] = {}
    for name, value in _entries(made, table, data, most):
        entry = _validated(made, model, (table, name), value)
        if entry is not None:
            found[name] = entry
    return found


def _checks(made: Draft, data: Mapping[str, Any]) -> dict[str, Check]:
    found: dict[str, Check] = {}
    for name, value in _entries(made, "check", data, CHECKS_MAX):
        check, faults = read_check(name, value)
        made.faults += faults
        if check is not None:
            found[name] = check
    return found


def _entries(
    made: Draft, table: str, data: Mapping[str, Any], most: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each named table that is one; the others, wrong names and too many become faults.

    Of too many only the first are looked at: nobody reads ten thousand faults.
    """
    entries = data.get(table, {})
    if not isinstance(entries, dict):
        made.faults.append(wrong_type((table,), "a table", entries))
        return
    if len(entries) > most:
        what = f"[{table}] has {len(entries)} entries; there may be at most {most}"
        made.faults.append(Problem((table,), what, "messages and records have a bounded size"))
    for name, value in islice(entries.items(), most):
        made.faults += _bad_name(table, name)
        if isinstance(value, dict):
            yield name, value
        else:
            made.faults.append(_no_table(table, name, value))


def _no_table(table: str, name: str, value: object) -> Problem:
    problem = wrong_type((table, name), "a table", value)
    examples = {
        "nodes": f'write `{name} = {{ address = "10.0.0.11" }}`',
        "vip": f"a virtual address is a [vip.NAME] table; put `{name}` into one such as [vip.db]",
        "check": f"a check is a [check.NAME] table; put `{name}` into one such as [check.db]",
    }
    return Problem(problem.path, problem.what, problem.why, examples[table])


def _bad_name(table: str, name: str) -> list[Problem]:
    try:
        check_name(name)
    except ValueError as error:
        context = getattr(error, "context", None) or {}
        path = (table, name)
        what = f"the name of [{table}.{name}] {context.get('what', error)}"
        return [Problem(path, what, context.get("why", ""), context.get("hint", ""))]
    return []
