"""Kinds of values in the file: how each is written, read and refused.

Rule: a reader takes what TOML gave and returns the value inside the daemon (durations as ms), or
raises a PydanticCustomError with what, why and a hint.  Nothing is converted silently: a number
without a unit is refused, because 200 could be milliseconds or seconds.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated, Final, NoReturn

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

STRICT: Final = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)
ERROR: Final = "quorumdog"
DURATION_MAX_MS: Final = 24 * 60 * 60 * 1000
ARGS_MAX: Final = 32
ARG_SIZE_MAX: Final = 4096

_is_name: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}").fullmatch
_duration: Final = re.compile(r"(\d{1,12}(?:\.\d{1,6})?) ?(ms|s|m|h)").fullmatch
_is_interface: Final = re.compile(r"[^\s/:]{1,15}").fullmatch
_UNITS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}


@dataclass(frozen=True, slots=True)
class Kind:
    """The word by which documentation and messages call a kind of value."""

    word: str


def refuse(what: str, why: str = "", hint: str = "") -> NoReturn:
    """Raise the error that `translate` turns into a fault."""
    raise PydanticCustomError(ERROR, "{what}", {"what": what, "why": why, "hint": hint})


def type_word(value: object) -> str:
    """What a TOML value is called by people who write TOML."""
    words = {bool: "boolean", int: "integer", float: "float", str: "string"}
    words |= {list: "array", dict: "table"}
    return words.get(type(value), "date or time")


def shown(value: object) -> str:
    """A value as a message shows it: short, and with its type."""
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    text = text if len(text) <= 60 else text[:57] + "..."
    return f"the {type_word(value)} {text}"


def need_text(value: object) -> str:
    """A TOML string without control characters."""
    if not isinstance(value, str):
        refuse(f"needs a string, found {shown(value)}", hint=f'write it in quotes: "{value}"')
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in value):
        refuse(f"contains a control character: {value!r}")
    return value


def read_duration(value: object) -> int:
    """`200ms`, `2s`, `1.5s`, `1m`, `1h` as whole milliseconds."""
    why = "a number alone does not say whether it means seconds or milliseconds"
    if isinstance(value, int | float) and not isinstance(value, bool):
        refuse(f"has no unit: {value}", why, f'write "{value}ms" or "{value}s"')
    if not isinstance(value, str):
        refuse(f"needs a duration, found {shown(value)}", hint='write for example "200ms" or "2s"')
    match = _duration(value.strip())
    if match is None:
        refuse(f"is no duration: {value!r}", hint='write for example "200ms", "1.5s", "2m" or "1h"')
    ms = float(match[1]) * _UNITS[match[2]]
    if ms != int(ms):
        refuse(f"is finer than a millisecond: {value!r}", hint="round it to whole milliseconds")
    if ms > DURATION_MAX_MS:
        refuse(f"is longer than a day: {value!r}", hint='the longest duration is "24h"')
    return int(ms)


def format_ms(ms: int) -> str:
    """Milliseconds the way people write them, so that `read_duration` gives the same back."""
    for unit in ("h", "m", "s"):
        if ms and ms % _UNITS[unit] == 0:
            return f"{ms // _UNITS[unit]}{unit}"
    return f"{ms}ms"


def read_pair(value: object) -> tuple[int, int]:
    """`["50ms", "150ms"]`: the shortest and the longest."""
    if not isinstance(value, list) or len(value) != 2:
        refuse(
            f"needs a pair of durations, found {shown(value)}",
            "a random wait between the two keeps candidates apart",
            'write for example ["50ms", "150ms"]',
        )
    return read_duration(value[0]), read_duration(value[1])


def check_name(value: str) -> str:
    """A name that is safe in certificates, paths, logs and state records."""
    if not _is_name(value):
        refuse(
            f"is no valid name: {value!r}",
            "names stand in certificates, file names and messages between nodes",
            "use 1 to 63 characters of a-z 0-9 _ . - and begin with a letter or digit",
        )
    return value


def read_address(value: object) -> str:
    """An IPv4 or IPv6 address literal, in its short form."""
    text = need_text(value)
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        refuse(
            f"is no IP address: {text!r}",
            "names are not resolved: an election must not wait for DNS",
            "write the address itself, such as 10.0.0.11 or fd00::11",
        )
    if getattr(address, "scope_id", None) or address.is_multicast:
        refuse(f"is no address of one machine: {text!r}", hint="write a unicast address, no %zone")
    return address.compressed


def read_node_address(value: object) -> str:
    """An address that other machines can dial."""
    text = read_address(value)
    if ipaddress.ip_address(text).is_unspecified:
        refuse(
            f"is no address of one machine: {text!r}",
            "the other nodes dial it and the local node is found by it",
            "write the node's own address; `listen` in [cluster] says where it listens",
        )
    return text


def read_vip(value: object) -> str:
    """`10.0.0.100/24`: an address with the prefix length of its network."""
    text = need_text(value)
    if "/" not in text:
        refuse(
            f"has no prefix length: {text!r}",
            "the kernel needs to know which network the address belongs to",
            f"write {text}/24, or whatever the network of the interface has",
        )
    try:
        interface = ipaddress.ip_interface(text)
    except ValueError:
        refuse(f"is no address with prefix: {text!r}", hint="write 10.0.0.100/24 or fd00::100/64")
    address, network = interface.ip, interface.network
    edges = {network.network_address}
    edges |= {network.broadcast_address} if address.version == 4 else set()
    if address.is_multicast or address.is_unspecified or getattr(address, "scope_id", None):
        refuse(f"cannot be a virtual address: {text!r}", hint="write a unicast address, no %zone")
    if network.num_addresses > 2 and address in edges:
        refuse(
            f"is the address of the network itself: {text!r}",
            "the first and the last address of a network belong to no machine",
            "write one between them, or the right prefix length",
        )
    return f"{address.compressed}/{network.prefixlen}"


def read_interface(value: object) -> str:
    """The name of a network interface: 1 to 15 characters, as the kernel wants it."""
    text = need_text(value)
    if not _is_interface(text) or text in {".", ".."}:
        refuse(
            f"is no interface name: {text!r}",
            "the kernel allows 1 to 15 characters without blanks, slashes and colons",
            "`ip -br link` lists the interfaces",
        )
    return text


def read_path(value: object) -> str:
    """An absolute path: the daemon's working directory is nobody's business."""
    text = need_text(value)
    if not text.startswith("/"):
        refuse(
            f"is no absolute path: {text!r}",
            "the daemon may be started from any directory",
            f"write it from the root: /etc/quorumdog/{text.removeprefix('./')}" if text else "",
        )
    return text


def read_key_path(value: object) -> str:
    """An absolute path, or `credential:NAME` for a credential that systemd hands over."""
    text = need_text(value)
    if text.startswith("credential:"):
        check_name(text.removeprefix("credential:"))
        return text
    if not text.startswith("/"):
        refuse(
            "is no absolute path (not shown, in case it is the key itself)",
            "a key never stands in the configuration, the environment or a command line",
            "write the path of a file made by `quorumdog key gen`, or credential:NAME",
        )
    return text


def read_command(value: object) -> tuple[str, ...]:
    """The argv of a program: a path, or an array of path and arguments; there is no shell."""
    why = "it is started without a shell, so nothing splits or expands a string"
    if isinstance(value, str):
        if " " in value or "\t" in value:
            parts = ", ".join(f'"{part}"' for part in value.split())
            refuse(f"has blanks: {value!r}", why, f"write path and arguments apart: [{parts}]")
        return (read_path(value),)
    if not isinstance(value, list) or not value:
        refuse(
            f"needs a path or an array, found {shown(value)}", why, 'write ["/path", "argument"]'
        )
    words = [need_text(word) for word in value]
    if len(words) > ARGS_MAX or any(len(word) > ARG_SIZE_MAX for word in words):
        refuse(f"is too long: at most {ARGS_MAX} words of {ARG_SIZE_MAX} characters")
    return (read_path(words[0]), *words[1:])


Text = Annotated[str, Kind("string"), BeforeValidator(need_text)]
Name = Annotated[str, Kind("name"), BeforeValidator(need_text), AfterValidator(check_name)]
Duration = Annotated[int, Kind("duration"), BeforeValidator(read_duration)]
DurationPair = Annotated[tuple[int, int], Kind("pair of durations"), BeforeValidator(read_pair)]
Address = Annotated[str, Kind("address"), BeforeValidator(read_address)]
NodeAddress = Annotated[str, Kind("address"), BeforeValidator(read_node_address)]
VipAddress = Annotated[str, Kind("address/prefix"), BeforeValidator(read_vip)]
Interface = Annotated[str, Kind("interface"), BeforeValidator(read_interface)]
FilePath = Annotated[str, Kind("path"), BeforeValidator(read_path)]
KeyPath = Annotated[str, Kind("path"), BeforeValidator(read_key_path)]
Command = Annotated[tuple[str, ...], Kind("command"), BeforeValidator(read_command)]
Port = Annotated[int, Kind("integer 1-65535"), Field(ge=1, le=65_535)]
Uids = Annotated[list[Annotated[int, Field(ge=0, lt=2**32 - 1)]], Kind("array of user ids")]
