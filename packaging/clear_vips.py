"""Removes the VIPs of the configuration, then the kernel's gate: run when the daemon has ended.

Rule: what is not running holds no VIP.  An ordinary stop has removed them already; this is for a
guardian that was killed.  The gate goes last, and only once no VIP is on any interface for sure:
until then it is what keeps them silent.  Reads only the addresses in the `[vip]` tables and
`data_dir`, so that a configuration which was broken by the edit before a restart is still cleaned
up after.  VIPs need nothing but `ip`.
"""

import contextlib
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

DEFAULT_DATA_DIR = "/var/lib/quorumdog"
DEFAULT_FILE = "/etc/quorumdog/quorumdog.conf"
SECONDS_MAX = 5
LOOKS_MAX = 3


def say(text: str) -> None:
    """For the journal of the unit."""
    print(f"clear_vips: {text}", file=sys.stderr)


def read(file: str) -> dict[str, object]:
    """The configuration; ValueError when the file is no TOML."""
    return tomllib.loads(Path(file).read_text(encoding="utf-8"))


def vips(config: dict[str, object]) -> Iterator[str]:
    """Address of each VIP, without its prefix."""
    tables = config.get("vip", {})
    for table in tables.values() if isinstance(tables, dict) else ():
        if isinstance(table, dict) and "address" in table:
            yield str(table["address"]).partition("/")[0]


def ip(*words: str) -> str:
    """Run `ip`; what it prints. Raises OSError when it fails, hangs, or cannot be run.

    InterruptedError: it complains but does not fail, as it does of a list that changed under it.
    """
    try:
        done = subprocess.run(
            ["ip", *words],
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=SECONDS_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise OSError(f"`ip` has not ended within {SECONDS_MAX} s") from None
    if done.returncode:
        raise OSError(f"`ip` has failed ({done.returncode}): {done.stderr.strip()}")
    if done.stderr.strip():
        raise InterruptedError(f"`ip` says {done.stderr.strip()!r}")
    return done.stdout


def show(address: str) -> str:
    """What `ip` shows of an address; a list that something may be missing from is none."""
    for _ in range(LOOKS_MAX - 1):
        with contextlib.suppress(InterruptedError):
            return ip("-o", "address", "show", "to", address)
    return ip("-o", "address", "show", "to", address)


def places(address: str) -> list[tuple[str, str]]:
    """(interface, address with prefix) of wherever it is on this machine. Raises OSError.

    All interfaces are asked: the configured one may have been renamed.
    """
    found = []
    for line in show(address).splitlines():
        words = line.split()
        if len(words) < 4:
            raise OSError(f"`ip` says {line!r}")
        found.append((words[1], words[3]))
    return found


def remove(address: str, interface: str) -> str:
    """Take an address off an interface; what `ip` said against it."""
    try:
        ip("address", "del", address, "dev", interface)
    except OSError as error:
        return f": {error}"
    return ""


def clear(address: str) -> bool:
    """Remove a VIP from whichever interface has it; whether it is gone for sure."""
    try:
        held = places(address)
        faults = [remove(shown, interface) for interface, shown in held]
        left = places(address) if held else []
    except OSError as error:
        say(f"CANNOT TELL whether {address} is still there: {error}")
        return False
    for place, fault in zip(held, faults, strict=True):
        interface, shown = place
        if place in left:
            say(f"COULD NOT REMOVE {shown} from {interface}{fault}")
        else:
            say(f"removed {shown} from {interface}")
    return not left


def data_dir(config: dict[str, object]) -> str:
    """The data directory, which tells one daemon's things in the kernel from another's."""
    cluster = config.get("cluster", {})
    folder = cluster.get("data_dir") if isinstance(cluster, dict) else None
    return folder if isinstance(folder, str) else DEFAULT_DATA_DIR


def clear_gate(config: dict[str, object]) -> str:
    """Remove the gate's tables; what is wrong."""
    try:
        # A VIP goes without them.
        from watchdog.guardian.folders import tag_of  # noqa: PLC0415
        from watchdog.guardian.gate import clear  # noqa: PLC0415
    except ImportError as error:
        return f"{error}; `nft list tables` shows what is left of the gate"
    return clear(tag_of(data_dir(config)))


def main(file: str) -> int:
    """Clear them all; 0 when none is left."""
    try:
        config = read(file)
    except (OSError, ValueError) as error:
        say(f"{file}: {error}; no VIP was looked for")
        return 1
    addresses = list(dict.fromkeys(vips(config)))
    kept = [address for address in addresses if not clear(address)]
    if kept:
        say(f"the gate is kept for {', '.join(kept)}: its lease lapses by itself, so it is closed")
        return 1
    fault = clear_gate(config) if addresses else ""
    if fault:
        say(f"the gate is left, closed: {fault}")
    return 1 if fault else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else DEFAULT_FILE))
