"""Kinds of values of checks and of the health port: endpoints, patterns, thresholds, reactions.

Rule: as in `values`: a reader returns what the plan carries, or refuses with what, why and a hint.
"""

import ipaddress
import math
import re
from collections.abc import Callable
from typing import Annotated, Final, NamedTuple
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from watchdog.config.values import (
    Kind,
    need_text,
    read_address,
    read_duration,
    read_node_address,
    refuse,
    shown,
)

PORT_MAX: Final = 65_535
HTTP_PORT: Final = 8780
PATTERN_SIZE_MAX: Final = 1_000
TEXT_SIZE_MAX: Final = 4_096
ITEMS_MAX: Final = 16
HANDICAP_MAX: Final = 1_000
EVERY_MIN_MS: Final = 50
BOUND_MIN_MS: Final = 10
ACCELERATORS: Final = ("process_connector", "exit_tracepoint", "exiting_poll")
"""Ways to learn of an exit earlier than a pidfd says it, quickest to be had first."""

_endpoint: Final = re.compile(r"(?:\[([^\[\]]+)\]|([^:\[\]]+)):(\d{1,5})").fullmatch
_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_is_host: Final = re.compile(rf"(?=.{{1,253}}$)(?:{_LABEL}\.)*{_LABEL}\.?").fullmatch
_is_unit: Final = re.compile(r"[A-Za-z0-9:_.@\\-]{1,240}\.(service|scope|slice)").fullmatch
_percent: Final = re.compile(r"(\d{1,3}(?:\.\d{1,2})?) ?%").fullmatch
_handicap: Final = re.compile(r"priority:-(\d{1,4})").fullmatch
_REACTIONS: Final = ("release", "veto", "restart", "report")


class Endpoint(NamedTuple):
    """Where to connect to, or to listen at."""

    host: str
    port: int


class Reaction(NamedTuple):
    """What a check that is DOWN asks for; `by` is how much `priority:-N` takes off."""

    kind: str
    by: int = 0


def read_endpoint(value: object) -> Endpoint:
    """`host:port`, with an IPv6 address in brackets."""
    text = need_text(value)
    match = _endpoint(text)
    if match is None:
        refuse(f"is no host:port: {text!r}", *_about_endpoint(text))
    host, port = match[1] or match[2], int(match[3])
    if not 1 <= port <= PORT_MAX:
        refuse(f"has no port between 1 and {PORT_MAX}: {text!r}")
    return Endpoint(_host(host, text, in_brackets=match[1] is not None), port)


def _about_endpoint(text: str) -> tuple[str, str]:
    """Why, and what to type instead."""
    if text.count(":") > 1 and not text.startswith("["):
        head, _, last = text.rpartition(":")
        why = "the colons of an IPv6 address would hide the port"
        return why, f"write [{head}]:{last}, or whatever is address and port"
    if ":" not in text or text.endswith("]"):
        return "nobody could guess the port", f"write {text}:5432, or whatever the port is"
    return "", "write for example 127.0.0.1:5432 or [::1]:5432"


def _host(host: str, text: str, *, in_brackets: bool) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if address is None and (in_brackets or not _is_host(host) or _looks_like_ipv4(host)):
        hint = "write an address or a host name: 127.0.0.1:5432, [::1]:5432, db.example.org:5432"
        refuse(f"names no host: {text!r}", "", hint)
    return host if address is None else address.compressed


def _looks_like_ipv4(host: str) -> bool:
    return all(part.isdigit() for part in host.split("."))


def read_listen(value: object) -> Endpoint:
    """`address:port` of our own."""
    if isinstance(value, int) or (isinstance(value, str) and ":" not in value):
        port, host = (value, "127.0.0.1") if str(value).isdigit() else (HTTP_PORT, value)
        refuse(f"is no address:port: {value!r}", "it needs both", f'write "{host}:{port}"')
    endpoint = read_endpoint(value)
    return Endpoint(read_address(endpoint.host), endpoint.port)


def read_url(value: object) -> str:
    """An http or https URL without a password in it."""
    text = need_text(value)
    hint = "write for example http://127.0.0.1:8008/health"
    if len(text) > TEXT_SIZE_MAX or not text.isascii() or " " in text or "\\" in text:
        refuse("is no URL: it has blanks, letters beyond ASCII, or is far too long", "", hint)
    try:
        url = urlsplit(text)
        port, host = url.port, url.hostname
    except ValueError as error:
        refuse(f"is no URL: {text!r}: {error}", "", hint)
    if url.scheme not in {"http", "https"}:
        refuse(f"is no http or https URL: {text!r}", "only these two are spoken", hint)
    if url.username is not None or url.password is not None:
        refuse(
            "has a user name in it (not shown, in case there is a password)",
            "secrets never stand in the configuration",
            "ask a page that needs no password, or use a `command` probe",
        )
    if url.fragment or "#" in text:
        refuse(f"has a part that no server ever sees: {text!r}", "", "remove # and what follows")
    if not host or port == 0:
        refuse(f"names no host: {text!r}", "", hint)
    return text


def read_regex(value: object) -> str:
    """A regular expression of Python's `re`, in which ^ and $ are the ends of a line."""
    if not isinstance(value, str):
        refuse(f"needs a regular expression, found {shown(value)}", "", 'write it in quotes: "^OK"')
    if not value:
        refuse("is empty", "an empty expression is found everywhere", 'write for example "^OK"')
    if len(value) > PATTERN_SIZE_MAX:
        refuse(f"has {len(value)} characters; at most {PATTERN_SIZE_MAX} are searched for")
    try:
        re.compile(value, re.MULTILINE)
    except (re.error, OverflowError, RecursionError) as error:
        hint = r"in single quotes a backslash is only a backslash: '^\d+ rows'"
        refuse(f"is no regular expression: {value!r}: {error}", "", hint)
    return value


def read_send(value: object) -> str:
    """What is sent after connecting; line ends and the like are wanted here."""
    if not isinstance(value, str):
        refuse(f"needs a string, found {shown(value)}", hint=r'write it in quotes: "PING\r\n"')
    if not value or len(value) > TEXT_SIZE_MAX:
        refuse(f"has {len(value)} characters; 1 to {TEXT_SIZE_MAX} can be sent")
    return value


def read_prefixes(value: object) -> tuple[str, ...]:
    """One beginning of a command line, or several."""
    found = tuple(need_text(item) for item in _items(value, "a command line's beginning"))
    if any(not item.strip() for item in found):
        refuse(
            "has a blank text in it",
            "every process of the machine begins with nothing",
            "write the path of the program, as `ps -eo args` shows it",
        )
    if any(len(item) > TEXT_SIZE_MAX for item in found):
        refuse(f"is too long: at most {TEXT_SIZE_MAX} characters")
    return found


def read_addresses(value: object) -> tuple[str, ...]:
    """One address to ping, or several; one answer is enough."""
    return tuple(read_node_address(item) for item in _items(value, "an address"))


def read_statuses(value: object) -> tuple[int, ...]:
    """One status code of HTTP, or several."""
    found = [value] if isinstance(value, int) else value
    if not isinstance(found, list) or not 1 <= len(found) <= ITEMS_MAX:
        refuse(f"needs a status code or an array of them, found {shown(value)}", "", "write 200")
    for item in found:
        if not isinstance(item, int) or isinstance(item, bool) or not 100 <= item <= 599:
            refuse(f"has no status code of HTTP: {shown(item)}", "", "write for example [200, 204]")
    return tuple(found)


def _items(value: object, what: str) -> list[object]:
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list):
        refuse(f"needs {what} or an array of them, found {shown(value)}", "", "write it in quotes")
    if not 1 <= len(items) <= ITEMS_MAX:
        refuse(f"has {len(items)} entries; there may be 1 to {ITEMS_MAX}")
    return items


def read_percent(value: object) -> float:
    """`90%`: above 0, at most 100."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        refuse(f"has no percent sign: {value}", "0.9 could mean 90 %", f'write "{value:g}%"')
    match = _percent(need_text(value).strip())
    if match is None or not 0 < float(match[1]) <= 100:
        refuse(f"is no percentage: {value!r}", "", 'write for example "90%"')
    return float(match[1])


def read_load(value: object) -> float:
    """A load average; a number above 0."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        refuse(f"needs a number, found {shown(value)}", "", "write for example 8.0")
    if not math.isfinite(value) or not 0 < value <= 1_000_000:
        refuse(f"is no load average: {value}", "", "write for example 8.0")
    return float(value)


def read_unit(value: object) -> str:
    """The name of a systemd unit that has processes."""
    text = need_text(value)
    if not _is_unit(text):
        bare = bool(text) and _is_unit(f"{text}.service") and "." not in text
        hint = f"write {text}.service" if bare else "see `systemctl list-units`"
        refuse(
            f"is no unit with processes: {text!r}", "it ends in .service, .scope or .slice", hint
        )
    return text


def read_reaction(value: object) -> Reaction:
    """`release`, `veto`, `priority:-N`, `restart` or `report`."""
    text = need_text(value)
    if text in _REACTIONS:
        return Reaction(text)
    match = _handicap(text)
    if match is None or not 1 <= int(match[1]) <= HANDICAP_MAX:
        hint = f"choose one of {', '.join(_REACTIONS)}, priority:-N"
        if text.startswith("priority"):
            hint = f"write for example priority:-2; N is 1 to {HANDICAP_MAX}"
        refuse(f"is nothing that a check can do: {text!r}", "", hint)
    return Reaction("priority", int(match[1]))


def read_accelerators(value: object) -> tuple[str, ...]:
    """Some of ACCELERATORS, or none of them."""
    if not isinstance(value, list):
        refuse(f"needs an array, found {shown(value)}", "", "write [] for none of them")
    for item in value:
        if item not in ACCELERATORS:
            refuse(f"has {shown(item)} in it", "", f"there are: {', '.join(ACCELERATORS)}")
    return tuple(name for name in ACCELERATORS if name in value)


def _at_least(least_ms: int, why: str) -> Callable[[int], int]:
    def check(value: int) -> int:
        if value < least_ms:
            refuse(f"is too short: {value}ms", why, f'write "{least_ms}ms" or more')
        return value

    return check


Endpoints = Annotated[Endpoint, Kind("host:port"), BeforeValidator(read_endpoint)]
Listen = Annotated[Endpoint, Kind("address:port"), BeforeValidator(read_listen)]
Url = Annotated[str, Kind("URL"), BeforeValidator(read_url)]
Regex = Annotated[str, Kind("regular expression"), BeforeValidator(read_regex)]
Sent = Annotated[str, Kind("text"), BeforeValidator(read_send)]
Prefixes = Annotated[tuple[str, ...], Kind("string or array"), BeforeValidator(read_prefixes)]
Targets = Annotated[tuple[str, ...], Kind("address or array"), BeforeValidator(read_addresses)]
Statuses = Annotated[tuple[int, ...], Kind("integer or array"), BeforeValidator(read_statuses)]
Percent = Annotated[float, Kind("percentage"), BeforeValidator(read_percent)]
Load = Annotated[float, Kind("number"), BeforeValidator(read_load)]
Unit = Annotated[str, Kind("unit"), BeforeValidator(read_unit)]
OnFail = Annotated[
    Reaction,
    Kind("release | veto | priority:-N | restart | report"),
    BeforeValidator(read_reaction),
]
Accelerators = Annotated[
    tuple[str, ...], Kind("array of accelerators"), BeforeValidator(read_accelerators)
]
Count = Annotated[int, Kind("integer 1-100"), Field(ge=1, le=100)]
Every = Annotated[
    int,
    Kind("duration"),
    BeforeValidator(read_duration),
    AfterValidator(_at_least(EVERY_MIN_MS, "a check must not become the machine's load itself")),
]
Bound = Annotated[
    int,
    Kind("duration"),
    BeforeValidator(read_duration),
    AfterValidator(_at_least(BOUND_MIN_MS, "nothing could ever answer within it")),
]
