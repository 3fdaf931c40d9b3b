"""Every line of the log is explained in docs/log.md, and nothing there is said by nobody.

Names are collected from the calls that say them.  Where a name comes in as an argument the file
only passes it on; those files are named here, so that a name cannot hide in a variable.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from typing import Final

from tests.house.sources import Module, parse, product
from tests.support import REPOSITORY
from watchdog.core.states import Trigger
from watchdog.shell.refusals import Refusal

ROOMS: Final = (
    "watchdog/core/",
    "watchdog/shell/",
    "watchdog/guardian/",
    "watchdog/log/",
    "watchdog/web/",
    "lifecheck/",
)
LOGGERS: Final = re.compile(r"((self\.)?(_?log\.)?(info|warning|error|alarm)|say|self\._warn_if)$")
OUTBOX: Final = re.compile(r"([a-z_.]*\.)?out\.(note|alarm)$")
ACTIONS: Final = re.compile(r"(act\.)?(Log|Alarm)$")
LEVELLED: Final = "self._line"
"""Takes the level first."""
PASS_ON: Final = {
    "watchdog/guardian/machine.py": "performs the deadline's Log and Alarm",
    "watchdog/shell/perform.py": "performs the core's Note and StateChanged",
    "watchdog/log/writer.py": "is the log",
    "watchdog/web/log.py": "is the log",
}


def _pairs(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """(target, value) of an assignment; a tuple on both sides is taken apart."""
    match node:
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield target, value
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
            yield from zip(targets, values, strict=True)
        case ast.Assign(targets=[target], value=value):
            yield target, value
        case _:
            return


def _assigned(nodes: Iterable[ast.AST]) -> dict[str, set[str]]:
    """Variable -> the strings that these statements assign to it."""
    found: dict[str, set[str]] = {}
    for node in nodes:
        for target, value in _pairs(node):
            if isinstance(target, ast.Name) and isinstance(value, ast.Constant):
                found.setdefault(target.id, set()).add(str(value.value))
    return found


def _said(module: Module) -> Iterator[ast.expr]:
    """The first argument of every call that says an event."""
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        who = ast.unparse(node.func)
        is_action = ACTIONS.match(who) and module.path.startswith("watchdog/guardian/")
        if who == LEVELLED and len(node.args) > 1:
            yield node.args[1]
        elif LOGGERS.match(who) or OUTBOX.match(who) or (is_action and len(node.args) > 1):
            yield node.args[0]


def names_of(module: Module, known: dict[str, set[str]]) -> set[str]:
    """Every event that the module says; `known` has the constants that modules share."""
    own, found = _assigned(ast.walk(module.tree)), set()
    for argument in _said(module):
        if isinstance(argument, ast.Constant):
            found.add(str(argument.value))
            continue
        name = ast.unparse(argument)
        texts = own.get(name) or known.get(name, set())
        assert texts or module.path in PASS_ON, f"{module.path}: what is the event {name}?"
        found |= texts
    return found


def _names() -> set[str]:
    rooms = [module for module in product() if module.path.startswith(ROOMS)]
    known: dict[str, set[str]] = {}
    for module in rooms:
        for name, texts in _assigned(module.tree.body).items():
            known.setdefault(name, set()).update(texts)
    return set[str]().union(*(names_of(module, known) for module in rooms))


def _explained() -> list[str]:
    text = (REPOSITORY / "docs/log.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `([A-Za-z_]+)` \|", text, re.MULTILINE)


def test_the_page_of_the_log_is_equal_to_the_code() -> None:
    """An alarm that nobody explains is found at night by somebody who cannot read the code."""
    wanted = _names() | {trigger.value for trigger in Trigger} | {kind.value for kind in Refusal}
    wanted -= {"alarm"}  # the line that carries the alarms of the node; explained above them
    explained = set(_explained())
    assert not wanted - explained, f"docs/log.md does not explain {sorted(wanted - explained)}"
    assert not explained - wanted, f"nobody says {sorted(explained - wanted)} (docs/log.md)"


def test_the_collection_sees_every_way_to_say_something() -> None:
    """A check that cannot fail is no check."""
    text = (
        'NAME: Final = "c"\n'
        'event, why = "f", "no name"\n'
        'self._log.warning("a")\n'
        'parts.out.note("b")\n'
        "self._ctx.out.alarm(NAME, text)\n"
        'act.Alarm("d", why)\n'
        'self._warn_if("e", why)\n'
        "log.error(event, why=why)\n"
        'say("g")\n'
        'self._line("warning", "h", {})\n'
    )
    assert names_of(parse("watchdog/guardian/x.py", text), {}) == set("abcdefgh")
