"""`quorumdog switchover`: hands the coordinator's place to another node, as planned.

Any node takes the command; it is forwarded to the coordinator.
"""

import time
from typing import Final

import click

from watchdog.cli.local import (
    CONFIG_FILE,
    CONFIG_HELP,
    NODE_HELP,
    REFUSED_CODE,
    SET_HELP,
    SOCKET_HELP,
    Daemon,
    fail,
    find,
    printable,
)

ANSWER_S: Final = 35.0
POLL_S: Final = 0.05
WAIT_S: Final = 30.0


@click.command()
@click.option("--config", default=CONFIG_FILE, show_default=True, help=CONFIG_HELP)
@click.option("--node", metavar="NAME", help=NODE_HELP)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help=SET_HELP)
@click.option("--socket", metavar="PATH", help=SOCKET_HELP)
@click.option("--to", help="The node that shall lead; without it the best of the others.")
@click.option("--reason", default="operator", show_default=True, help="For the log and `status`.")
@click.option("--dry-run", is_flag=True, help="Only say what would happen.")
@click.option("--wait", is_flag=True, help="Return when another coordinator is known here.")
def command(
    *,
    config: str,
    node: str | None,
    settings: tuple[str, ...],
    socket: str | None,
    to: str | None,
    reason: str,
    dry_run: bool,
    wait: bool,
) -> None:
    """Move the coordinator (and its VIPs) to another node.

    With --wait the new coordinator's escalation hook may still run when this returns; should it
    fail, that node gives the place up again.

    Exit code: 0 done, 1 refused or failed (the reason is printed), 3 the daemon is unreachable.
    """
    daemon = find(config, node, settings, socket)
    before = daemon.status()["coordinator"]
    fields: dict[str, object] = {"to": to, "reason": reason, "dry_run": dry_run}
    answer = daemon.ask("switchover", fields, timeout_s=ANSWER_S)
    click.echo(printable(answer.get("MESSAGE") or "accepted"))
    if wait and not dry_run:
        taker = _wait(daemon, before)
        click.echo(f"coordinator is {printable(taker)}")
        if to not in {None, taker}:
            advice = f"`quorumdog status` on {to} has the reason"
            fail(REFUSED_CODE, f"{taker} took the place, not {to}", advice)


def _wait(daemon: Daemon, before: str | None) -> str:
    for _ in range(int(WAIT_S / POLL_S)):
        now = daemon.status()["coordinator"]
        if now is not None and now != before:
            return str(now)
        time.sleep(POLL_S)
    advice = "see `quorumdog status` and the log of the nodes for the reason"
    return fail(REFUSED_CODE, f"no other coordinator within {WAIT_S:g} s", advice)
