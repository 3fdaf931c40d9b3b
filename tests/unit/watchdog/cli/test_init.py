"""The main group (`watchdog.cli`), and the verb `init`."""

import tomllib
from pathlib import Path

import pytest

from tests.unit.watchdog.cli.runs import run
from watchdog.cli import VERBS


def test_help_lists_every_verb_with_a_sentence() -> None:
    """In the order in which people need them."""
    text = run("--help").output
    places = [text.index(f"\n  {verb} ") for verb in VERBS]
    assert places == sorted(places)
    assert all(sentence in text for _, sentence in VERBS.values())


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_help_of_its_own(verb: str) -> None:
    """Short and true."""
    result = run(verb, "--help")
    assert result.exit_code == 0
    assert f"{verb} [OPTIONS]" in result.output


def test_version_is_printed() -> None:
    """The first thing that somebody who helps asks for."""
    assert run("--version").output.startswith("quorumdog 0.")


def test_misspelt_verb_gets_a_suggestion() -> None:
    """And an exit code."""
    result = run("statsu")
    assert result.exit_code == 2
    assert "there is no verb `statsu`; did you mean `status`?" in result.output
    assert "there are: run, init" in run("xyzzy").output


def init(folder: Path, *more: str) -> tuple[int, str]:
    """Exit code and output of `init` for three nodes."""
    nodes = "a=10.0.0.11,b=10.0.0.12,c=10.0.0.13"
    words = [] if "--nodes" in more else ["--nodes", nodes]
    result = run("init", *words, "--dir", str(folder), *more)
    return result.exit_code, result.output


def test_init_writes_a_file_that_check_accepts(tmp_path: Path) -> None:
    """And the key, which nobody else may read."""
    code, output = init(tmp_path / "new", "--vip", "10.0.0.100/24@eth0", "--witness", "c")
    assert code == 0
    assert "what remains:" in output
    file, key = tmp_path / "new/quorumdog.conf", tmp_path / "new/authkey"
    assert run("check", "--config", str(file), "--node", "a").exit_code == 0
    assert len(key.read_bytes()) == 32
    assert key.stat().st_mode & 0o777 == 0o600
    data = tomllib.loads(file.read_text())
    assert data["nodes"]["c"] == {"address": "10.0.0.13", "role": "witness"}
    assert data["nodes"]["a"]["priority"] > data["nodes"]["b"]["priority"]
    assert data["vip"]["vip1"] == {"address": "10.0.0.100/24", "interface": "eth0"}


def test_init_prints_the_commands_that_remain(tmp_path: Path) -> None:
    """They can be copied."""
    _, output = init(tmp_path)
    assert f"scp -p {tmp_path}/quorumdog.conf {tmp_path}/authkey root@10.0.0.12:" in output
    assert f"quorumdog check --config {tmp_path}/quorumdog.conf" in output


@pytest.mark.parametrize("existing", ["quorumdog.conf", "authkey"])
def test_init_overwrites_nothing(existing: str, tmp_path: Path) -> None:
    """A new key would shut a node out of its cluster."""
    (tmp_path / existing).write_text("precious")
    code, output = init(tmp_path)
    assert code == 1
    assert f"{existing} exists already and is not overwritten" in output
    assert (tmp_path / existing).read_text() == "precious"
    assert len(list(tmp_path.iterdir())) == 1


def test_init_of_two_nodes_warns_and_names_a_tie_breaker(tmp_path: Path) -> None:
    """Without one, the loss of either node would end the service."""
    code, output = init(tmp_path, "--nodes", "a=10.0.0.11,b=10.0.0.12")
    assert code == 0
    assert "there is no failover from a" in output
    assert 'tie_breaker = "a"' in (tmp_path / "quorumdog.conf").read_text()


def test_init_writes_the_device_that_the_profile_is_made_for(tmp_path: Path) -> None:
    """Without one the profile would only be slower."""
    code, output = init(tmp_path, "--timing", "watchdog")
    assert code == 0
    assert "there is none" not in output
    data = tomllib.loads((tmp_path / "quorumdog.conf").read_text())
    assert data["cluster"]["watchdog_device"] == "/dev/watchdog"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--nodes", "a"], "write NAME=ADDRESS"),
        (["--nodes", "a=10.0.0.1,,b=10.0.0.2"], "write NAME=ADDRESS"),
        (["--nodes", "a=10.0.0.1,a=10.0.0.2"], "names a twice"),
        (["--nodes", "a=x"], "is no IP address: 'x'"),
        (["--nodes", "A=10.0.0.1"], "is no valid name: 'A'"),
        (["--witness", "z"], "it must be one of --nodes: a, b, c"),
        (["--vip", "10.0.0.9/24"], "write ADDRESS/PREFIX@INTERFACE"),
        (["--vip", "10.0.0.9@eth0"], "has no prefix length"),
        (["--vip", "10.0.0.11/24@eth0"], "is already the address of [nodes.a]"),
        (["--name", 'a"b'], "is no valid TOML"),
        (["--timing", "quick"], "is not one of 'default', 'fast', 'extreme'"),
    ],
    ids=str,
)
def test_init_writes_nothing_when_something_is_wrong(
    words: list[str], sentence: str, tmp_path: Path
) -> None:
    """No half of a configuration is left behind."""
    code, output = init(tmp_path / "new", *words)
    assert code == 2
    assert sentence in output
    assert not (tmp_path / "new").exists()


def test_init_keeps_a_dot_in_a_name(tmp_path: Path) -> None:
    """In TOML a bare dot would open a table."""
    code, _ = init(tmp_path, "--nodes", "db.one=10.0.0.11,db.two=10.0.0.12,db.three=10.0.0.13")
    assert code == 0
    assert "db.two" in tomllib.loads((tmp_path / "quorumdog.conf").read_text())["nodes"]


def test_hints_that_init_writes_work_as_they_stand(tmp_path: Path) -> None:
    """Whoever removes the marks has a check and a health port."""
    init(tmp_path)
    file = tmp_path / "quorumdog.conf"
    file.write_text(file.read_text().replace("\n#", "\n"))
    text = file.read_text().replace(" What must", "# What must")
    file.write_text(text)
    result = run("check", "--config", str(file), "--node", "a")
    assert result.exit_code == 0, result.output
    assert "check postgres: DOWN by process at once" in result.output
