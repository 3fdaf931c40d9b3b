"""Everything that forbids a start is told before the guardian exists."""

from pathlib import Path

import pytest

from tests.unit.watchdog.cli.runs import configured
from tests.unit.watchdog.cli.test_stored import write_state
from watchdog.cli.resolved import plan_or_exit


def refusal(file: str, node: str | None, capsys: pytest.CaptureFixture[str]) -> str:
    """What a refused start says, having ended with 2."""
    with pytest.raises(SystemExit) as caught:
        plan_or_exit(file, node)
    assert caught.value.code == 2
    return capsys.readouterr().err


def test_good_file_gives_the_plan(tmp_path: Path) -> None:
    """With what only the command line knows."""
    plan, alarm = plan_or_exit(configured(tmp_path), "b", ["cluster.port=9007"], record="/tmp/r")
    assert (plan["node"], plan["port"], alarm) == ("b", 9007, None)
    assert plan["node_process"]["record"] == "/tmp/r"
    assert plan["authkey_file"] == f"{tmp_path}/authkey"


@pytest.mark.parametrize(
    ("node", "sentence"), [(None, "--node a"), ("bb", "did you mean `b`?")], ids=["none", "wrong"]
)
def test_node_must_be_known(
    node: str | None, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unlike `check`, a start cannot guess."""
    assert sentence in refusal(configured(tmp_path), node, capsys)


def test_weak_key_and_missing_certificates_are_told_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All at once here too."""
    file = configured(tmp_path, key=b"x" * 40)
    text = Path(file).read_text()
    pki = 'pki = { ca = "/nowhere/ca", cert = "/nowhere/cert", key = "/nowhere/key" }'
    Path(file).write_text(text.replace("[nodes]", f"{pki}\n[nodes]"))
    said = refusal(file, "a", capsys)
    assert "is text or a pattern" in said
    assert "`cluster.pki.cert` /nowhere/cert cannot be read" in said


def test_dropped_member_is_refused_and_an_added_one_is_an_alarm(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stored membership is obeyed until the operator says otherwise."""
    file = configured(tmp_path)
    write_state(tmp_path)
    text = Path(file).read_text()
    Path(file).write_text(text.replace("b = {", "c = {"))
    assert "b is stored, but not in the file" in refusal(file, "a", capsys)
    plan, alarm = plan_or_exit(file, "a", accept_membership=True)
    assert [m["name"] for m in plan["node_process"]["members"]] == ["a", "c", "w"]
    Path(file).write_text(text.replace("b = {", 'd = { address = "127.0.0.4" }\nb = {'))
    plan, alarm = plan_or_exit(file, "a")
    assert [m["name"] for m in plan["node_process"]["members"]] == ["a", "b", "w"]
    assert alarm is not None
    assert "d is in the file, but not stored" in alarm


def test_hook_that_cannot_run_is_said_and_no_obstacle(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The guardian looks again when it matters."""
    plan_or_exit(configured(tmp_path, 'de_escalation = "/nowhere/x"\n'), "a")
    assert "warning: " in capsys.readouterr().err
