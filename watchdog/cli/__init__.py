"""The command `quorumdog`: a table of verbs, each in a module of its own.

Rule: a module is imported when its verb is used, so that `status` pays neither for pydantic nor
for cryptography.  The table has the one-line help too, so that `--help` imports no verb.
"""

import importlib
import sys
from typing import Final, NoReturn

import click

try:
    from watchdog import __version__
except ImportError:
    sys.exit(
        "quorumdog: its package `watchdog` was overwritten or removed by another one of that name\n"
        "    why: PyPI's `watchdog` (file system events) installs into the same directory\n"
        "    do:  install quorumdog into an environment of its own: `make install`"
    )

VERBS: Final = {
    "run": ("watchdog.cli.run", "Run the daemon in the foreground."),
    "init": ("watchdog.cli.init", "Write a configuration and a key for a new cluster."),
    "check": ("watchdog.cli.check", "Say everything that is wrong with the configuration."),
    "key": ("watchdog.cli.key", "Make the key that the nodes of a cluster share."),
    "status": ("watchdog.cli.status", "Show who leads, who is there, and why not."),
    "nodes": ("watchdog.cli.nodes", "List the nodes as pgpool's clients see them."),
    "wait": ("watchdog.cli.wait", "Wait for a state, a coordinator or a quorum."),
    "inform": ("watchdog.cli.inform", "Tell the daemon that a node is dead or alive."),
    "switchover": ("watchdog.cli.switchover", "Move the VIPs to another node, in order."),
    "form": ("watchdog.cli.form", "Let a blank node form a cluster without the missing nodes."),
    "hook": ("watchdog.cli.hook", "Try a hook with a made-up event."),
    "demo": ("watchdog.cli.demo", "Run three real nodes on this machine and break them."),
}
"""Verb -> (module that has `command`, what it does)."""


class Verbs(click.Group):
    """The main group: finds a verb in the table and imports its module then."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 click's interface
        """Every verb, in the order in which people need them."""
        return list(VERBS)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 click's interface
        cmd_name: str,
    ) -> click.Command | None:
        """The verb's command; None when there is no such verb."""
        if cmd_name not in VERBS:
            return None
        command = importlib.import_module(VERBS[cmd_name][0]).command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but with a suggestion for a verb that does not exist."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            _refuse(ctx, args[0])
        return super().resolve_command(ctx, args)

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 click's interface
        formatter: click.HelpFormatter,
    ) -> None:
        """The table, without importing any of it."""
        with formatter.section("Verbs"):
            formatter.write_dl([(verb, text) for verb, (_, text) in VERBS.items()])


def _refuse(ctx: click.Context, verb: str) -> NoReturn:
    import difflib  # only a mistake needs it, and `status` has 100 ms in all

    close = difflib.get_close_matches(verb, VERBS, n=1)
    hint = f"did you mean `{close[0]}`?" if close else f"there are: {', '.join(VERBS)}"
    ctx.fail(f"there is no verb `{verb}`; {hint}")


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="quorumdog", message="%(prog)s %(version)s")
def main() -> None:
    """Elect one coordinator among the nodes and keep the virtual IP on it, never on two.

    A new cluster starts with `init`; then `check`, `run` and `status` on every node.  They read
    /etc/quorumdog/quorumdog.conf unless --config names another file.
    `quorumdog VERB --help` says more about each.
    """
