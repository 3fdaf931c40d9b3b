"""What `check set NAME key=value` changes of a running check, until the next start. Pure.

Keys: every, timeout, fails, rises, window; for all probes of the check, or for one of them with its
place before it (`2.every=10s`).  The bounds are those of the configuration.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from lifecheck.plan import ProbePlan

DAY_MS: Final = 24 * 60 * 60 * 1000
EVERY_MIN_MS: Final = 50
TIMEOUT_MIN_MS: Final = 10
COUNT_MAX: Final = 100
DIGITS_MAX: Final = 9
KEYS: Final = ("every", "timeout", "fails", "rises", "window")

_duration: Final = re.compile(r"(\d{1,9}(?:\.\d{1,3})?) ?(ms|s|m|h)").fullmatch
_key: Final = re.compile(r"(?:([1-9]\d?)\.)?([a-z]+)").fullmatch
_UNITS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}


class SettingError(ValueError):
    """A setting that cannot be; the text says which, why, and what would do."""


def apply(probes: Sequence[ProbePlan], settings: Mapping[str, str]) -> list[ProbePlan]:
    """The probes with these settings. Raises SettingError, and then nothing is changed."""
    if not settings:
        raise SettingError("nothing to set; write for example every=1s timeout=500ms")
    changed = list(probes)
    for key, text in settings.items():
        match = _key(key)
        if match is None:
            raise SettingError(f"{key}: {_known()}")
        places = range(len(probes)) if match[1] is None else [int(match[1]) - 1]
        for place in places:
            if place >= len(probes):
                raise SettingError(f"{key}: the check has {len(probes)} probe(s)")
            changed[place] = _change(changed[place], key, match[2], text)
    for probe in changed:
        if probe.timeout_ms > probe.every_ms:
            what = f"timeout ({probe.timeout_ms} ms) must not be longer than every"
            raise SettingError(f"{what} ({probe.every_ms} ms): set both")
    return changed


def _change(probe: ProbePlan, key: str, name: str, text: str) -> ProbePlan:
    match name:
        case "every":
            return replace(probe, every_ms=_duration_ms(key, text, EVERY_MIN_MS))
        case "timeout":
            return replace(probe, timeout_ms=_duration_ms(key, text, TIMEOUT_MIN_MS))
        case "window":
            return replace(probe, window_ms=_duration_ms(key, text, 0))
        case "fails":
            return replace(probe, fails=_count(key, text))
        case "rises":
            return replace(probe, rises=_count(key, text))
    raise SettingError(f"{key}: {_known()}")


def _count(key: str, text: str) -> int:
    is_number = text.isascii() and text.isdecimal() and len(text) <= DIGITS_MAX
    if not is_number or not 1 <= int(text) <= COUNT_MAX:
        raise SettingError(f"{key}={text}: needs a whole number from 1 to {COUNT_MAX}")
    return int(text)


def _duration_ms(key: str, text: str, lowest_ms: int) -> int:
    match = _duration(text)
    if match is None:
        raise SettingError(f"{key}={text}: needs a duration such as 500ms, 2s or 1m")
    ms = round(float(match[1]) * _UNITS[match[2]])
    if not lowest_ms <= ms <= DAY_MS:
        raise SettingError(f"{key}={text}: must be from {lowest_ms}ms to 24h")
    return ms


def _known() -> str:
    return f"unknown setting; known: {', '.join(KEYS)}, or 2.every for the second probe alone"
