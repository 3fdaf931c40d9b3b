"""`quorumdog status`: who leads, who is there, and why not, in one look.

Exit codes are for scripts: 0 healthy, 1 degraded, 2 no quorum, 3 no daemon.
"""

import json
import sys
import textwrap
import time
from collections.abc import Iterator
from typing import Any, Final

import click

from watchdog.cli import status_health
from watchdog.cli.local import (
    CONFIG_FILE,
    CONFIG_HELP,
    NODE_HELP,
    SET_HELP,
    SOCKET_HELP,
    find,
    printable,
)
from watchdog.cli.table import cut, screen, table

WIDTH: Final = 100
REFRESH_S: Final = 1.0
CLEAR: Final = "\x1b[H\x1b[2J"
SETTLED: Final = ("STANDBY", "COORDINATOR")
"""States that count in a quorum: a node that has just started still sits out its old promises."""
TEXT_LINES_MAX: Final = 6
MEMORY: Final = {
    "amnesiac": "nothing is stored here: the others are asked what this node must not forget",
}
"""What the shorter words of the daemon mean."""
HEADINGS: Final = ("  NODE", "ADDRESS", "STATE", "ROLE", "PRI", "HEARD", "RTT", "REACHABLE")


@click.command()
@click.option("--config", default=CONFIG_FILE, show_default=True, help=CONFIG_HELP)
@click.option("--node", metavar="NAME", help=NODE_HELP)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help=SET_HELP)
@click.option("--socket", metavar="PATH", help=SOCKET_HELP)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
@click.option("--watch", is_flag=True, help="Draw anew every second, until Ctrl-C.")
def command(
    *,
    config: str,
    node: str | None,
    settings: tuple[str, ...],
    socket: str | None,
    as_json: bool,
    watch: bool,
) -> None:
    """Show the nodes, the quorum, the VIPs and the last move.

    Exit code: 0 healthy, 1 degraded, 2 no quorum, 3 the daemon cannot be reached.
    """
    daemon = find(config, node, settings, socket)
    body = daemon.status()
    try:
        while watch:
            click.echo(CLEAR + render(body, screen(1, WIDTH)))
            time.sleep(REFRESH_S)
            body = daemon.status()
    except KeyboardInterrupt:
        sys.exit(exit_code(body))
    click.echo(json.dumps(body, indent=2) if as_json else render(body, screen(1, WIDTH)))
    sys.exit(exit_code(body))


def exit_code(body: dict[str, Any]) -> int:
    """0 healthy; 2 no quorum; 1 anything else that somebody should look at."""
    if not body["quorum"]["ok"]:
        return 2
    is_whole = all(row["reachable"] and row["state"] in SETTLED for row in body["nodes"])
    is_led = body["coordinator"] is not None
    has_alarms = any(row["alarms"] for row in body["nodes"])
    is_intact = body["memory"] == "intact"
    is_well = not has_alarms and not status_health.is_degraded(body)
    return 0 if is_whole and is_led and is_intact and is_well else 1


def render(body: dict[str, Any], width: int = WIDTH) -> str:
    """The table, cut to `width`, and its footer, wrapped."""
    nodes = table(HEADINGS, [_row(row, body) for row in body["nodes"]], indent="")
    upper = [_headline(body), *nodes, *status_health.tables(body)]
    lines = [cut(line, width) for line in upper]
    for text in _footer(body):
        lines += textwrap.wrap(
            text, width, subsequent_indent="    ", max_lines=TEXT_LINES_MAX, placeholder="..."
        )
    return "\n".join(map(printable, lines))


def _headline(body: dict[str, Any]) -> str:
    who = f"coordinator {body['coordinator']}" if body["coordinator"] else "no coordinator"
    phase = f" ({body['phase']})" if body["phase"] else ""
    return (
        f"{body['cluster']}: {who}, term {body['term']}; {body['local']} is {body['state']}{phase}"
    )


def _row(row: dict[str, Any], body: dict[str, Any]) -> tuple[str, ...]:
    is_local = row["name"] == body["local"]
    is_coordinator = row["name"] == body["coordinator"]
    heard, rtt = row["last_heard_s"], row["rtt_ms"]
    return (
        f"{'*' if is_coordinator else ' '} {row['name']}",
        f"{row['address']}:{row['port']}",
        row["state"] or "unknown",
        row["role"],
        str(row["priority"]),
        "-" if is_local or heard is None else f"{heard:.1f} s",
        "-" if rtt is None else f"{rtt:.2f} ms",
        "this node" if is_local else "yes" if row["reachable"] else "no",
    )


def _footer(body: dict[str, Any]) -> Iterator[str]:
    for row in body["nodes"]:
        if row["reason"] and not _is_said_elsewhere(row, body):
            place = "" if row["reachable"] else "not reachable: "
            yield f"{row['name']}: {place}{row['reason']}"
    yield from status_health.sentences(body)
    for vip in body["vips"]:
        place = "held here" if vip["held"] else "not held here"
        yield f"VIP {vip['name']} {vip['address']}: {place}"
    quorum = body["quorum"]
    lost = "" if quorum["ok"] else " LOST"
    lease = body["lease_left_ms"]
    lease_text = f"; lease left {lease} ms" if lease else ""
    votes = f"{quorum['have']} present, {quorum['need']} needed"
    yield f"quorum{lost}: {votes}{lease_text}; {_machine(body)}"
    if body["memory"] != "intact":
        yield f"memory: {MEMORY.get(body['memory'], body['memory'])}"
    if body["waiting_for"]:
        missing = ", ".join(body["waiting_for"])
        yield f"waiting for: {missing} (or, once and on purpose: `quorumdog form`)"
    if move := body["last_move"]:
        giver = move["from"] or "nobody"
        what = f"{giver} -> {move['to']}, seen by {body['local']} at {move['at']}"
        yield f"last move: {what}: {move['reason']}"
    for kind, refused in body["refusals"].items():
        yield f"refused: {kind} x{refused['count']}, last from {refused['last_address']}"
    for text in body["warnings"]:
        yield f"warning: {text}"


def _is_said_elsewhere(row: dict[str, Any], body: dict[str, Any]) -> bool:
    """A witness is one by its role; what this node has forgotten has a line of its own."""
    is_forgetful = row["name"] == body["local"] and body["memory"] != "intact"
    said = {row["role"], "state lost"} if is_forgetful else {row["role"]}
    return row["reason"] in said


def _machine(body: dict[str, Any]) -> str:
    return f"scheduling {body['scheduling']}; gate {body['gate']}"
