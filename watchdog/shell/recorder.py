"""`run --record FILE`: everything that went into the core and came out of it, to be replayed.

A node decides by its inputs alone (settings, stored state, seed, clock readings, events), so a
recording of them gives the same effects again, anywhere.  One JSON object a line: the constructor
arguments, then one per step.  A thread encodes and writes; a slow disk loses the recording (which
says so in its last line), never the lease.
"""

import errno
import json
import queue
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Final

from watchdog.core import effects, events, messages, settings
from watchdog.core.effects import Effect, HardState
from watchdog.core.events import Event
from watchdog.core.node import Node
from watchdog.core.settings import Settings
from watchdog.instant import Instant

SCHEMA: Final = 1
STEPS_MAX: Final = 10_000
FILES_MAX: Final = 100
CLOSE_TIMEOUT_S: Final = 2.0
_TYPE: Final = "_"


@dataclass(frozen=True, slots=True)
class Start:
    """The constructor arguments of a Node; `seed` is what its random.Random began with."""

    settings: Settings
    hard_state: HardState | None
    amnesiac: bool
    seed: int
    now: Instant
    wall_ms: int
    inc: bytes

    def node(self) -> Node:
        """A new node with these arguments."""
        rng = random.Random(self.seed)
        arguments = (self.settings, self.hard_state, self.amnesiac, rng)
        return Node(*arguments, self.now, self.wall_ms, self.inc)


@dataclass(frozen=True, slots=True)
class Step:
    """One call of Node.step and what it returned."""

    now: Instant
    event: Event
    effects: tuple[Effect, ...]


class ReplayError(AssertionError):
    """A replay gave other effects than the recording; the text has the step and both."""


class Recorder:
    """Writes the steps of one node process to a new file; `path` says which.

    It is `wanted`, or with a number at its end when that exists: the guardian starts a node
    process again with the same plan, and what the dead one recorded is what people want to see.
    Raises OSError when the file cannot be made.
    """

    def __init__(self, wanted: Path, start: Start) -> None:
        self.path = _unused(wanted)
        self._file = self.path.open("x", encoding="utf-8")
        self._file.write(_line({"schema": SCHEMA, "start": start}))
        self._steps: queue.Queue[Step | None] = queue.Queue(STEPS_MAX)
        self._writer = threading.Thread(target=self._write, name="recorder", daemon=True)
        self._writer.start()
        self.has_failed = False

    def add(self, now: Instant, event: Event, outcome: tuple[Effect, ...]) -> None:
        """Record one step; after a step that could not be kept nothing more is recorded."""
        if self.has_failed:
            return
        try:
            self._steps.put_nowait(Step(now, event, outcome))
        except queue.Full:
            self.has_failed = True

    def close(self) -> None:
        """Write what is queued, within CLOSE_TIMEOUT_S."""
        try:
            self._steps.put_nowait(None)
        except queue.Full:
            return
        self._writer.join(CLOSE_TIMEOUT_S)

    def _write(self) -> None:
        try:
            while (step := self._steps.get()) is not None:
                self._file.write(_line({"step": step}))
                # Whole lines reach the disk, so that a crash leaves a recording that replays.
                self._file.flush()
            if self.has_failed:
                self._file.write(_line({"incomplete": True}))
            self._file.close()
        except OSError:
            self.has_failed = True


def replay(path: Path) -> int:
    """Run the recording at `path` through a new Node; the number of steps.

    Raises ReplayError at the first step whose effects differ, ValueError for a file that is none.
    """
    lines = _read(path)
    header = next(lines, {})
    if header.get("schema") != SCHEMA:
        message = f"{path} is not a recording of this version"
        raise ValueError(message)
    start: Start = decode(header["start"])
    node = start.node()
    count = 0
    for line in lines:
        if "step" not in line:
            break
        now, event = decode(line["step"]["now"]), decode(line["step"]["event"])
        got = encode(node.step(now, event))
        if got != line["step"]["effects"]:
            message = f"step {count}, {event}: recorded {line['step']['effects']}, now {got}"
            raise ReplayError(message)
        count += 1
    return count


def encode(value: object) -> Any:  # noqa: ANN401 - any JSON value
    """`value`, built of our dataclasses, tuples, enums and scalars, as JSON values."""
    if is_dataclass(value) and not isinstance(value, type):
        members = {field.name: encode(getattr(value, field.name)) for field in fields(value)}
        return {_TYPE: type(value).__name__, **members}
    if isinstance(value, Enum):
        return {_TYPE: type(value).__name__, "value": value.value}
    if isinstance(value, bytes):
        return {_TYPE: "bytes", "value": value.hex()}
    if isinstance(value, tuple):
        names = getattr(value, "_fields", None)
        if names is None:
            return [encode(item) for item in value]
        return {_TYPE: type(value).__name__, **{n: encode(getattr(value, n)) for n in names}}
    assert value is None or isinstance(value, str | int | float), f"cannot record {value!r}"
    return value


def decode(value: Any) -> Any:  # noqa: ANN401 - the type is in the recording
    """What `encode` was given. Raises KeyError for a type that is not of the core."""
    if isinstance(value, list):
        return tuple(decode(item) for item in value)
    if not isinstance(value, dict):
        return value
    name = value[_TYPE]
    if name == "bytes":
        return bytes.fromhex(value["value"])
    members = {key: decode(item) for key, item in value.items() if key != _TYPE}
    return _TYPES[name](**members)


def _core_types() -> dict[str, Any]:
    # Events before effects: no name is in two modules (asserted), so that a name is a type.
    found: dict[str, Any] = {"Instant": Instant, "Start": Start, "Step": Step}
    for module in (settings, messages, events, effects):
        for name, value in vars(module).items():
            if isinstance(value, type) and value.__module__ == module.__name__:
                assert name not in found, f"two types of the core are called {name}"
                found[name] = value
    return found


_TYPES: Final = _core_types()


def _unused(wanted: Path) -> Path:
    names = [wanted.name, *(f"{wanted.name}.{number}" for number in range(1, FILES_MAX))]
    for name in names:
        if not (path := wanted.with_name(name)).exists():
            return path
    raise FileExistsError(errno.EEXIST, f"{FILES_MAX} recordings are there already", str(wanted))


def _line(value: dict[str, object]) -> str:
    plain = {key: encode(item) for key, item in value.items()}
    return json.dumps(plain, separators=(",", ":")) + "\n"


def _read(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as file:
        for text in file:
            if not text.endswith("\n"):
                return  # the process died within this line
            yield json.loads(text)
