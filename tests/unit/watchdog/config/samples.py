"""Configurations that many of these tests start from."""

from pathlib import Path

from watchdog.config.load import Examined, Loaded, examine, load

GOOD = """\
[cluster]
name = "pg-prod"
[nodes]
alpha = { address = "10.0.0.11", priority = 3 }
beta = { address = "10.0.0.12" }
gamma = { address = "10.0.0.13", role = "witness" }
[vip.db]
address = "10.0.0.100/24"
interface = "eth0"
"""
"""Three nodes and a VIP; nine lines."""


def written(folder: Path, text: str) -> str:
    """Write `text` as a configuration and return its path."""
    file = folder / "quorumdog.conf"
    file.write_text(text, encoding="utf-8")
    return str(file)


def examined(folder: Path, text: str, env: dict[str, str] | None = None) -> Examined:
    """What `check` would see in `text`."""
    return examine(written(folder, text), env=env)


def loaded(folder: Path, text: str = GOOD, env: dict[str, str] | None = None) -> Loaded:
    """`text` as a valid configuration."""
    return load(written(folder, text), env=env)


def faults(folder: Path, text: str) -> list[str]:
    """Every fault of `text` as `line: text`, without the file's name."""
    found = examined(folder, text)
    return [str(fault).removeprefix(f"{folder}/quorumdog.conf:") for fault in found.faults]
