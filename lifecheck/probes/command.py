"""Probe `command`: a program ends well, by the convention that it was written for.

Rule: no shell, an environment from nothing, a bounded output, and a process group that is killed
when the run ends or is cancelled.  Theory: starting a program waits for its file, so a thread
looks at the file first, and a dead mount hangs the thread and not the loop.
"""

import os
import stat
from collections.abc import Mapping
from typing import Any, Final, get_args

from lifecheck.probes import Outcome, styles, words
from lifecheck.probes.child import PATH, Child
from lifecheck.probes.offload import HangingError, Offload
from lifecheck.probes.pattern import TOO_SLOW, Pattern, TooSlowError

STYLES: Final = get_args(styles.Style)


class CommandProbe:
    """Runs one command; only its first word is ever shown."""

    def __init__(self, argv: tuple[str, ...], style: styles.Style, output: Pattern | None) -> None:
        self._argv, self._style, self._output = argv, style, output
        self._name = words.clean(argv[0], 80)
        self.doing = ""
        self._offload: Offload[str] = Offload(f"looking at {self._name}")
        self._child: Child | None = None

    async def run(self) -> Outcome:
        """Run it once, to its end."""
        if self._child is not None and (hanging := self._child.hanging()):
            self.doing = f"waiting for {self._name} to end: {hanging}"
            await self._child.wait()
        self.doing = f"running {self._name}"
        try:
            path = await self._offload.call(lambda: find(self._argv[0]))
            self._child = child = Child(path, self._argv)
        except HangingError as error:
            return Outcome(False, str(error))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            return Outcome(False, words.clean(f"{self._name} cannot be started: {reason}"))
        output = b""
        try:
            code = await child.wait()
        finally:
            output = child.let_go()
        return self._judge(code, words.decoded(output))

    def close(self) -> None:
        """Forget a killed command that has not ended."""
        if self._child is not None:
            self._child.forget()

    def _judge(self, code: int, output: str) -> Outcome:
        outcome = styles.judge(self._style, code, output)
        if not outcome.ok or self._output is None:
            return outcome
        try:
            found = self._output.search(output) is not None
        except TooSlowError:
            return Outcome(False, TOO_SLOW)
        wanted = words.clean(self._output.text, 60)
        text = outcome.detail if found else f"no {wanted!r} in its output: {outcome.detail}"
        return Outcome(found, words.clean(text))


def find(name: str) -> str:
    """Return the path of an executable; OSError says why there is none."""
    folders = [""] if "/" in name else [f"{folder}/" for folder in PATH.split(":")]
    seen = "no such file" if "/" in name else f"not found in {PATH}"
    for folder in folders:
        path = folder + name
        try:
            mode = os.stat(path).st_mode
        except (FileNotFoundError, NotADirectoryError):
            continue
        if not stat.S_ISREG(mode):
            seen = "not a file"
        elif not os.access(path, os.X_OK):
            seen = "not executable"
        else:
            _touch(path)
            return path
    raise OSError(seen)


def _touch(path: str) -> None:
    """Read a byte, as the kernel is about to: a dead mount hangs here, in the thread."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except PermissionError:  # executable for all, readable for few
        return
    try:
        os.read(fd, 1)
    finally:
        os.close(fd)


def make(options: Mapping[str, Any]) -> CommandProbe:
    """Options: argv, style, output (pattern or null)."""
    argv, style, output = options["argv"], options["style"], options.get("output")
    if not argv or not argv[0] or any("\0" in word for word in argv):
        raise ValueError("command: needs a program, and no word may hold a NUL")
    if style not in STYLES:
        raise ValueError(f"command: style is one of {', '.join(STYLES)}")
    return CommandProbe(tuple(argv), style, None if output is None else Pattern(output))
