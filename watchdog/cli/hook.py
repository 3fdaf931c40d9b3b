"""`quorumdog hook test`: try a hook with a made-up event, as the guardian would start it.

Rule: no child is started here.  The process *becomes* the hook (execve) with the guardian's
environment, the event on stdin and a timer that outlives the exec; so the output and the exit
code are the hook's own.  The contract of hooks: docs/hooks.md.
"""

import errno
import json
import os
import signal
from collections.abc import Mapping
from typing import Any, Final

import click

from watchdog.cli.configured import FILE_HELP, NODE_HELP, loaded_or_exit, refuse
from watchdog.cli.local import fail
from watchdog.cli.privileges import become
from watchdog.cli.resolved import local_node
from watchdog.config.errors import ConfigError
from watchdog.config.load import DEFAULT_FILE, Loaded
from watchdog.config.plan import resolve

KINDS: Final = ("escalation", "de_escalation", "state_change")
HOOK_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
FAILED_CODE: Final = 1


@click.group()
def command() -> None:
    """Try a hook with a made-up event."""


@command.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.option("--config", "file", default=DEFAULT_FILE, show_default=True, help=FILE_HELP)
@click.option("--node", metavar="NAME", help=NODE_HELP)
@click.option("--dry-run", is_flag=True, help="Only print what would run.")
def test(*, kind: str, file: str, node: str | None, dry_run: bool) -> None:
    """Run a configured hook once, with its environment, its event on stdin and its time bound.

    The exit code is the hook's; 142 or "Alarm clock" means that it took too long.
    Services that it starts or stops are really started or stopped.
    """
    loaded = loaded_or_exit(file)
    plan = _plan(loaded, node)
    argv = plan["hooks"][kind]
    if argv is None:
        fail(FAILED_CODE, f"no {kind} hook is configured in {file}", f"add `{kind}` to [hooks]")
    facts = event_of(plan, kind)
    environment, event = environment_of(facts), json.dumps(facts)
    if dry_run:
        _print(argv, environment, event, plan["hooks"]["user"])
        return
    _become(argv, environment, event, plan["hooks"]["user"])


def _plan(loaded: Loaded, node: str | None) -> dict[str, Any]:
    try:
        return resolve(loaded, local_node(loaded, node), env=os.environ)
    except ConfigError as error:
        refuse(error)


def event_of(plan: Mapping[str, Any], kind: str) -> dict[str, str | int]:
    """A made-up event: what the hook reads as JSON on stdin. States are told to one kind only."""
    old, new = ("STANDBY", "COORDINATOR") if kind == "state_change" else ("", "")
    return {
        "schema": 1,
        "event": kind,
        "epoch": 1,
        "deadline_ms": _bound_ms(plan, kind),
        "reason": "test",
        "old_state": old,
        "new_state": new,
        "old_coordinator": "",
        "new_coordinator": plan["node"] if new else "",
        "check": "",
        "when": "",
        "cluster": plan["cluster"],
        "node": plan["node"],
        "vips": " ".join(f"{vip['address']}/{vip['prefix']}" for vip in plan["vips"]),
        "interfaces": " ".join(vip["interface"] for vip in plan["vips"]),
    }


def environment_of(event: Mapping[str, str | int]) -> dict[str, str]:
    """The hook's whole environment, from nothing: the same facts as the event."""
    told = {f"QUORUMDOG_{name.upper()}": str(value) for name, value in event.items()}
    del told["QUORUMDOG_SCHEMA"]
    return {"PATH": HOOK_PATH, "LC_ALL": "C.UTF-8", **told}


def _bound_ms(plan: Mapping[str, Any], kind: str) -> int:
    """A notification has the bound of an escalation."""
    name = "de_escalation" if kind == "de_escalation" else "escalation"
    return int(plan["hooks"][f"{name}_timeout_ms"])


def _print(argv: list[str], environment: Mapping[str, str], event: str, user: str | None) -> None:
    click.echo(f"argv: {' '.join(argv)}")
    click.echo(f"user: {user or 'as the guardian'}")
    click.echo("environment:")
    for name, value in environment.items():
        click.echo(f"  {name}={value}")
    click.echo(f"stdin: {event}")


def _become(argv: list[str], environment: Mapping[str, str], event: str, user: str | None) -> None:
    stdin = os.memfd_create("event", 0)
    os.write(stdin, event.encode() + b"\n")
    os.lseek(stdin, 0, os.SEEK_SET)
    os.dup2(stdin, 0)
    os.close(stdin)
    try:
        if user is not None:
            become(user)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and exec would keep that
        signal.setitimer(signal.ITIMER_REAL, int(environment["QUORUMDOG_DEADLINE_MS"]) / 1000)
        os.execve(argv[0], argv, dict(environment))
    except (OSError, KeyError) as error:
        signal.setitimer(signal.ITIMER_REAL, 0)
        why = getattr(error, "strerror", None) or f"there is no user {user}"
        fail(FAILED_CODE, f"the hook {argv[0]} cannot be run: {why}", _advice(error))


def _advice(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.ENOEXEC:
        return "a script begins with the line #!/bin/sh, or whatever interprets it"
    return "see `quorumdog check`"
