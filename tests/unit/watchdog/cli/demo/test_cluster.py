"""The configuration that the demo writes is one that the daemon accepts, with what was asked."""

from pathlib import Path

import pytest

from watchdog.cli.demo.cluster import Layout
from watchdog.config.load import examine

ADDRESSES = {"alpha": "10.77.0.11", "beta": "10.77.0.12", "gamma": "10.77.0.13"}
LAYOUTS = {
    "plain": Layout(ADDRESSES),
    "with VIPs": Layout(
        ADDRESSES, vips=("10.77.0.100/24", "fd77::100/64"), timing="fast", scheduling="rt"
    ),
    "with a witness": Layout(ADDRESSES, nodes={"gamma": 'role = "witness"'}),
    "with hooks": Layout(ADDRESSES, tables='[hooks]\nescalation = "/bin/true"'),
    "with more of the cluster": Layout(ADDRESSES, cluster='failback = "auto"', port=9100),
    "with a service": Layout(ADDRESSES, has_service=True),
    "with files of the node's own": Layout(
        ADDRESSES, tables='[check.x]\npidfile = "{home}/x.pid"\n'
    ),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_written_configuration_is_valid(name: str, tmp_path: Path) -> None:
    """Faults that are left are about files that this test does not make."""
    key = tmp_path / "key"
    key.write_bytes(bytes(range(100, 132)))
    key.chmod(0o600)
    file = tmp_path / "quorumdog.conf"
    text = LAYOUTS[name].text(key, tmp_path)
    file.write_text(text, encoding="utf-8")
    found = examine(str(file))
    assert not found.faults, [str(fault) for fault in found.faults]
    assert found.loaded is not None
    assert list(found.loaded.config.nodes) == list(ADDRESSES)
    assert found.loaded.config.cluster.timing == LAYOUTS[name].timing
    assert len(found.loaded.config.vip) == len(LAYOUTS[name].vips)
