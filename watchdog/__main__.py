"""`python -m watchdog`: the same as the command `quorumdog`."""

from watchdog.cli import main

if __name__ == "__main__":
    main(prog_name="quorumdog")
