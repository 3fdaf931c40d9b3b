"""Flag, environment, file, default: which wins, and what cannot be read."""

from pathlib import Path

import pytest

from tests.unit.watchdog.config.samples import GOOD, examined, loaded, written
from watchdog.config.errors import ConfigError
from watchdog.config.load import examine, load
from watchdog.config.source import FILE_SIZE_MAX


def test_flag_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    """The closer to the person who types, the stronger."""
    port_9001 = GOOD.replace("[nodes]", "port = 9001\n[nodes]")
    env = {"QUORUMDOG__CLUSTER__PORT": "9002"}
    assert loaded(tmp_path).config.cluster.port == 9000
    assert loaded(tmp_path, port_9001).config.cluster.port == 9001
    assert loaded(tmp_path, port_9001, env).config.cluster.port == 9002
    flags = {"cluster.port": "9003"}
    assert load(written(tmp_path, port_9001), env=env, flags=flags).config.cluster.port == 9003


@pytest.mark.parametrize(
    ("variable", "value", "table", "key", "expected"),
    [
        ("CLUSTER__NAME", "1234", "cluster", "name", "1234"),
        ("CLUSTER__FAILBACK_DELAY", "2s", "cluster", "failback_delay", 2000),
        ("CLUSTER__SCHEDULING", "normal", "cluster", "scheduling", "normal"),
        ("HOOKS__ESCALATION", "/bin/x", "hooks", "escalation", ("/bin/x",)),
        ("HOOKS__ESCALATION", '["/bin/x", "y"]', "hooks", "escalation", ("/bin/x", "y")),
        ("TIMING__RETRY", '["60ms", "70ms"]', "timing", "retry", (60, 70)),
        ("IPC__ADMIN_UIDS", "[5, 6]", "ipc", "admin_uids", [5, 6]),
    ],
)
def test_variable_is_read_as_its_options_kind(
    variable: str, value: str, table: str, key: str, expected: object, tmp_path: Path
) -> None:
    """A variable is text; whether it means a number depends on the option."""
    config = loaded(tmp_path, env={f"QUORUMDOG__{variable}": value}).config
    assert getattr(getattr(config, table), key) == expected


def test_variable_reaches_a_named_table(tmp_path: Path) -> None:
    """`QUORUMDOG__NODES__BETA__PRIORITY` is `nodes.beta.priority`."""
    env = {"QUORUMDOG__NODES__BETA__PRIORITY": "7", "QUORUMDOG_NODE": "ignored", "PATH": "/bin"}
    assert loaded(tmp_path, env=env).config.nodes["beta"].priority == 7


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("CLUSTER__PORT", "x", "needs an integer, found the string 'x'"),
        ("CLUSTER__PORT", "1\nx = 2", "needs an integer"),
        ("CLUSTER__PROT", "1", "did you mean `port`?"),
        ("CLUSTER__AUTHKEY", "hunter2", "`authkey_file` names one"),
        ("CLUSTR__PORT", "1", "did you mean `cluster`?"),
        ("NODES__DELTA__PRIORITY", "1", "`nodes.delta.address` is missing"),
    ],
)
def test_wrong_variable_is_named(variable: str, value: str, sentence: str, tmp_path: Path) -> None:
    """A fault from the environment has no line; it has the variable's name."""
    (fault,) = examined(tmp_path, GOOD, {f"QUORUMDOG__{variable}": value}).faults
    assert sentence in str(fault)
    assert fault.where.startswith(f"environment QUORUMDOG__{variable}")
    assert "hunter2" not in str(fault)


def test_variable_below_a_single_value_is_refused(tmp_path: Path) -> None:
    """`cluster.name.x` cannot be laid over `cluster.name`."""
    with pytest.raises(ConfigError, match="`name` is a single value"):
        examined(tmp_path, GOOD, {"QUORUMDOG__CLUSTER__NAME__X": "1"})


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ("[cluster\n", 1, "is no valid TOML"),
        ('[cluster]\nname = "x\n', 2, "is no valid TOML"),
        ("[a]\n[b]\n[a]\n", 3, "is no valid TOML"),
        ("[a]\nx = 1\nx = 2\n", 3, "is no valid TOML"),
        ("x = 2020-13-01\n", 1, "is no valid TOML"),
    ],
)
def test_broken_toml_is_a_fault_at_its_line(
    text: str, line: int, sentence: str, tmp_path: Path
) -> None:
    """Exit code 2: the file was read."""
    with pytest.raises(ConfigError, match=sentence) as caught:
        examined(tmp_path, text)
    assert caught.value.exit_code == 2
    assert caught.value.faults[0].where.startswith(f"{tmp_path}/quorumdog.conf")
    assert caught.value.faults[0].where.endswith(f":{line}")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x = " + "[" * 5000, "has hundreds of brackets inside each other"),
        ("x = " + "1" * 5000, "has a value that cannot be: Exceeds the limit"),
    ],
)
def test_toml_that_the_library_chokes_on_is_a_fault_as_well(
    text: str, sentence: str, tmp_path: Path
) -> None:
    """It raises other errors than its own for these."""
    with pytest.raises(ConfigError, match=sentence):
        examined(tmp_path, text)


def test_variable_that_is_no_text_or_too_deep_is_a_fault(tmp_path: Path) -> None:
    """The environment may hold any bytes."""
    with pytest.raises(ConfigError, match="environment QUORUMDOG__HOOKS__ESCALATION: is no UTF-8"):
        examined(tmp_path, GOOD, {"QUORUMDOG__HOOKS__ESCALATION": "\udcff"})
    for value in ("[" * 5000, "[" + "1" * 5000 + "]"):
        (fault,) = examined(tmp_path, GOOD, {"QUORUMDOG__HOOKS__ESCALATION": value}).faults
        assert fault.where == "environment QUORUMDOG__HOOKS__ESCALATION"
    examined(tmp_path, GOOD, {"QUORUMDOG__HOOKS__ESCALATION": "/etc/ä"})


def test_file_that_is_missing_a_directory_or_binary_cannot_be_read(tmp_path: Path) -> None:
    """Exit code 3, and what to do."""
    (tmp_path / "binary").write_bytes(b"[cluster]\nname = \xff\n")
    (tmp_path / "large").write_bytes(b"#" * (FILE_SIZE_MAX + 1))
    for name, sentence in [
        ("missing", "cannot be read: No such file"),
        (".", "cannot be read: Is a directory"),
        ("binary", "binary:2: is no UTF-8 text"),
        ("large", "a configuration has at most"),
    ]:
        with pytest.raises(ConfigError, match=sentence) as caught:
            examine(str(tmp_path / name))
        assert caught.value.exit_code == 3
