"""`quorumdog form`: tells a running blank node to form a cluster without those that are missing.

Once, and on purpose: a node with an edited file must not form a second cluster by itself.
"""

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


@click.command()
@click.option("--config", default=CONFIG_FILE, show_default=True, help=CONFIG_HELP)
@click.option("--node", metavar="NAME", help=NODE_HELP)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help=SET_HELP)
@click.option("--socket", metavar="PATH", help=SOCKET_HELP)
def command(config: str, node: str | None, settings: tuple[str, ...], socket: str | None) -> None:
    """Form a fresh cluster without waiting for every configured node.

    Only for the very first start, when a node of the file will not come. `quorumdog status` says
    for whom this node waits.
    """
    body = find(config, node, settings, socket).ask("form", timeout_s=35)
    click.echo(printable(body.get("MESSAGE") or "accepted"))
