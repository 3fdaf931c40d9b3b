"""`quorumdog inform`: what an external lifecheck says, from a shell.

The daemon keeps the word until the opposite is said or, for another node, until that one's daemon
starts again.  It moves the coordinator only when a quorum of nodes is told the same.
"""

import click

from watchdog.cli.local import (
    CONFIG_FILE,
    CONFIG_HELP,
    SET_HELP,
    SOCKET_HELP,
    find,
    printable,
)


@click.command()
@click.argument("name", metavar="NODE")
@click.argument("verdict", type=click.Choice(["dead", "alive"], case_sensitive=False))
@click.option("-m", "--message", default="", help="Why, for the log and `status`.")
@click.option("--config", default=CONFIG_FILE, show_default=True, help=CONFIG_HELP)
@click.option("--node", metavar="NAME", help="The node that is expected to take the word.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help=SET_HELP)
@click.option("--socket", metavar="PATH", help=SOCKET_HELP)
def command(
    *,
    name: str,
    verdict: str,
    message: str,
    config: str,
    node: str | None,
    settings: tuple[str, ...],
    socket: str | None,
) -> None:
    """Tell this machine's daemon that a node is dead or alive.

    NODE is a name from the configuration. Said of this machine's own node, `dead` keeps it from
    leading; said of another one, it counts as this node's vote on it: only when nodes of quorum
    weight say the same does the coordinator give way.

    Exit code: 0 taken, 1 refused (the reason is printed), 3 the daemon is unreachable.
    """
    daemon = find(config, node, settings, socket)
    if node is not None:
        daemon.status()
    fields: dict[str, object] = {"node": name, "verdict": verdict.lower(), "message": message}
    body = daemon.ask("inform", fields)
    click.echo(printable(body.get("MESSAGE") or "taken"))
