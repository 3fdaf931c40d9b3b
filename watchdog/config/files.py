"""Files that the configuration names: the key, certificates and hooks, as they are on this machine.

Rule: a key that others can read or guess is refused; a program that will not run is a warning,
because the guardian checks it again when it matters.  The key's bytes are looked at and forgotten.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path as FilePath
from typing import Final

from watchdog.config.check_schema import (
    CommandProbe,
    DiskProbe,
    LogGrowthProbe,
    LogMatchProbe,
    Probe,
)
from watchdog.config.errors import Path, Problem, dotted
from watchdog.config.schema import Config

KEY_SIZE_MIN: Final = 32
KEY_SIZE_MAX: Final = 4096
KEY_VARIETY_MIN: Final = 16
"""Different byte values that 32 random bytes have at the very least (about 30)."""
CREDENTIAL: Final = "credential:"
CREDENTIALS_ENV: Final = "CREDENTIALS_DIRECTORY"
_MAKE_KEY: Final = "`quorumdog key gen FILE` makes one; copy it to every node"
_WORD_BYTES: Final = frozenset(range(0x20, 0x7F)) | frozenset(b"\t\r\n")


def key_file(value: str, env: Mapping[str, str]) -> str:
    """The path behind `authkey_file`: itself, or a credential that systemd handed over."""
    if not value.startswith(CREDENTIAL):
        return value
    return f"{env.get(CREDENTIALS_ENV, '')}/{value.removeprefix(CREDENTIAL)}"


def key_problems(config: Config, env: Mapping[str, str]) -> Iterator[Problem]:
    """What makes the authkey unusable."""
    path: Path = ("cluster", "authkey_file")
    value = config.cluster.authkey_file
    if value.startswith(CREDENTIAL) and not env.get(CREDENTIALS_ENV):
        yield Problem(
            path,
            f"`cluster.authkey_file` is {value}, but systemd has handed over no credentials",
            f"{CREDENTIALS_ENV} is not set",
            "add LoadCredential= to the unit, or name a file",
        )
        return
    file = key_file(value, env)
    loose = 0o027 if value.startswith(CREDENTIAL) else 0o077
    yield from _key_file_problems(path, file, loose)


def _key_file_problems(path: Path, file: str, loose: int) -> Iterator[Problem]:
    try:
        found = os.stat(file)  # noqa: PTH116 the errno is the message
    except OSError as error:
        what = f"the authkey {file} cannot be read: {error.strerror}"
        yield Problem(path, what, "nodes know each other by this key alone", _MAKE_KEY)
        return
    if not stat.S_ISREG(found.st_mode):
        yield Problem(path, f"the authkey {file} is no regular file", "", _MAKE_KEY)
        return
    mode = stat.S_IMODE(found.st_mode)
    if mode & loose:
        yield Problem(
            path,
            f"the authkey {file} has mode {mode:04o}, which lets others read or replace it",
            "whoever has the key is a node of the cluster",
            f"chmod 600 {file}",
        )
    if found.st_uid not in {0, os.geteuid()}:
        yield Problem(
            path,
            f"the authkey {file} belongs to user id {found.st_uid}",
            "its owner could exchange it",
            f"chown root {file}",
        )
    yield from _key_content(path, file)


def _key_content(path: Path, file: str) -> Iterator[Problem]:
    try:
        with FilePath(file).open("rb") as opened:
            key = opened.read(KEY_SIZE_MAX + 1)
    except OSError as error:
        what = f"the authkey {file} cannot be read: {error.strerror}"
        yield Problem(path, what, "", "run this as root, or as the user of the daemon")
        return
    why = "a stranger who connects once can try keys offline, so it must be beyond guessing"
    if not KEY_SIZE_MIN <= len(key) <= KEY_SIZE_MAX:
        size = f"{len(key)} bytes" if len(key) <= KEY_SIZE_MAX else f"over {KEY_SIZE_MAX} bytes"
        what = f"the authkey {file} has {size}; it needs {KEY_SIZE_MIN} to {KEY_SIZE_MAX}"
        yield Problem(path, what, why, _MAKE_KEY)
    elif _WORD_BYTES.issuperset(key) or len(set(key)) < KEY_VARIETY_MIN:
        what = f"the authkey {file} is text or a pattern, not random bytes"
        yield Problem(path, what, why, _MAKE_KEY)


def pki_problems(config: Config) -> Iterator[Problem]:
    """Certificate files that are missing, or a private key that others can read."""
    pki = config.cluster.pki
    if pki is None:
        return
    for name in ("ca", "cert", "key"):
        file = getattr(pki, name)
        path = ("cluster", "pki", name)
        try:
            mode = stat.S_IMODE(FilePath(file).stat().st_mode)
        except OSError as error:
            yield Problem(path, f"`cluster.pki.{name}` {file} cannot be read: {error.strerror}")
            continue
        if name == "key" and mode & 0o077:
            what = f"the private key {file} has mode {mode:04o}, which lets others use it"
            yield Problem(path, what, "whoever has it is this node", f"chmod 600 {file}")


def hook_warnings(config: Config) -> Iterator[Problem]:
    """Hooks that would not run on this machine, or that others could exchange."""
    for name in ("escalation", "de_escalation", "state_change"):
        argv = getattr(config.hooks, name)
        if argv is not None:
            path = ("hooks", name)
            yield from _program(path, f"the {name} hook {argv[0]}", argv[0], as_root=True)


def check_warnings(config: Config, node: str | None) -> Iterator[Problem]:
    """Programs of checks that would not run on this machine; a witness runs none."""
    if node is not None and config.nodes[node].role == "witness":
        return
    for name, check in config.check.items():
        if check.options.restart is not None:
            file = check.options.restart[0]
            what = f"[check.{name}] restart {file}"
            yield from _program(("check", name, "restart"), what, file, as_root=True)
        for probe in check.probes:
            if isinstance(probe.options, CommandProbe):
                file = probe.options.command[0]
                what = f"[{dotted(probe.path)}] command {file}"
                yield from _program((*probe.path, "command"), what, file, as_root=False)
            yield from _absent(probe)


def _absent(probe: Probe) -> Iterator[Problem]:
    """What has to be there for a probe to succeed, unlike the `file` of a file probe."""
    match probe.options:
        case DiskProbe(disk=place) | LogGrowthProbe(log_growth=place):
            pass
        case LogMatchProbe(log_match=place):
            pass
        case _:
            return
    try:
        FilePath(place).stat()
    except OSError as error:
        yield Problem(
            (*probe.path, probe.kind),
            f"[{dotted(probe.path)}] {probe.kind} {place}: {error.strerror}",
            "the probe fails on this machine until it is there",
            "correct the path, or make it before the daemon starts",
        )


def _program(path: Path, what: str, file: str, *, as_root: bool) -> Iterator[Problem]:
    try:
        found = FilePath(file).stat()
    except OSError as error:
        yield Problem(path, f"{what} cannot be run: {error.strerror}", "", "correct the path")
        return
    if not stat.S_ISREG(found.st_mode):
        yield Problem(path, f"{what} is no regular file", "", "name an executable file")
    elif not found.st_mode & 0o111:
        yield Problem(path, f"{what} is not executable", "", f"chmod 755 {file}")
    writable = _writable(FilePath(file)) if as_root else None
    if writable is not None:
        yield Problem(
            path,
            f"{what}: {writable} can be written by every user",
            "the guardian runs it as root, so it refuses to",
            f"chmod o-w {writable}",
        )


def _writable(file: FilePath) -> FilePath | None:
    """The file or the directory around it that everybody may write to (sticky ones aside)."""
    for place in (file, file.parent):
        mode = place.stat().st_mode
        if mode & stat.S_IWOTH and not (place != file and mode & stat.S_ISVTX):
            return place
    return None
