"""Removes the VIPs of the configuration from this machine: run by systemd when the daemon ended.

Rule: what is not running holds no VIP.  An ordinary stop has removed them already; this is for a
guardian that was killed.  Reads only the `[vip]` tables, so that a configuration which was broken
by the edit before a restart is still cleaned up after.  Needs nothing but Python and `ip`.
"""

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

DEFAULT_FILE = "/etc/quorumdog/quorumdog.conf"
SECONDS_MAX = 5


def vips(file: str) -> Iterator[tuple[str, str]]:
    """(address with prefix, interface) of each VIP; ValueError when the file is no TOML."""
    tables = tomllib.loads(Path(file).read_text(encoding="utf-8")).get("vip", {})
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


def main(file: str) -> int:
    """Clear them all; 0 when none is left."""
    try:
        found = list(vips(file))
    except (OSError, ValueError) as error:
        print(f"clear_vips: {file}: {error}; no VIP was looked for", file=sys.stderr)
        return 1
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
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else DEFAULT_FILE))
