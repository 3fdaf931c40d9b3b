"""Starts the real guardian with the scripted node process: launcher.py PLAN_FILE RELAY SOCKET."""

import os
import sys

from watchdog.guardian.main import run

if __name__ == "__main__":
    plan, relay, path = sys.argv[1:]
    sys.exit(run(os.open(plan, os.O_RDONLY), [sys.executable, "-I", relay, path]))
