"""Removes the VIPs of the configuration, then the kernel's gate: run when the daemon has ended.

Rule: what is not running holds no VIP.  An ordinary stop has removed them already; this is for a
guardian that was killed.  The gate goes last, and only once no VIP is left: until then it is what
keeps them silent.  Reads only the `[vip]` tables and `data_dir`, so that a configuration which was
broken by the edit before a restart is still cleaned up after.  VIPs need nothing but `ip`.
"""

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

DEFAULT_DATA_DIR = "/var/lib/quorumdog"
DEFAULT_FILE = "/etc/quorumdog/quorumdog.conf"
SECONDS_MAX = 5


def read(file: str) -> dict[str, object]:
    """The configuration; ValueError when the file is no TOML."""
    return tomllib.loads(Path(file).read_text(encoding="utf-8"))


def vips(config: dict[str, object]) -> Iterator[tuple[str, str]]:
    """(address with prefix, interface) of each VIP."""
    tables = config.get("vip", {})
    for table in tables.values() if isinstance(tables, dict) else ():
        if isinstance(table, dict) and {"address", "interface"} <= table.keys():
            yield str(table["address"]), str(table["interface"])


def holds(address: str, interface: str) -> bool:
    """Whether the interface has the address."""
    shown = subprocess.run(
        ["ip", "-o", "address", "show", "dev", interface, "to", address.partition("/")[0]],
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    return bool(shown.stdout.strip())


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
        print(f"clear_vips: {file}: {error}; no VIP was looked for", file=sys.stderr)
        return 1
    found = list(vips(config))
    left = 0
    for address, interface in found:
        if not holds(address, interface):
            continue
        subprocess.run(
            ["ip", "address", "del", address, "dev", interface], timeout=SECONDS_MAX, check=False
        )
        gone = not holds(address, interface)
        left += not gone
        word = "removed" if gone else "COULD NOT REMOVE"
        print(f"clear_vips: {word} {address} from {interface}", file=sys.stderr)
    if left or not found:
        return 1 if left else 0
    fault = clear_gate(config)
    if fault:
        print(f"clear_vips: the gate is left, closed: {fault}", file=sys.stderr)
    return 1 if fault else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else DEFAULT_FILE))
