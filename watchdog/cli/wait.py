"""`quorumdog wait`: returns when the cluster is as a script needs it, told by the daemon's pushes.

Nothing is polled.  When the daemon is restarted meanwhile the wait goes on with the new one; the
time-out bounds everything.
"""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import click

from ipc.client import RefusedError, Subscription, UnreachableError
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

NAME: Final = "wait"
USAGE_CODE: Final = 2
AGAIN_S: Final = 0.2
STATES: Final = {
    "LOADING": (1,),
    "WAITING_FOR_QUORUM": (3,),
    "COORDINATOR": (4,),
    "STANDBY": (7, 6),
    "IN_NW_TROUBLE": (9,),
}
"""Our states by pgpool's numbers: who stands for election (6) is a standby."""
NO_QUORUM: Final = -1
NOBODY: Final = "Not Set"
UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_timeout: Final = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h)").fullmatch

Nodes = Mapping[str, Any]
Condition = Callable[[Nodes], bool]


def seconds(_: click.Context, __: click.Parameter, text: str) -> float:
    """A duration with its unit, as in the configuration; click says what is wrong with it."""
    found = _timeout(text.strip())
    if found is None:
        raise click.BadParameter(f"{text!r}: write a number and ms, s, m or h, such as 30s")
    return float(found[1]) * UNITS_S[found[2]]


@click.command()
@click.option(
    "--state",
    type=click.Choice(list(STATES), case_sensitive=False),
    help="This node's state.",
)
@click.option("--coordinator", metavar="NODE", help="The node that shall lead.")
@click.option(
    "--quorum",
    type=click.Choice(["yes", "no"], case_sensitive=False),
    help="Whether this node shall hear a quorum.",
)
@click.option(
    "--timeout",
    "timeout_s",
    default="30s",
    show_default=True,
    metavar="TIME",
    callback=seconds,
    help="How long at most, with its unit.",
)
@click.option("--config", default=CONFIG_FILE, show_default=True, help=CONFIG_HELP)
@click.option("--node", metavar="NAME", help=NODE_HELP)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help=SET_HELP)
@click.option("--socket", metavar="PATH", help=SOCKET_HELP)
def command(
    *,
    state: str | None,
    coordinator: str | None,
    quorum: str | None,
    timeout_s: float,
    config: str,
    node: str | None,
    settings: tuple[str, ...],
    socket: str | None,
) -> None:
    """Wait until this machine's node sees the cluster as you want it.

    Several conditions must hold at the same time. The daemon may be restarted while you wait.

    Exit code: 0 it is so, 1 not within the time, 3 the daemon is unreachable.
    """
    conditions = _conditions(state, coordinator, quorum)
    if not conditions:
        raise click.UsageError("say for what: --state, --coordinator or --quorum")
    deadline_s = time.monotonic() + timeout_s
    daemon = find(config, node, settings, socket)
    line = daemon.subscribe(NAME)
    names = [row["NodeName"] for row in _rows(line.nodes)]
    if coordinator is not None and coordinator not in names:
        line.close()
        known = f"the nodes are: {', '.join(sorted(names))}"
        fail(USAGE_CODE, f"no node is called {coordinator}", known)
    seen = wait(daemon, line, conditions, deadline_s)
    if not _holds(seen, conditions):
        fail(REFUSED_CODE, f"not within {timeout_s:g} s: {_summary(seen)}")
    click.echo(_summary(seen))


def wait(
    daemon: Daemon, line: Subscription, conditions: Sequence[Condition], deadline_s: float
) -> Nodes:
    """The node list that meets all conditions, or the last one at `deadline_s` (monotonic)."""
    while True:
        try:
            with line:
                return _watch(line, conditions, deadline_s)
        except UnreachableError as error:
            gone = error
        line = _again(daemon, gone, deadline_s)


def _again(daemon: Daemon, gone: UnreachableError, deadline_s: float) -> Subscription:
    """A new line to the daemon; the program ends (3) when there is none in time."""
    while (left_s := deadline_s - time.monotonic()) > 0:
        time.sleep(min(AGAIN_S, left_s))
        try:
            return daemon.resubscribe(NAME)
        except UnreachableError as error:
            gone = error
        except RefusedError as error:
            gone = UnreachableError(str(daemon.socket), error.message)
    return daemon.give_up(gone)


def _watch(line: Subscription, conditions: Sequence[Condition], deadline_s: float) -> Nodes:
    while not _holds(line.nodes, conditions):
        left_s = deadline_s - time.monotonic()
        if left_s <= 0:
            break
        line.wait(left_s)
    return line.nodes


def _conditions(state: str | None, coordinator: str | None, quorum: str | None) -> list[Condition]:
    found: list[Condition] = []
    if state is not None:
        numbers = STATES[state.upper()]
        found.append(lambda nodes: _rows(nodes)[0]["State"] in numbers)
    if coordinator is not None:
        found.append(lambda nodes: bool(nodes["LeaderNodeName"] == coordinator))
    if quorum is not None:
        wanted = quorum.lower() == "yes"
        found.append(lambda nodes: (nodes["QuorumStatus"] != NO_QUORUM) is wanted)
    return found


def _holds(nodes: Nodes, conditions: Sequence[Condition]) -> bool:
    return all(condition(nodes) for condition in conditions)


def _rows(nodes: Nodes) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = nodes["WatchdogNodes"]
    return rows


def _summary(nodes: Nodes) -> str:
    local = _rows(nodes)[0]
    names = (name for name, numbers in STATES.items() if local["State"] in numbers)
    state = next(names, local["StateName"])
    leader = nodes["LeaderNodeName"]
    coordinator = "no coordinator" if leader == NOBODY else f"coordinator {leader}"
    quorum = "no quorum" if nodes["QuorumStatus"] == NO_QUORUM else "quorum"
    return printable(f"{local['NodeName']} is {state}, {coordinator}, {quorum}")
