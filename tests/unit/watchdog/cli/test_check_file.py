"""`check`: faults, warnings, the time budget, and four exit codes."""

from pathlib import Path

import pytest

from tests.unit.watchdog.cli.runs import configured, run
from tests.unit.watchdog.cli.test_stored import write_state


def check(file: str, *more: str) -> tuple[int, str]:
    """Exit code and output of `check` for node a."""
    result = run("check", "--config", file, "--node", "a", *more)
    return result.exit_code, result.output


def test_good_file_is_ok_and_gets_its_time_budget(tmp_path: Path) -> None:
    """Exit code 0, and the figures that matter."""
    code, output = check(configured(tmp_path))
    assert code == 0
    assert "ok (3 nodes, quorum 2 of 3, this is a)" in output
    assert "time budget (timing default, scheduling normal):" in output
    assert "1.85 s at worst" in output
    assert 'scheduling class: "normal"; this process may use it' in output
    assert "warning" not in output


def test_all_faults_are_printed_with_their_lines(tmp_path: Path) -> None:
    """Exit code 2."""
    code, output = check(configured(tmp_path, 'order = "both"\nuser = 5\n[nodez]\n'))
    assert code == 2
    for line, text in [
        (12, "`hooks.order` must be one of"),
        (13, "needs a string"),
        (14, "[nodez]"),
    ]:
        assert f"quorumdog.conf:{line}: " in output
        assert text in output
    assert output.endswith("3 faults\n")
    assert "time budget" not in output


def test_unreadable_file_has_an_exit_code_of_its_own(tmp_path: Path) -> None:
    """A script can tell `no file` from `wrong file`."""
    code, output = check(f"{tmp_path}/none.conf")
    assert code == 3
    assert "cannot be read: No such file" in output


def test_warnings_count_only_when_asked(tmp_path: Path) -> None:
    """`--strict` is for those who want none."""
    file = configured(tmp_path, 'de_escalation_timeout = "1s"\n')
    code, output = check(file)
    assert code == 0
    assert f"warning: {file}:12: `hooks.de_escalation_timeout` has no effect" in output
    assert check(file, "--strict")[0] == 1
    assert check(configured(tmp_path), "--strict")[0] == 0


def test_weak_key_is_a_fault(tmp_path: Path) -> None:
    """`run` would refuse it, so `check` must not pass it."""
    code, output = check(configured(tmp_path, key=b"x" * 40))
    assert code == 2
    assert "is text or a pattern" in output


def test_hook_that_cannot_run_is_a_warning(tmp_path: Path) -> None:
    """It may be installed later."""
    code, output = check(configured(tmp_path, 'de_escalation = "/nowhere/x"\n'))
    assert code == 0
    assert "warning: " in output
    assert "the de_escalation hook /nowhere/x cannot be run" in output


def test_flag_replaces_an_option_and_is_named_in_faults(tmp_path: Path) -> None:
    """What would happen if."""
    file = configured(tmp_path)
    assert "0.92 s at worst" not in check(file)[1]
    code, output = check(file, "--set", "cluster.port=0")
    assert code == 2
    assert "flag cluster.port: `cluster.port` must be greater than" in output
    assert check(file, "--set", "cluster.port")[0] == 2


def test_machine_that_is_no_node_can_still_check(tmp_path: Path) -> None:
    """The file is often written elsewhere; only a misspelt --node is a fault."""
    file = configured(tmp_path)
    result = run("check", "--config", file)
    assert result.exit_code == 0
    assert "this node is not known" in result.output
    assert "several nodes have addresses of this machine: a, b, w" in result.output
    wrong = run("check", "--config", file, "--node", "aa")
    assert wrong.exit_code == 2
    assert "there is no node `aa`" in wrong.output


@pytest.mark.parametrize(
    ("timing", "worst"), [("default", "1.85"), ("wan", "8.06"), ("watchdog", "2.57")]
)
def test_budget_follows_the_profile(timing: str, worst: str, tmp_path: Path) -> None:
    """Each profile, with the class that the test may have."""
    _, output = check(configured(tmp_path), "--set", f"cluster.timing={timing}")
    assert f"{worst} s at worst" in output


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("b = {", "c = {", "b is stored, but not in the file"),
        ("b = {", 'd = { address = "127.0.0.4" }\nb = {', "running with the stored membership"),
    ],
    ids=["dropped", "added"],
)
def test_membership_that_is_not_the_stored_one_is_a_warning(
    old: str, new: str, sentence: str, tmp_path: Path
) -> None:
    """Before the restart that would be refused."""
    file = Path(configured(tmp_path))
    write_state(tmp_path)
    file.write_text(file.read_text().replace(old, new))
    code, output = check(str(file))
    assert code == 0
    assert sentence in output
    assert "run --accept-membership" in output


def test_interface_that_this_machine_lacks_is_a_warning(tmp_path: Path) -> None:
    """Found by daylight, and not at the first election; a witness never needs it."""
    vip = '[vip.v]\naddress = "127.9.9.9/32"\ninterface = "nosuch0"\n'
    file = configured(tmp_path, vip)
    code, output = check(file, "--strict")
    assert code == 1
    assert f"warning: {file}:14: this machine has no interface nosuch0" in output
    assert "there are: " in output
    assert "nosuch0" not in check(configured(tmp_path, vip.replace("nosuch0", "lo")))[1]
    assert (
        "nosuch0" not in run("check", "--config", configured(tmp_path, vip), "--node", "w").output
    )


def test_device_that_this_machine_lacks_is_a_warning(tmp_path: Path) -> None:
    """The node would refuse to start; a witness, which is never on, would not."""
    file = configured(tmp_path)
    more = ("--set", "cluster.timing=watchdog", "--set", "cluster.watchdog_device=/nowhere/dog")
    assert "/nowhere/dog cannot be used: no such file" in check(file, *more)[1]
    witness = run("check", "--config", file, "--node", "w", *more)
    assert "cannot be used" not in witness.output


def test_program_of_a_check_that_cannot_run_is_a_warning(tmp_path: Path) -> None:
    """And the budget says how soon the check would be DOWN."""
    code, output = check(configured(tmp_path, '[check.x]\ncommand = "/nowhere/x"\n'))
    assert code == 0
    assert "[check.x] command /nowhere/x cannot be run" in output
    assert "  check x: DOWN by command within 11 s; then release" in output
