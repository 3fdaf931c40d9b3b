"""The service that the demo's nodes watch: a real process, one in the namespace of each node.

`python -m watchdog.cli.demo.service NODE PIDFILE [VIP]` answers on the VIP with its node's name
(see `client.Service`) until it is killed, which is what the demo does to it.
"""

import os
import select
import sys
from pathlib import Path

from watchdog.cli.demo.client import Service


def main() -> None:
    """Entry of the process."""
    node, pidfile, *vips = sys.argv[1:]
    services = [Service(vip, node) for vip in vips]
    fresh = Path(f"{pidfile}.new")
    fresh.write_text(f"{os.getpid()}\n", encoding="ascii")
    fresh.replace(pidfile)
    while True:
        for service in select.select(services, [], [])[0]:
            service.answer()


if __name__ == "__main__":
    main()
