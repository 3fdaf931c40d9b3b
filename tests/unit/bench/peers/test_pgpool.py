"""What the pgpool watchdog is told."""

from bench.peers import pgpool

ADDRESSES = {"alpha": "10.77.0.11", "beta": "10.77.0.12", "gamma": "10.77.0.13"}


def test_pgpool_is_told_all_nodes() -> None:
    """The file is the same on each but for the folder; a small file says which it is."""
    text = pgpool.text(ADDRESSES, "/home", pgpool.DEFAULT)
    assert "wd_heartbeat_deadtime = 30" in text
    assert "hostname2 = '10.77.0.13'" in text
    assert "heartbeat_hostname2 = '10.77.0.13'" in text
    assert "trusted_servers" not in text
