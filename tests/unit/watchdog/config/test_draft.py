"""A fault in one table hides no fault of another."""

from pathlib import Path

import pytest

from tests.unit.watchdog.config.samples import GOOD, faults
from watchdog.config.draft import draft


def test_valid_tables_are_kept_beside_invalid_ones() -> None:
    """What is right can still be compared with what else is right."""
    made = draft({"cluster": {"name": "X"}, "nodes": {"a": {"address": "10.0.0.1"}}, "vip": 5})
    assert made.cluster is None
    assert made.hooks is not None
    assert list(made.nodes) == ["a"]
    assert made.nodes_are_valid
    assert len(made.faults) == 2


def test_one_wrong_node_makes_the_membership_unknown() -> None:
    """No rule about quorums may be applied to half a membership."""
    nodes = {"a": {"address": "10.0.0.1"}, "b": {"address": "x"}}
    made = draft({"cluster": {"name": "c"}, "nodes": nodes})
    assert list(made.nodes) == ["a"]
    assert not made.nodes_are_valid


@pytest.mark.parametrize("table", ["cluster", "hooks", "timing", "ipc", "nodes", "vip"])
def test_rules_between_tables_still_run_beside_other_faults(table: str, tmp_path: Path) -> None:
    """The address that two have is told in the same run as the wrong key elsewhere."""
    text = GOOD.replace("10.0.0.100/24", "10.0.0.11/24")
    entry = {"nodes": "[nodes.d]\naddress = 5", "vip": "[vip.x]\naddress = 5"}
    if f"[{table}]" in text and table not in entry:
        text = text.replace(f"[{table}]", f"[{table}]\nzzz = 1")
    else:
        text += entry.get(table, f"[{table}]\nzzz = 1") + "\n"
    found = "\n".join(faults(tmp_path, text))
    assert "10.0.0.11 is already the address of [nodes.alpha]" in found
    assert "zzz" in found or "needs a string" in found
