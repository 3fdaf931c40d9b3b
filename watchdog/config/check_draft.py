"""From the raw table of one check to a valid check, or to everything that is wrong with it.

Rule: each key belongs to the check, to the pace of a probe or to the kind of a probe; the kind is
known first, so that a key of another kind is answered with whose it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from watchdog.config.check_schema import (
    KIND_KEYS,
    KINDS,
    PROBES_MAX,
    PROCESS_KEYS,
    Check,
    CheckOptions,
    Pace,
    Probe,
    ProbeKind,
)
from watchdog.config.errors import Path, Problem, dotted
from watchdog.config.options import did_you_mean
from watchdog.config.translate import problems, unknown, wrong_type

Model = TypeVar("Model", bound=BaseModel)

_OWN = frozenset(CheckOptions.model_fields)
_PACE = frozenset(Pace.model_fields)
_WHY_ONE = "each probe has its own pace, so two of them need a table each"
_EXAMPLE = 'write for example process = "/usr/bin/postgres -D" or tcp = "127.0.0.1:5432"'


@dataclass
class _Reading:
    """Faults so far."""

    faults: list[Problem] = field(default_factory=list)

    def validated(self, model: type[Model], path: Path, value: object) -> Model | None:
        """The model, or None and its faults."""
        try:
            return model.model_validate(value)
        except ValidationError as error:
            self.faults += problems(error, path)
            return None

    def fault(self, path: Path, what: str, why: str = "", hint: str = "") -> None:
        """One more."""
        self.faults.append(Problem(path, what, why, hint))


def read_check(name: str, raw: Mapping[str, Any]) -> tuple[Check | None, list[Problem]]:
    """`[check.NAME]` with its probes; no check when there are faults."""
    reading, path = _Reading(), ("check", name)
    own = {key: value for key, value in raw.items() if key in _OWN}
    options = reading.validated(CheckOptions, path, own)
    rest = {key: value for key, value in raw.items() if key not in _OWN}
    several = rest.pop("probe", None)
    if several is None:
        probes = [_inline(reading, path, rest)]
    else:
        probes = _tables(reading, path, several)
        _refuse_mixture(reading, path, rest)
    if options is None or reading.faults:
        return None, reading.faults
    return Check(options, tuple(probe for probe in probes if probe is not None)), []


def _inline(reading: _Reading, path: Path, raw: Mapping[str, Any]) -> Probe | None:
    keys = [key for key in raw if key in KIND_KEYS]
    kinds = list(dict.fromkeys(KIND_KEYS[key] for key in keys))
    if len(kinds) == 1:
        return _probe(reading, path, kinds[0], raw)
    if kinds:
        name = dotted(path)
        shown = " and ".join(f"`{key}`" for key in keys)
        hint = f'write a [[{name}.probe]] with kind = "..." for each of them'
        reading.fault((*path, keys[1]), f"[{name}] has {shown} side by side", _WHY_ONE, hint)
    _of_no_kind(reading, path, raw, told=bool(kinds))
    return None


def _of_no_kind(reading: _Reading, path: Path, raw: Mapping[str, Any], *, told: bool) -> None:
    """What can be said of a probe whose kind is not known."""
    reading.validated(Pace, path, {key: value for key, value in raw.items() if key in _PACE})
    for key in raw:
        if key not in _PACE and not _kinds_with(key):
            reading.faults.append(unknown((*path, key)))
    if not told:
        what = f"[{dotted(path)}] has no probe"
        reading.fault(path, what, "a check without a probe would always be UP", _EXAMPLE)


def _tables(reading: _Reading, path: Path, several: object) -> list[Probe | None]:
    name = dotted(path)
    if isinstance(several, dict):
        hint = f"write it with two brackets: [[{name}.probe]]"
        reading.fault((*path, "probe"), f"[{name}.probe] is one table, not an array", "", hint)
        return []
    if not isinstance(several, list):
        reading.faults.append(wrong_type((*path, "probe"), "an array of tables", several))
        return []
    if not 1 <= len(several) <= PROBES_MAX:
        what = f"[{name}] has {len(several)} probes; there may be 1 to {PROBES_MAX}"
        reading.fault((*path, "probe"), what, "each of them runs on its own and costs something")
    found = []
    for place, raw in enumerate(several[:PROBES_MAX], 1):
        inside = (*path, f"probe[{place}]")
        if isinstance(raw, dict):
            found.append(_with_kind(reading, inside, raw))
        else:
            reading.faults.append(wrong_type(inside, "a table", raw))
    return found


def _with_kind(reading: _Reading, path: Path, raw: Mapping[str, Any]) -> Probe | None:
    rest = dict(raw)
    if "kind" not in rest:
        known = [KIND_KEYS[key] for key in rest if key in KIND_KEYS]
        hint = f'add kind = "{known[0] if known else "tcp"}"'
        what = f"`{dotted(path)}.kind` is missing"
        reading.fault(path, what, "it says what the probe looks at", hint)
        _of_no_kind(reading, path, rest, told=True)
        return None
    kind = reading.validated(ProbeKind, path, {"kind": rest.pop("kind")})
    if kind is None:
        _of_no_kind(reading, path, rest, told=True)
        return None
    return _probe(reading, path, kind.kind, rest)


def _probe(reading: _Reading, path: Path, kind: str, raw: Mapping[str, Any]) -> Probe | None:
    before = len(reading.faults)
    known = KINDS[kind].model_fields
    pace = reading.validated(Pace, path, {k: v for k, v in raw.items() if k in _PACE})
    options = reading.validated(KINDS[kind], path, {k: v for k, v in raw.items() if k in known})
    for key in raw:
        if key not in _PACE and key not in known:
            reading.faults.append(_stranger(path, kind, key))
    if kind == "process" and not any(key in raw for key in PROCESS_KEYS):
        hint = f"add one of {', '.join(PROCESS_KEYS)}; all that are given must hold"
        reading.fault(path, f"[{dotted(path)}] names no process", "", hint)
    if pace is None or options is None or len(reading.faults) > before:
        return None
    return Probe(kind, pace, options, path)


def _stranger(path: Path, kind: str, key: str) -> Problem:
    """A key that this kind of probe does not have."""
    owners = _kinds_with(key)
    known = [*KINDS[kind].model_fields, *_PACE]
    if not owners or (key in _OWN and len(path) > 2):
        return unknown((*path, key))
    what = f"`{key}` does not belong to the {kind} probe of [{dotted(path)}]"
    why = f"it belongs to {', '.join(owners)} probes"
    hint = did_you_mean(key, known) or f"{kind} probes have: {', '.join(KINDS[kind].model_fields)}"
    return Problem((*path, key), what, why, hint)


def _kinds_with(key: str) -> list[str]:
    return [kind for kind, model in KINDS.items() if key in model.model_fields]


def _refuse_mixture(reading: _Reading, path: Path, rest: Mapping[str, Any]) -> None:
    """Keys of a probe in [check.NAME] itself, beside [[check.NAME.probe]]."""
    name = dotted(path)
    for key in rest:
        if key in _PACE or _kinds_with(key):
            what = f"`{key}` stands in [{name}] itself, which has [[{name}.probe]] tables"
            why = "a check has one probe inline, or several in tables of their own"
            reading.fault((*path, key), what, why, f"move it into one of [[{name}.probe]]")
        else:
            reading.faults.append(unknown((*path, key)))
