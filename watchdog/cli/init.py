"""`quorumdog init`: the configuration and the key of a new cluster, and the commands that remain.

Rule: what is written has passed `check` before, and nothing that exists is overwritten.
"""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import click

from watchdog.cli.configured import refuse, warn
from watchdog.cli.key import write_key
from watchdog.cli.local import fail
from watchdog.cli.privileges import best_scheduling
from watchdog.config.addresses import is_local, machine_addresses
from watchdog.config.errors import ConfigError, Fault
from watchdog.config.load import Loaded, examine
from watchdog.config.timing import PROFILES

DIRECTORY: Final = "/etc/quorumdog"
FILE_NAME: Final = "quorumdog.conf"
KEY_NAME: Final = "authkey"
FAILED_CODE: Final = 1
HINTS: Final = (
    "# What must work where the VIP is; docs/configuration.md has every kind of check.",
    "#[check.postgres]",
    '#process = "/usr/lib/postgresql/15/bin/postgres -D"',
    "#[http]                                  # health pages for load balancers",
    '#listen = "0.0.0.0:8780"',
)


@click.command()
@click.option("--nodes", required=True, metavar="NAME=ADDRESS,...", help="Every node, best first.")
@click.option("--vip", "vips", multiple=True, metavar="ADDRESS/PREFIX@INTERFACE", help="Repeat it.")
@click.option("--witness", metavar="NAME", help="The node that votes but never holds the VIP.")
@click.option("--name", default="main", show_default=True, help="The cluster's name.")
@click.option("--timing", default="default", show_default=True, type=click.Choice(list(PROFILES)))
@click.option("--dir", "directory", default=DIRECTORY, show_default=True, help="Where to write.")
def command(
    *,
    nodes: str,
    vips: tuple[str, ...],
    witness: str | None,
    name: str,
    timing: str,
    directory: str,
) -> None:
    """Write the configuration and the key of a new cluster, and print what remains to do.

    Example: quorumdog init --nodes a=10.0.0.11,b=10.0.0.12,c=10.0.0.13
    --vip 10.0.0.100/24@eth0 --witness c

    Nothing that exists is overwritten.
    """
    members = _members(nodes, witness)
    folder = Path(directory).absolute()
    file, key = folder / FILE_NAME, folder / KEY_NAME
    for existing in (file, key):
        if existing.exists():
            fail(
                FAILED_CODE,
                f"{existing} exists already and is not overwritten",
                "move it away, or choose another place with --dir",
            )
    text = render(name, key, timing, best_scheduling(), members, witness, _vips(vips))
    loaded = _examined(text)
    _make(folder)
    write_key(key)
    with file.open("x", encoding="utf-8") as opened:
        opened.write(text)
    click.echo(f"wrote {file} and {key}")
    warn(Fault(str(file), w.what, w.why, w.hint) for w in loaded.warnings)
    _print_rest(members, file, key)


def render(
    name: str,
    key: Path,
    timing: str,
    scheduling: str,
    members: dict[str, str],
    witness: str | None,
    vips: Iterable[tuple[str, str]],
) -> str:
    """The text of the configuration; the first node gets the highest priority."""
    lines = [
        "# One file, identical on every node; `quorumdog check` says what is wrong with it.",
        "[cluster]",
        f'name = "{name}"',
        f'authkey_file = "{key}"',
        f'timing = "{timing}"',
        f'scheduling = "{scheduling}"',
    ]
    if timing == "watchdog":
        lines.append('watchdog_device = "/dev/watchdog"  # resets a coordinator that stands still')
    if len(members) % 2 == 0:
        best = next(member for member in members if member != witness)
        lines.append(f'tie_breaker = "{best}"  # an even number of nodes: its vote decides a half')
    lines += ["", "[nodes]"]
    for place, (member, address) in enumerate(members.items()):
        role = 'role = "witness"' if member == witness else f"priority = {len(members) - place}"
        lines.append(f'{_key(member)} = {{ address = "{address}", {role} }}')
    for place, (address, interface) in enumerate(vips):
        lines += ["", f"[vip.vip{place + 1}]", f'address = "{address}"']
        lines.append(f'interface = "{interface}"')
    return "\n".join([*lines, "", *HINTS]) + "\n"


def _key(name: str) -> str:
    """A node's name as a TOML key: dots would otherwise open a table."""
    return f'"{name}"' if "." in name else name


def _members(nodes: str, witness: str | None) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in nodes.split(","):
        name, equals, address = (part.strip() for part in entry.partition("="))
        if not equals or not name or not address or '"' in entry or "\n" in entry:
            raise click.UsageError(f"--nodes {entry!r}: write NAME=ADDRESS,NAME=ADDRESS,...")
        if name in found:
            raise click.UsageError(f"--nodes names {name} twice")
        found[name] = address
    if witness is not None and witness not in found:
        raise click.UsageError(
            f"--witness {witness}: it must be one of --nodes: {', '.join(found)}"
        )
    return found


def _vips(vips: Iterable[str]) -> list[tuple[str, str]]:
    found = []
    for vip in vips:
        address, at, interface = vip.partition("@")
        if not at or not interface or '"' in vip or "\n" in vip:
            raise click.UsageError(f"--vip {vip!r}: write ADDRESS/PREFIX@INTERFACE")
        found.append((address, interface))
    return found


def _examined(text: str) -> Loaded:
    """Check the text before it is written; faults end the program (2) and write nothing."""
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder, FILE_NAME)
        draft.write_text(text, encoding="utf-8")
        try:
            found = examine(str(draft))
        except ConfigError as error:
            refuse(_unplaced(error.faults))
    if found.loaded is None:
        refuse(_unplaced(found.faults))
    return found.loaded


def _unplaced(faults: Iterable[Fault]) -> ConfigError:
    """Faults of a text that the user never saw have no line."""
    return ConfigError(Fault("init", fault.what, fault.why, fault.hint) for fault in faults)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    except OSError as error:
        fail(
            FAILED_CODE,
            f"{folder} cannot be made: {error.strerror}",
            "run this as root, or choose another place with --dir",
        )
    if not os.access(folder, os.W_OK):
        fail(FAILED_CODE, f"{folder} cannot be written to", "run this as root, or use --dir")


def _print_rest(members: dict[str, str], file: Path, key: Path) -> None:
    here = machine_addresses()
    others = [address for address in members.values() if not is_local(address, here)]
    option = "" if str(file.parent) == DIRECTORY else f" --config {file}"
    click.echo("what remains:")
    for address in others:
        place = f"[{address}]" if ":" in address else address
        click.echo(f"  ssh root@{address} mkdir -p {file.parent}")
        click.echo(f"  scp -p {file} {key} root@{place}:{file.parent}/")
    click.echo("then on every node:")
    click.echo(f"  quorumdog check{option}")
    start = "systemctl enable --now quorumdog" if not option else f"quorumdog run{option}"
    click.echo(f"  {start}")
    click.echo(f"and look: quorumdog status{option}")
