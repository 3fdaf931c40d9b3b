"""`quorumdog check set` and `check reset`: a running check's pace, and its way back.

Rule: a key or value that cannot be is explained before the daemon is asked, by the same rules.
"""

from typing import Final, NoReturn

import click

from lifecheck.plan import ProbePlan
from lifecheck.settings import DAY_MS, KEYS, TIMEOUT_MIN_MS, SettingError, apply
from watchdog.cli.local import Daemon, fail, printable

WRONG_CODE: Final = 2
PROBES_MAX: Final = 16
ANSWER_S: Final = 10.0
_ANY: Final = ProbePlan("", DAY_MS, TIMEOUT_MIN_MS, 1, 1, 0, 0, {})
"""A probe that every single setting fits; what it is compared with in fact, lifecheck knows."""


def set_check(daemon: Daemon, name: str, changes: tuple[str, ...]) -> None:
    """Ask for the changes; ends the program when one cannot be (2) or is refused (1)."""
    settings = settings_of(changes)
    daemon.ask("check_set", {"name": name, "settings": settings}, timeout_s=ANSWER_S)
    shown = " ".join(f"{key}={value}" for key, value in settings.items())
    click.echo(printable(f"{name}: {shown} until it is reset or lifecheck starts again"))


def reset_check(daemon: Daemon, name: str) -> None:
    """Ask for the configured pace."""
    daemon.ask("check_reset", {"name": name}, timeout_s=ANSWER_S)
    click.echo(printable(f"{name}: as configured again, fail count 0"))


def settings_of(changes: tuple[str, ...]) -> dict[str, str]:
    """`every=1s` as a mapping; ends the program (2) with what is wrong and what would do."""
    found: dict[str, str] = {}
    for change in changes:
        key, equals, value = (part.strip() for part in change.partition("="))
        if not equals:
            _wrong(f"{change!r} is no KEY=VALUE", f"the keys are: {', '.join(KEYS)}")
        if key in found:
            _wrong(f"{key} is given twice", "write it once")
        found[key] = value
    try:
        apply([_ANY] * PROBES_MAX, found)
    except SettingError as error:
        _wrong(str(error), "for example: every=1s timeout=500ms fails=5")
    return found


def _wrong(what: str, advice: str) -> NoReturn:
    fail(WRONG_CODE, printable(what), advice)
