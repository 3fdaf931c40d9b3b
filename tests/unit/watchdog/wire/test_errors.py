"""The error of the wire names who and what."""

from watchdog.wire.errors import ProtocolError


def test_protocol_error_names_the_peer_and_the_fault() -> None:
    """Whoever counts it needs both apart, whoever prints it both in one line."""
    error = ProtocolError("beta", "frame of 0 bytes")
    assert (error.peer, error.what) == ("beta", "frame of 0 bytes")
    assert str(error) == "beta: frame of 0 bytes"
