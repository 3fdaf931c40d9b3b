"""Entry of the observing process; nothing imports it, so that it can be run by its name."""

from watchdog.cli.demo.outside import main

if __name__ == "__main__":
    main()
