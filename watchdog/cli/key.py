"""`quorumdog key gen`: 32 random bytes in a file that only its owner can read."""

import os
import secrets
from pathlib import Path
from typing import Final

import click

from watchdog.cli.local import fail

KEY_FILE: Final = "/etc/quorumdog/authkey"
KEY_SIZE: Final = 32
FAILED_CODE: Final = 1


@click.group()
def command() -> None:
    """Make the key that the nodes of a cluster share."""


@command.command()
@click.argument("file", default=KEY_FILE)
def gen(*, file: str) -> None:
    """Write 32 random bytes to FILE (default /etc/quorumdog/authkey), with mode 0600.

    Copy it to every node. An existing file is never overwritten.
    """
    write_key(Path(file))
    click.echo(f"wrote {file}; copy it to every node, with mode 0600, over a secure channel")


def write_key(file: Path) -> None:
    """A new key in `file`; ends the program (1) when the file exists or cannot be written."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        fail(
            FAILED_CODE,
            f"{file} exists already, and a new key would shut this node out of its cluster",
            "to really start anew, move it away first, on every node",
        )
    except OSError as error:
        fail(FAILED_CODE, f"{file} cannot be written: {error.strerror}", _advice(file))
    with os.fdopen(handle, "wb") as opened:
        opened.write(secrets.token_bytes(KEY_SIZE))
        opened.flush()
        os.fsync(opened.fileno())


def _advice(file: Path) -> str:
    if not file.parent.is_dir():
        return f"make the directory first: mkdir -p {file.parent}"
    return "run this as root, or name another FILE"
