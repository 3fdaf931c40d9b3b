"""`quorumdog nodes`: the node list as pgpool's clients get it, with their numbers of the states.

For scripts that were written around pgpool's; `status` says more, and why.
"""

import json
from typing import Final

import click

from watchdog.cli.local import (
    CONFIG_FILE,
    CONFIG_HELP,
    NODE_HELP,
    SET_HELP,
    SOCKET_HELP,
    find,
    printable,
)
from watchdog.cli.table import table

SCHEMA: Final = 1
QUORUM: Final = {1: "yes", -1: "no", -2: "yes, but nobody leads"}
HEADINGS: Final = ("ID", "NODE", "ADDRESS", "PGPOOL", "STATE", "NAME OF STATE", "PRI")


@click.command()
@click.option("--config", default=CONFIG_FILE, show_default=True, help=CONFIG_HELP)
@click.option("--node", metavar="NAME", help=NODE_HELP)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help=SET_HELP)
@click.option("--socket", metavar="PATH", help=SOCKET_HELP)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def command(
    *, config: str, node: str | None, settings: tuple[str, ...], socket: str | None, as_json: bool
) -> None:
    """Show the nodes as an external lifecheck sees them; the local one stands first.

    STATE is pgpool's number: 4 coordinator, 7 standby, 8 not reachable, 10 stopped, 0 never seen.

    Exit code: 0 shown, 1 refused, 3 the daemon cannot be reached.
    """
    body = find(config, node, settings, socket).nodes()
    if as_json:
        click.echo(json.dumps({"schema": SCHEMA, **body}, indent=2))
        return
    rows = [
        (
            str(row["ID"]),
            row["NodeName"],
            f"{row['HostName']}:{row['WdPort']}",
            str(row["PgpoolPort"]),
            str(row["State"]),
            row["StateName"],
            str(row["Priority"]),
        )
        for row in body["WatchdogNodes"]
    ]
    for line in table(HEADINGS, rows, indent=""):
        click.echo(printable(line))
    quorum = QUORUM.get(body["QuorumStatus"], "unknown")
    escalated = "yes" if body["Escalated"] else "no"
    votes = f"{body['NodesRequireForQuorum']} votes needed"
    footer = f"coordinator: {body['LeaderNodeName']}; quorum: {quorum} ({votes}); escalated here: "
    click.echo(printable(footer + escalated))
