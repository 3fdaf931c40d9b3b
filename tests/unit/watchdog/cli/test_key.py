"""`key gen`: random, private, and never over an old one."""

from pathlib import Path

from tests.unit.watchdog.cli.runs import run


def test_key_is_32_random_bytes_for_the_owner_alone(tmp_path: Path) -> None:
    """Two of them differ."""
    for name in ("one", "two"):
        assert run("key", "gen", f"{tmp_path}/{name}").exit_code == 0
    one, two = (tmp_path / "one").read_bytes(), (tmp_path / "two").read_bytes()
    assert len(one) == len(two) == 32
    assert one != two
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o600


def test_key_is_never_printed(tmp_path: Path) -> None:
    """Terminals remember."""
    output = run("key", "gen", f"{tmp_path}/k").output
    key = (tmp_path / "k").read_bytes()
    assert key.hex() not in output
    assert output.isascii()


def test_existing_key_is_kept(tmp_path: Path) -> None:
    """A new one would shut the node out of its cluster."""
    (tmp_path / "k").write_text("precious")
    result = run("key", "gen", f"{tmp_path}/k")
    assert result.exit_code == 1
    assert "exists already" in result.output
    assert (tmp_path / "k").read_text() == "precious"


def test_missing_directory_is_named(tmp_path: Path) -> None:
    """With the command that makes it."""
    result = run("key", "gen", f"{tmp_path}/none/k")
    assert result.exit_code == 1
    assert f"mkdir -p {tmp_path}/none" in result.output
