"""The plan is what guardian and node believe without looking again."""

import json
from pathlib import Path

from tests.unit.watchdog.config.samples import GOOD, loaded
from watchdog.config.plan import group_digests, resolve
from watchdog.config.timing import timing_for
from watchdog.shell.plan import parse

FULL = f"""{GOOD}
[vip.six]
address = "fd00::100/64"
interface = "eth1"
[hooks]
escalation = "/etc/hooks/up"
de_escalation = ["/etc/hooks/down", "now"]
order = "hook-first"
user = "postgres"
[ipc]
group = "adm"
admin_uids = [1000]
"""


def test_plan_is_json_that_the_node_can_parse(tmp_path: Path) -> None:
    """Both sides of the contract, and nothing that JSON cannot carry."""
    plan = resolve(loaded(tmp_path, FULL), "gamma", record="/tmp/r")
    parsed = parse(json.dumps(plan))
    assert parsed.node == "gamma"
    assert [member.name for member in parsed.members if member.witness] == ["gamma"]
    assert parsed.timing == timing_for("default", hook=True)
    assert [member.name for member in parsed.peers] == ["alpha", "beta"]
    assert parsed.record == Path("/tmp/r")
    assert parsed.ipc.group == "adm"


def test_plan_has_the_guardians_part(tmp_path: Path) -> None:
    """Families, prefixes, argv and bounds are spelt out."""
    plan = resolve(loaded(tmp_path, FULL), "alpha")
    assert plan["vips"] == [
        {"name": "db", "address": "10.0.0.100", "prefix": 24, "family": 4, "interface": "eth0"},
        {"name": "six", "address": "fd00::100", "prefix": 64, "family": 6, "interface": "eth1"},
    ]
    assert plan["hooks"] == {
        "escalation": ["/etc/hooks/up"],
        "de_escalation": ["/etc/hooks/down", "now"],
        "state_change": None,
        "escalation_timeout_ms": 10_000,
        "de_escalation_timeout_ms": 500,
        "order": "hook-first",
        "user": "postgres",
    }
    assert plan["timing_ms"]["retry"] == [50, 150]
    assert plan["timing_ms"]["hard"] == 1600


def test_plan_has_the_last_resorts(tmp_path: Path) -> None:
    """As the file has them; a witness is never on, so nothing resets its machine."""
    assert "ticket" in resolve(loaded(tmp_path), "alpha")["timing_ms"]
    plain = resolve(loaded(tmp_path), "alpha")
    assert (plain["gate"], plain["self_fence"]) == ("auto", "off")
    assert plain["watchdog"] == {"device": "", "timeout_ms": 2000}
    lines = 'timing = "watchdog"\ngate = "nft"\nself_fence = "watchdog"\n'
    lines += 'watchdog_device = "/dev/watchdog1"\nwatchdog_timeout = "5s"\n[nodes]'
    file = loaded(tmp_path, GOOD.replace("[nodes]", lines))
    plan, witness = resolve(file, "alpha"), resolve(file, "gamma")
    assert (plan["gate"], plan["self_fence"]) == ("nft", "watchdog")
    assert plan["watchdog"] == {"device": "/dev/watchdog1", "timeout_ms": 5000}
    assert plan["timing_ms"] == witness["timing_ms"]
    assert plan["timing_ms"]["hard"] == 5400
    assert (witness["watchdog"]["device"], witness["self_fence"]) == ("", "off")


def test_plan_without_a_hook_keeps_no_time_for_one(tmp_path: Path) -> None:
    """`deesc` is 0 when there is nothing to wait for."""
    plan = resolve(loaded(tmp_path), "alpha")
    assert plan["timing_ms"]["deesc"] == 0
    assert plan["timing_ms"]["hard"] == 1200


def test_membership_is_the_same_on_every_node(tmp_path: Path) -> None:
    """Only who and where differ."""
    file = loaded(tmp_path, FULL)
    one, other = (resolve(file, name) for name in ("alpha", "beta"))
    differing = {key for key in one if one[key] != other[key]}
    assert differing == {"node", "node_process", "lifecheck"}
    assert one["lifecheck"].pop("heartbeat") != other["lifecheck"].pop("heartbeat")
    assert one["lifecheck"] == other["lifecheck"]
    mine, theirs = one["node_process"], other["node_process"]
    assert {key for key in mine if mine[key] != theirs[key]} == {"listen", "address"}


def test_credential_is_resolved_to_its_file(tmp_path: Path) -> None:
    """The guardian opens a path."""
    file = loaded(tmp_path, GOOD.replace("[nodes]", 'authkey_file = "credential:key"\n[nodes]'))
    plan = resolve(file, "alpha", env={"CREDENTIALS_DIRECTORY": "/run/credentials/q"})
    assert plan["authkey_file"] == "/run/credentials/q/key"


def changed(folder: Path, old: str, new: str) -> set[str]:
    """The groups whose digests differ when `old` becomes `new`."""
    before = group_digests(loaded(folder, FULL).config)
    after = group_digests(loaded(folder, FULL.replace(old, new)).config)
    return {group for group in before if before[group] != after[group]}


def test_difference_between_files_is_named_by_its_group(tmp_path: Path) -> None:
    """`status` can say *what* differs."""
    assert changed(tmp_path, "priority = 3", "priority = 4") == {"nodes"}
    assert changed(tmp_path, "10.0.0.100/24", "10.0.0.101/24") == {"vip"}
    assert changed(tmp_path, "/etc/hooks/up", "/etc/hooks/go") == {"hooks"}
    assert changed(tmp_path, "[ipc]", '[timing]\nsoft = "1s"\n[ipc]') == {"timing"}
    assert changed(tmp_path, '"adm"', '"wheel"') == {"ipc"}
    assert changed(tmp_path, "[nodes]", 'on_conflict = "takeover"\n[nodes]') == {"cluster"}


def test_what_may_differ_between_machines_is_in_no_digest(tmp_path: Path) -> None:
    """Directories and the log's format are each machine's own."""
    for line in ('data_dir = "/x"', 'run_dir = "/y"', 'log_format = "json"', 'listen = "::"'):
        assert changed(tmp_path, "[nodes]", f"{line}\n[nodes]") == set()


def test_digest_has_sixteen_hexadecimal_digits(tmp_path: Path) -> None:
    """Eight bytes are enough to notice a difference that nobody made on purpose."""
    digests = group_digests(loaded(tmp_path).config)
    assert all(len(bytes.fromhex(digest)) == 8 for digest in digests.values())
