"""`quorumdog run`: validates everything, then becomes the guardian.

The file is resolved to a plain plan, handed over as a memory file, and this process is replaced:
so what validates costs no memory afterwards, and the guardian never parses what a user wrote.
"""

import importlib.util
import json
import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from watchdog.cli.local import CONFIG_FILE, fail

REFUSED: Final = 2
FAULT: Final = 1
STATE_FILE: Final = "state"


@click.command()
@click.option("--config", default=CONFIG_FILE, show_default=True, help="The cluster's file.")
@click.option("--node", help="Which node this is, instead of finding it by its address.")
@click.option("--record", type=click.Path(dir_okay=False), help="Record all events and effects.")
@click.option("--accept-membership", is_flag=True, help="Obey the file's members from now on.")
def command(*, config: str, node: str | None, record: str | None, accept_membership: bool) -> None:
    """Run the daemon in the foreground.

    Exit code: 0 stopped as asked, 2 the configuration or the membership is refused (3 the file
    cannot be read), 1 anything else.
    """
    check_package()
    plan = resolve(config, node, record, accept_membership=accept_membership)
    become_guardian(plan)


def resolve(
    config: str, node: str | None, record: str | None, *, accept_membership: bool
) -> dict[str, Any]:
    """The plan to start with; warnings go to stderr, faults end the program."""
    from watchdog.config import addresses, load, membership, plan
    from watchdog.config.errors import ConfigError

    try:
        loaded = load.load(config, env=os.environ)
        name, problem = addresses.find_node(
            loaded.config.nodes, node, addresses.machine_addresses()
        )
        if name is None:
            assert problem is not None
            raise ConfigError([loaded.fault(problem)])
        made = plan.resolve(
            loaded,
            name,
            env=os.environ,
            accept_membership=accept_membership,
            record=None if record is None else str(Path(record).absolute()),
        )
        known = membership.read_addresses(made["data_dir"], made["cluster_id"])
        made, notice = membership.reconcile(made, stored_members(made), known)
    except ConfigError as error:
        fail(error.exit_code, f"cannot start:\n{error}")
    made["node_process"]["notices"] = [] if notice is None else [notice]
    warned = [*loaded.warnings, *([] if problem is None else [loaded.fault(problem)])]
    for warning in [*map(str, warned), *made["node_process"]["notices"]]:
        click.echo(f"warning: {warning}", err=True)
    remember(made)
    return made


def stored_members(plan: Mapping[str, Any]) -> tuple[tuple[str, int], ...] | None:
    """(name, weight) of the members that this node obeys; None when nothing intact is stored."""
    from watchdog import slots
    from watchdog.wire.record import RecordError, unpack_record

    path = Path(plan["data_dir"], STATE_FILE)
    raw = read_state(path)
    if raw is None:
        return None
    loaded = slots.choose(raw, bytes.fromhex(plan["cluster_id"]), plan["node"])
    if loaded.fault is slots.Fault.FOREIGN:
        fail(
            REFUSED,
            f"{path} is not this node's: {loaded.detail}",
            "correct [cluster] name, data_dir or --node; or, if this machine now belongs here for",
            "good, move the file away: the node then recovers from its peers",
        )
    if loaded.fault is not None or loaded.payload is None:
        return None  # the node itself says so, and recovers
    try:
        return unpack_record(loaded.payload).members
    except RecordError as error:
        fail(REFUSED, f"{path} cannot be read by this version: {error}", "install the newer one")


def read_state(path: Path) -> bytes | None:
    """The whole state file, or None when there is none; anything but a file is refused."""
    from watchdog import slots

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        advice = "it must be a plain file that the user of this command may read"
        fail(REFUSED, f"cannot read the state {path}: {error.strerror}", advice)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            fail(REFUSED, f"the state {path} is not a file", "move away what is there instead")
        return file.read(slots.FILE_SIZE + 1)


def remember(plan: Mapping[str, Any]) -> None:
    """Write down where the members are, to notice one that moves; not vital."""
    from watchdog.config import membership

    try:
        Path(plan["data_dir"]).mkdir(mode=0o750, parents=True, exist_ok=True)
        membership.write_addresses(plan)
    except OSError as error:
        fail(
            REFUSED,
            f"cannot write to {plan['data_dir']}: {error.strerror}",
            "the node keeps its vote there: make the directory, or set [cluster] data_dir",
        )


def check_package() -> None:
    """Refuse to run when PyPI's `watchdog` (a file monitor) lies over our package."""
    is_ours = importlib.util.find_spec("watchdog.guardian") is not None
    if is_ours and importlib.util.find_spec("watchdog.observers") is None:
        return
    import watchdog

    fail(
        FAULT,
        f"the package `watchdog` in {list(watchdog.__path__)} is (partly) another project's",
        "PyPI's `watchdog` and quorumdog cannot share an environment; in this one type:",
        f"{sys.executable} -m pip uninstall watchdog, then install quorumdog again",
        "or give quorumdog an environment of its own: `make install`",
    )


def become_guardian(plan: Mapping[str, Any]) -> NoReturn:
    """Replace this process by the guardian; the plan is a memory file that it inherits."""
    descriptor = os.memfd_create("quorumdog-plan", 0)
    os.write(descriptor, json.dumps(plan).encode())
    os.lseek(descriptor, 0, os.SEEK_SET)
    sys.stderr.flush()
    module = ("-I", "-m", "watchdog.guardian")
    os.execv(sys.executable, [sys.executable, *module, "--plan-fd", str(descriptor)])
