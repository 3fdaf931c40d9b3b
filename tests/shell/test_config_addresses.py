"""The kernel's own answer to which addresses this machine has."""

from watchdog.config.addresses import machine_addresses


def test_this_machine_has_its_loopback_address() -> None:
    """The one address that every machine has."""
    assert "127.0.0.1" in machine_addresses()
