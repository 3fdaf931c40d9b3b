"""The file against the stored membership: run, run with the stored one, or refuse."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.watchdog.config.samples import GOOD, loaded
from watchdog.config.errors import ConfigError
from watchdog.config.membership import compare, read_addresses, reconcile, write_addresses
from watchdog.config.numbers import members_digest
from watchdog.config.plan import resolve

STORED = (("alpha", 1), ("beta", 1), ("gamma", 1))
ADDRESSES = {"alpha": "10.0.0.11", "beta": "10.0.0.12", "gamma": "10.0.0.13"}
DELTA = 'delta = { address = "10.0.0.14" }\n'
BETA = 'beta = { address = "10.0.0.12" }\n'
GAMMA = 'gamma = { address = "10.0.0.13", role = "witness" }\n'


def plan(folder: Path, text: str = GOOD, *, accept: bool = False) -> dict[str, Any]:
    """The plan of alpha."""
    return resolve(loaded(folder, text), "alpha", accept_membership=accept)


def test_same_membership_runs_as_it_is(tmp_path: Path) -> None:
    """The ordinary start."""
    made = plan(tmp_path)
    assert reconcile(made, STORED, ADDRESSES) == (made, None)


def test_fresh_node_takes_the_membership_of_the_file(tmp_path: Path) -> None:
    """Nothing is stored yet."""
    made = plan(tmp_path)
    assert reconcile(made, None, {}) == (made, None)


def test_file_that_only_adds_runs_with_the_stored_membership(tmp_path: Path) -> None:
    """An edit that was only copied yet must not change a quorum on one node alone."""
    made = plan(tmp_path, GOOD.replace(GAMMA, GAMMA + DELTA))
    found, alarm = reconcile(made, STORED, ADDRESSES)
    part = found["node_process"]
    assert [member["name"] for member in part["members"]] == ["alpha", "beta", "gamma"]
    assert part["digest"] == members_digest(bytes.fromhex(found["cluster_id"]), STORED).hex()
    assert part["digest"] == plan(tmp_path)["node_process"]["digest"]
    assert alarm is not None
    assert "delta is in the file, but not stored" in alarm
    assert "run --accept-membership" in alarm


def test_file_that_only_reweighs_runs_with_the_stored_weights(tmp_path: Path) -> None:
    """A tie-breaker is a change of weights."""
    made = plan(tmp_path, GOOD.replace("[nodes]", 'tie_breaker = "beta"\n[nodes]'))
    found, alarm = reconcile(made, STORED, ADDRESSES)
    assert [member["weight"] for member in found["node_process"]["members"]] == [1, 1, 1]
    assert alarm is not None
    assert "beta is stored with weight 1, the file gives 3" in alarm


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (GAMMA, "", "gamma is stored, but not in the file"),
        (BETA, DELTA, "beta is stored, but not in the file"),
        ("10.0.0.12", "10.0.0.22", "beta is stored at 10.0.0.12, the file has 10.0.0.22"),
    ],
    ids=["dropped", "replaced", "moved"],
)
def test_file_that_drops_or_moves_a_member_is_refused(
    old: str, new: str, sentence: str, tmp_path: Path
) -> None:
    """Two lists that differ so can have two disjoint quorums."""
    made = plan(tmp_path, GOOD.replace(old, new))
    with pytest.raises(ConfigError) as caught:
        reconcile(made, STORED, ADDRESSES)
    assert caught.value.exit_code == 2
    assert sentence in str(caught.value)
    assert "run --accept-membership" in str(caught.value)


def test_accepting_takes_the_file_as_it_is(tmp_path: Path) -> None:
    """The operator has said so on this node; the core keeps the old list until it is safe."""
    made = plan(tmp_path, GOOD.replace("10.0.0.12", "10.0.0.22"), accept=True)
    assert reconcile(made, STORED, ADDRESSES) == (made, None)


def test_accepting_may_not_drop_a_quorum_of_the_old_members(tmp_path: Path) -> None:
    """They would never accept, so that this node would wait for ever."""
    text = GOOD.replace(BETA, DELTA).replace(GAMMA, GAMMA.replace("gamma", "epsilon"))
    with pytest.raises(ConfigError, match="drops beta, gamma at once, a quorum of the stored"):
        reconcile(plan(tmp_path, text, accept=True), STORED, ADDRESSES)
    fewer = plan(tmp_path, GOOD.replace(BETA, DELTA), accept=True)
    assert reconcile(fewer, STORED, ADDRESSES) == (fewer, None)


def test_move_goes_unnoticed_only_when_no_address_is_remembered(tmp_path: Path) -> None:
    """The addresses are no part of the vote; they only serve to ask back."""
    made = plan(tmp_path, GOOD.replace("10.0.0.12", "10.0.0.22"))
    assert reconcile(made, STORED, {}) == (made, None)


def test_difference_lists_everything(tmp_path: Path) -> None:
    """Each line is one difference."""
    made = plan(tmp_path, GOOD.replace(GAMMA, GAMMA + DELTA).replace("10.0.0.11", "10.0.0.21"))
    stored = (("alpha", 2), ("omega", 1))
    difference = compare(made["node_process"]["members"], stored, ADDRESSES)
    assert difference.lines() == [
        "omega is stored, but not in the file",
        "alpha is stored at 10.0.0.11, the file has 10.0.0.21",
        "alpha is stored with weight 2, the file gives 1",
        "beta is in the file, but not stored",
        "gamma is in the file, but not stored",
        "delta is in the file, but not stored",
    ]


def test_addresses_are_remembered_until_the_next_start(tmp_path: Path) -> None:
    """By a file beside the state."""
    made = {**plan(tmp_path), "data_dir": str(tmp_path)}
    write_addresses(made)
    assert read_addresses(str(tmp_path), made["cluster_id"]) == ADDRESSES
    assert read_addresses(str(tmp_path), "another cluster") == {}
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"cluster_id": "x"}', "\xff", "9" * 70_000], ids=range(6)
)
def test_damaged_memory_of_addresses_counts_as_none(text: str, tmp_path: Path) -> None:
    """It is a convenience; a start must never fail for it."""
    (tmp_path / "addresses.json").write_text(text, encoding="latin-1")
    assert read_addresses(str(tmp_path), "x") == {}


def test_address_that_is_no_text_is_passed_over(tmp_path: Path) -> None:
    """The rest may still be right."""
    text = json.dumps({"cluster_id": "x", "members": {"a": 5, "b": "10.0.0.1"}})
    (tmp_path / "addresses.json").write_text(text, encoding="utf-8")
    assert read_addresses(str(tmp_path), "x") == {"b": "10.0.0.1"}
