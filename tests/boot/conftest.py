"""The installation that the tests of the unit boot, as for those of `make install`."""

from tests.system.conftest import stage as stage  # noqa: PLC0414 - a fixture by its name
