"""`quorumdog demo`: three real nodes on this machine, faults, and what they cost.

As root each node has a network namespace and there is a real VIP; otherwise three nodes share
the loopback and run hooks only.  It ends by itself, cleans up also when it is interrupted, and
its exit code is 0 only when every fault was survived with one holder at most.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

import click

from watchdog.cli.demo import journal, loopback, namespaces, story, timeline
from watchdog.cli.demo.interrupt import Interrupt, InterruptedDemoError, TooLateError
from watchdog.cli.demo.lab import LabError
from watchdog.cli.privileges import best_scheduling

NAMES: Final = ("alpha", "beta", "gamma")
NOT_WELL: Final = 1
INTERRUPTED: Final = 130
SYSTEM_TOOLS: Final = ":/usr/sbin:/sbin"
"""Where `ip` and `nft` are; not in the PATH of an ordinary Debian user."""
STAY_POLL_S: Final = 3600.0


@click.command()
@click.option("--keep", type=click.Path(file_okay=False), help="Keep observations and logs here.")
@click.option("--stay", is_flag=True, help="No faults; keep the nodes running until Ctrl-C.")
@click.option("--plant-two-holders", "plant", is_flag=True, help="Show that two would be noticed.")
@click.option("--loopback", "on_loopback", is_flag=True, help="As without root: hooks only.")
@click.option("--enclosed", is_flag=True, hidden=True)
def command(
    *, keep: str | None, stay: bool, plant: bool, on_loopback: bool, enclosed: bool
) -> None:
    """Run three real nodes on this machine, break them, and measure.

    Exit code: 0 all faults survived with one holder at most, 1 not so, 130 interrupted.
    """
    os.environ["PATH"] = os.environ.get("PATH", "") + SYSTEM_TOOLS
    is_local = on_loopback or os.geteuid() != 0
    if is_local and not enclosed and not stay:
        _enclose()
    interrupt = Interrupt()
    try:
        with _folder(keep) as folder:
            sys.exit(
                _run(folder, interrupt, stay=stay, plant=plant, local=is_local, enclosed=enclosed)
            )
    finally:
        interrupt.release()


def _enclose() -> None:
    """Become the same program in a network of its own, where that is permitted."""
    around, _ = loopback.enclosure()
    if around:
        again = [sys.executable, "-I", "-m", "watchdog", *sys.argv[1:], "--enclosed"]
        sys.stdout.flush()
        os.execvp(around[0], [*around, *again])


@contextmanager
def _folder(keep: str | None) -> Iterator[Path]:
    """Make a folder for one run; afterwards it is moved to `keep`, or removed."""
    folder = Path(tempfile.mkdtemp(prefix="quorumdog-demo-"))
    folder.chmod(0o755)  # the node process may run as another user
    try:
        yield folder
    finally:
        if keep is not None:
            _copy(folder, Path(keep))
        shutil.rmtree(folder, ignore_errors=True)


def _copy(folder: Path, keep: Path) -> None:
    """Keep what can be looked at later: observations, logs, configurations; no key, no state."""
    for source in (folder / "observations.jsonl", *folder.glob("*/log"), *folder.glob("*/*.conf")):
        if source.is_file():
            target = keep / source.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def _run(
    folder: Path, interrupt: Interrupt, *, stay: bool, plant: bool, local: bool, enclosed: bool
) -> int:
    """Play, then say what the observations say; the exit code."""
    failure: str | None = None
    try:
        with _scene(folder, interrupt, local=local, enclosed=enclosed) as scene:
            coordinator = story.begin(scene)
            if stay:
                _stay(scene)
            elif plant:
                story.plant_two_holders(scene, coordinator)
            else:
                story.play(scene, coordinator)
    except InterruptedDemoError:
        pass
    except (TooLateError, LabError, OSError) as error:
        failure = str(error)
    if interrupt.requested:
        click.echo("interrupted; everything was stopped and removed", err=True)
        return 0 if stay and failure is None else INTERRUPTED
    return _report(folder, failure)


def _scene(
    folder: Path, interrupt: Interrupt, *, local: bool, enclosed: bool
) -> AbstractContextManager[story.Scene]:
    scheduling = best_scheduling()
    if local:
        click.echo(f"not as root: three nodes on 127.0.0.1 to .3, hooks only ({scheduling})")
        return loopback.scene(folder, NAMES, scheduling, interrupt, _say, enclosed=enclosed)
    click.echo(f"three nodes in network namespaces, with a real VIP (scheduling: {scheduling})")
    return namespaces.scene(folder, NAMES, scheduling, interrupt, _say, f"qd{os.getpid()}")


def _say(text: str) -> None:
    click.echo(f"  ... {text}")


def _stay(scene: story.Scene) -> None:
    click.echo("\nThe nodes run until Ctrl-C. In another terminal:\n")
    for name in scene.cluster.names:
        click.echo(f"  {_quorumdog()} status --watch --config {scene.cluster.config(name)}")
    sys.stdout.flush()
    while True:
        scene.cluster.interrupt.pause(STAY_POLL_S)


def _quorumdog() -> str:
    return str(Path(sys.executable).with_name("quorumdog"))


def _report(folder: Path, failure: str | None) -> int:
    file = folder / "observations.jsonl"
    observations = journal.read(file) if file.exists() else []
    click.echo(timeline.render(observations))
    found = timeline.problems(observations)
    if failure is not None:
        found.append(failure)
        _show_logs(folder)
    for problem in found:
        click.echo(f"PROBLEM: {problem}", err=True)
    click.echo("NOT WELL: see above" if found else "all went well")
    return NOT_WELL if found else 0


def _show_logs(folder: Path) -> None:
    for log in sorted(folder.glob("*/log")):
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        click.echo(f"--- the last lines of {log.parent.name}", err=True)
        for line in lines[-8:]:
            click.echo(f"    {line}", err=True)
