"""What the verbs share that read the whole configuration: loading it, printing its faults.

Rule: faults go to stderr, all at once, and the exit code is theirs (2; 3 when unreadable).
Imports pydantic, so `status` and its like stay away from here (they have `local`).
"""

import os
import sys
from collections.abc import Iterable
from typing import Final, NoReturn

import click

from watchdog.config.errors import ConfigError, Fault
from watchdog.config.load import Loaded, load

FILE_HELP: Final = "The configuration file."
NODE_HELP: Final = "Which node this is; otherwise found by its address."
SET_HELP: Final = "Replace one option of the file, such as cluster.port=9001; may be repeated."


def flags_of(settings: Iterable[str]) -> dict[str, str]:
    """`--set KEY=VALUE` as a mapping; ends the program (2) when there is no `=`."""
    found = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or "." not in key:
            raise click.UsageError(f"--set {setting}: write TABLE.KEY=VALUE")
        found[key] = value
    return found


def loaded_or_exit(file: str, settings: Iterable[str] = ()) -> Loaded:
    """The valid configuration; otherwise all faults on stderr and the exit code."""
    try:
        return load(file, env=os.environ, flags=flags_of(settings))
    except ConfigError as error:
        refuse(error)


def refuse(error: ConfigError) -> NoReturn:
    """Print every fault and end with the error's exit code."""
    for fault in error.faults:
        click.echo(str(fault), err=True)
    count = len(error.faults)
    click.echo(f"{count} fault{'s' if count != 1 else ''}; nothing was done", err=True)
    sys.exit(error.exit_code)


def warn(warnings: Iterable[Fault], *, err: bool = True) -> None:
    """Print warnings."""
    for warning in warnings:
        click.echo(f"warning: {warning}", err=err)
