"""python -I -m watchdog.guardian --plan-fd N: what `quorumdog run` becomes."""

import sys

from watchdog.guardian.main import run

if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[1] != "--plan-fd":
        sys.exit("start it by `quorumdog run`; it needs --plan-fd N")
    sys.exit(run(int(sys.argv[2])))
