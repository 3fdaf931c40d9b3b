"""`quorumdog check`: what is wrong with the configuration; below it, what one does with checks.

Rule: without a further word it looks at the whole file, as it always did; `test` runs a check
here and now, `set` and `reset` ask the daemon.  Each imports what it needs when it is used.
"""

from typing import Any, Final

import click

from watchdog.cli.local import CONFIG_FILE, SOCKET_HELP, Daemon, find

NODE_HELP: Final = "Which node this is; otherwise found by its address."
FILE_HELP: Final = "The configuration file."
SET_HELP: Final = "Replace one option of the file, such as cluster.port=9001; may be repeated."
AGAIN_HELP: Final = "The configuration file; may also stand before the word."
USER_HELP: Final = "Look as this user; root looks as the daemon's user when there is one."


class Words(click.Group):
    """The group, with a better answer to `quorumdog check postgres`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but for a word that is none of ours."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            words = ", ".join(self.commands)
            hint = f"to run a check: `quorumdog check test {args[0]}`"
            ctx.fail(f"`check` knows no {args[0]!r}, only {words}; {hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=Words, invoke_without_command=True)
@click.option("--config", "file", default=CONFIG_FILE, show_default=True, help=FILE_HELP)
@click.option("--node", metavar="NAME", help=NODE_HELP)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help=SET_HELP)
@click.option("--strict", is_flag=True, help="Exit with 1 when there are warnings.")
@click.pass_context
def command(
    ctx: click.Context, *, file: str, node: str | None, settings: tuple[str, ...], strict: bool
) -> None:
    """Say everything that is wrong with the configuration, all at once.

    Then warnings, and the time budget: how long a failover takes, and what it needs.

    Exit code: 0 ok, 1 warnings (with --strict), 2 faults, 3 the file cannot be read.
    """
    if ctx.invoked_subcommand is None:
        from watchdog.cli.check_file import check_file

        check_file(file, node, settings, strict=strict)


@command.command("test")
@click.argument("name")
@click.option("--config", "file", metavar="FILE", help=AGAIN_HELP)
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help=SET_HELP)
@click.option("--user", metavar="NAME", help=USER_HELP)
@click.pass_context
def try_check(
    ctx: click.Context, *, name: str, file: str | None, settings: tuple[str, ...], user: str | None
) -> None:
    """Run the probes of the check NAME once, here and now, and say what each of them sees.

    No daemon is needed, and none is told. Nothing is restarted, whatever is found.

    Exit code: 0 the check would be UP, 1 DOWN, 2 faults or no such check, 3 no file.
    """
    from watchdog.cli.check_test import run_check

    above = _above(ctx)
    run_check(name, file or above["file"], (*above["settings"], *settings), user)


@command.command("set")
@click.argument("name")
@click.argument("changes", nargs=-1, required=True, metavar="KEY=VALUE...")
@click.option("--config", "file", metavar="FILE", help=AGAIN_HELP)
@click.option("--socket", metavar="PATH", help=SOCKET_HELP)
@click.pass_context
def change(
    ctx: click.Context, *, name: str, changes: tuple[str, ...], file: str | None, socket: str | None
) -> None:
    """Change the pace of the running check NAME on this node, until it is reset or restarted.

    Keys: every, timeout, fails, rises, window. Example: quorumdog check set postgres every=1s
    timeout=500ms. With several probes, 2.every=10s is for the second one alone.

    Exit code: 0 done, 1 refused (the reason is printed), 2 no such key or value, 3 no daemon.
    """
    from watchdog.cli.check_change import set_check

    set_check(_daemon(ctx, file, socket), name, changes)


@command.command("reset")
@click.argument("name")
@click.option("--config", "file", metavar="FILE", help=AGAIN_HELP)
@click.option("--socket", metavar="PATH", help=SOCKET_HELP)
@click.pass_context
def restore(ctx: click.Context, *, name: str, file: str | None, socket: str | None) -> None:
    """Give the running check NAME its configured pace back, and clear its fail count.

    Exit code: 0 done, 1 refused (the reason is printed), 3 no daemon.
    """
    from watchdog.cli.check_change import reset_check

    reset_check(_daemon(ctx, file, socket), name)


def _daemon(ctx: click.Context, file: str | None, socket: str | None) -> Daemon:
    """The daemon that is meant; ends the program when it is another node than --node says."""
    above = _above(ctx)
    daemon = find(file or above["file"], above["node"], above["settings"], socket)
    if above["node"] is not None:
        daemon.status()
    return daemon


def _above(ctx: click.Context) -> dict[str, Any]:
    """The options that stood before the word."""
    assert ctx.parent is not None
    return ctx.parent.params
