"""What `run` refuses before it becomes the guardian; the rest is tests/system."""

import json
from pathlib import Path

import pytest

import watchdog
from watchdog.cli.run import check_package, remember


def test_package_of_our_own_passes() -> None:
    """Nothing to complain about here."""
    check_package()


def test_another_project_of_our_name_is_refused_with_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """PyPI's `watchdog` installs its modules between ours."""
    (tmp_path / "observers.py").touch()
    monkeypatch.setattr(watchdog, "__path__", [*watchdog.__path__, str(tmp_path)])
    with pytest.raises(SystemExit) as caught:
        check_package()
    assert caught.value.code == 1
    said = capsys.readouterr().err
    assert "pip uninstall watchdog" in said
    assert "make install" in said


def test_data_directory_is_made_and_the_members_addresses_kept(tmp_path: Path) -> None:
    """The next start notices a member that has moved."""
    plan = {
        "data_dir": str(tmp_path / "deep" / "data"),
        "cluster_id": "00" * 32,
        "node_process": {"members": [{"name": "alpha", "address": "10.0.0.11"}]},
    }
    remember(plan)
    kept = json.loads((tmp_path / "deep" / "data" / "addresses.json").read_text())
    assert kept["members"] == {"alpha": "10.0.0.11"}


def test_data_directory_that_cannot_be_made_is_exit_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A node without a place for its vote must not start."""
    (tmp_path / "file").touch()
    plan = {"data_dir": str(tmp_path / "file"), "cluster_id": "00", "node_process": {"members": []}}
    with pytest.raises(SystemExit) as caught:
        remember(plan)
    assert caught.value.code == 2
    assert "set [cluster] data_dir" in capsys.readouterr().err
