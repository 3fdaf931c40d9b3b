"""`quorumdog run`: validates everything, then becomes the guardian.

The file is resolved to a plain plan, handed over as a memory file, and this process is replaced:
so what validates costs no memory afterwards, and the guardian never parses what a user wrote.
"""

import importlib.util
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

import click

from watchdog.cli.configured import FILE_HELP, NODE_HELP, SET_HELP
from watchdog.cli.local import fail
from watchdog.cli.resolved import plan_or_exit
from watchdog.config import membership
from watchdog.config.load import DEFAULT_FILE

EXIT_REFUSED: Final = 2
EXIT_FAULT: Final = 1
PARTS: Final = ("guardian", "shell", "core", "wire")


@click.command()
@click.option("--config", "file", default=DEFAULT_FILE, show_default=True, help=FILE_HELP)
@click.option("--node", metavar="NAME", help=NODE_HELP)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help=SET_HELP)
@click.option(
    "--record", type=click.Path(dir_okay=False), help="Record every event and effect in this file."
)
@click.option("--accept-membership", is_flag=True, help="Obey the members of the file from now on.")
def command(
    *,
    file: str,
    node: str | None,
    settings: tuple[str, ...],
    record: str | None,
    accept_membership: bool,
) -> None:
    """Run the daemon in the foreground.

    Exit code: 0 stopped as asked, 2 the configuration or the membership is refused (3 the file
    cannot be read), 1 anything else.
    """
    check_package()
    plan, notice = plan_or_exit(
        file,
        node,
        settings,
        accept_membership=accept_membership,
        record=None if record is None else str(Path(record).absolute()),
    )
    plan["node_process"]["notices"] = [] if notice is None else [notice]
    if notice is not None:
        click.echo(f"warning: {notice}", err=True)
    remember(plan)
    become_guardian(plan)


def remember(plan: Mapping[str, Any]) -> None:
    """Make the data directory, and write down where the members are, to notice one that moves."""
    try:
        Path(plan["data_dir"]).mkdir(mode=0o750, parents=True, exist_ok=True)
        membership.write_addresses(plan)
    except OSError as error:
        fail(
            EXIT_REFUSED,
            f"cannot write to {plan['data_dir']}: {error.strerror}",
            "the node keeps its vote there: make the directory, or set [cluster] data_dir",
        )


def check_package() -> None:
    """Refuse to run when PyPI's `watchdog` (a file monitor) lies over our package."""
    has_ours = all(importlib.util.find_spec(f"watchdog.{part}") for part in PARTS)
    if has_ours and importlib.util.find_spec("watchdog.observers") is None:
        return
    fail(
        EXIT_FAULT,
        "the package `watchdog` of this environment is (partly) another project's",
        "why: PyPI's `watchdog` (file system events) installs into the same directory",
        f"do:  {sys.executable} -m pip uninstall watchdog, then install quorumdog again;",
        "     or give quorumdog an environment of its own: `make install`",
    )


def become_guardian(plan: Mapping[str, Any]) -> NoReturn:
    """Replace this process by the guardian; the plan is a memory file that it inherits."""
    descriptor = os.memfd_create("quorumdog-plan", 0)
    os.write(descriptor, json.dumps(plan).encode())
    os.lseek(descriptor, 0, os.SEEK_SET)
    sys.stderr.flush()
    module = ("-I", "-m", "watchdog.guardian")
    os.execv(sys.executable, [sys.executable, *module, "--plan-fd", str(descriptor)])
