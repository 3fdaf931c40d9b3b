"""What must hold between options, and what is only worth a warning."""

from pathlib import Path

import pytest

from tests.unit.watchdog.config.samples import GOOD, faults, loaded

HOOK = '[hooks]\nde_escalation = "/x"\nde_escalation_timeout = "{}"\n[vip.db]'
EXTREME = 'timing = "extreme"\nscheduling = "nice"\n[nodes]'
DEVICE = 'watchdog_device = "/dev/watchdog"\n'
WATCHED = f'timing = "watchdog"\n{DEVICE}[timing]\nhard = "2399ms"\nticket = "1s"\n[nodes]'
NORMAL = 'scheduling = "normal"\n[timing]\nticket = "485ms"\n[nodes]'
FAST = 'timing = "fast"\nscheduling = "normal"\n[nodes]'
BETWEEN = [
    ("10.0.0.12", "10.0.0.11", "10.0.0.11 is already the address of [nodes.alpha]", 5),
    ("10.0.0.100/24", "10.0.0.12/24", "10.0.0.12 is already the address of [nodes.beta]", 8),
    ("10.0.0.12", "127.0.0.1", "`beta` has the loopback address 127.0.0.1", 5),
    ("[nodes]", 'tie_breaker = "alhpa"\n[nodes]', "did you mean `alpha`?", 3),
    ("[nodes]", 'run_dir = "/var/lib/quorumdog/"\n[nodes]', "are both /var/lib/quorumdog/", 3),
    ("[nodes]", f'run_dir = "/{"x" * 100}"\n[nodes]', "is too long: the socket would be", 3),
    ("[nodes]", EXTREME, "I1: 3*beacon + rtt_max + late(scheduling nice)", 3),
    ("[nodes]", EXTREME, '`extreme` needs scheduling = "rt"; or write timing = "fast"', 3),
    ("[nodes]", DEVICE + "[nodes]", "timing `default` leaves no time for a hardware", 3),
    ("[nodes]", f'timing = "wan"\n{DEVICE}[nodes]', "timing `wan` leaves no time", 4),
    ("[nodes]", 'self_fence = "watchdog"\n[nodes]', "needs a hardware watchdog", 3),
    ("[nodes]", WATCHED, "I5: beacon + watchdog timeout + margin = 200 + 2000 + 200 = 2400 ms", 6),
    ("[nodes]", NORMAL, "I6: rtt_max + 2*late(scheduling normal) = 4 + 482 = 486 ms", 5),
    ("[vip.db]", '[timing]\nrepeat = "90ms"\n[vip.db]', "I1: beacon + 8*repeat + rtt_max", 8),
    ("[nodes]", FAST, "= 545 ms, must be <= soft = 420 ms", 3),
    ("[nodes]", FAST, 'scheduling = "rt" or "nice"', 3),
    ("[vip.db]", '[timing]\nsoft = "500ms"\n[vip.db]', "I1: 4*beacon + rtt_max + late", 8),
    ("[vip.db]", '[timing]\nhard = "1s"\n[vip.db]', "I2: soft + max(deesc + drop, ticket)", 8),
    ("[vip.db]", '[timing]\npromise = "1.2s"\n[vip.db]', "I3: promise = 1200 ms, must be >=", 8),
    ("[vip.db]", '[timing]\nreach = "1.2s"\n[vip.db]', "I8: reach + beacon = 1200 + 200", 8),
    ("[vip.db]", '[timing]\n\nwindow = "100ms"\n[vip.db]', "I9: 2*slot = 200 ms", 9),
    ("[vip.db]", '[timing]\nmin_left = "100ms"\n[vip.db]', "I10: beacon + rtt_max = 200 + 4", 8),
    ("[vip.db]", '[timing]\nretry = ["2s", "1s"]\n[vip.db]', "retry = 2000-1000 ms", 8),
    ("[vip.db]", '[timing]\nbeacon = "0ms"\n[vip.db]', "beacon = 0 ms, must be between", 8),
    ("[vip.db]", HOOK.format("0s"), "kills the hook before it has begun", 9),
    ("[vip.db]", HOOK.format("1h"), "must be between", 9),
    ("[vip.db]", '[hooks]\n\nescalation_timeout = "0s"\n[vip.db]', "must be between 1", 9),
]


@pytest.mark.parametrize(("old", "new", "sentence", "line"), BETWEEN, ids=str)
def test_contradiction_is_refused_at_its_line(
    old: str, new: str, sentence: str, line: int, tmp_path: Path
) -> None:
    """Each value is right alone; together they are not."""
    found = faults(tmp_path, GOOD.replace(old, new))
    fault = next(text for text in found if sentence in text)
    assert int(fault.partition(":")[0]) == line, fault


def test_witnesses_alone_are_refused(tmp_path: Path) -> None:
    """Nobody could ever hold the VIP."""
    text = GOOD.replace("priority = 3", 'role = "witness"').replace(
        '"10.0.0.12"', '"10.0.0.12", role = "witness"'
    )
    assert "every node is a witness" in faults(tmp_path, text)[0]


def warnings(folder: Path, text: str) -> str:
    """All warnings as one text."""
    return "\n".join(str(warning) for warning in loaded(folder, text).warnings)


def test_three_nodes_with_a_vip_give_no_warning(tmp_path: Path) -> None:
    """A warning that is always there is read by nobody."""
    assert warnings(tmp_path, GOOD) == ""


def nodes(count: int, more: str = "", cluster: str = "") -> str:
    """A cluster of `count` plain nodes."""
    rows = "\n".join(f'n{n} = {{ address = "10.0.0.{n + 1}" }}' for n in range(count))
    vip = '[vip.v]\naddress = "10.0.0.99/24"\ninterface = "eth0"'
    return f'[cluster]\nname = "c"\n{cluster}\n[nodes]\n{rows}\n{more}\n{vip}\n'


WITNESSES = """\
w = { address = "10.0.0.9", role = "witness" }
x = { address = "10.0.0.8", role = "witness" }"""
DISAPPOINTING = [
    (nodes(1), ["there is only one node", "nothing can take over"]),
    (nodes(2), ["when either one dies, nobody holds the VIP", "2 of 2", 'tie_breaker = "n0"']),
    (nodes(2, cluster='tie_breaker = "n1"'), ["no failover from n1", "3 of 5, and n1 alone"]),
    (nodes(4), ["is even (4) and there is no tie_breaker", "3 of 4"]),
    (
        nodes(2, 'w = { address = "10.0.0.9", weight = 3 }'),
        ["`w` alone is a quorum (3 of 5)", "the others can never elect anybody"],
    ),
    (nodes(1, WITNESSES), ["only one node is no witness"]),
    (nodes(3).partition("[vip")[0], ["neither a [vip.NAME] nor an escalation hook"]),
    (nodes(3) + '[hooks]\nde_escalation_timeout = "1s"\n', ["has no effect without"]),
    (nodes(3, cluster='timing = "watchdog"'), ["and there is none", "2.6 s instead of 1.4 s"]),
    (nodes(3, cluster='watchdog_timeout = "5s"'), ["has no effect without `watchdog_device`"]),
]


@pytest.mark.parametrize(("text", "sentences"), DISAPPOINTING)
def test_cluster_that_will_disappoint_is_warned_about(
    text: str, sentences: list[str], tmp_path: Path
) -> None:
    """It is safe, so it may run; but its owner should know before the first failure."""
    found = warnings(tmp_path, text)
    for sentence in sentences:
        assert sentence in found


@pytest.mark.parametrize(
    "text",
    [
        nodes(3),
        nodes(5),
        nodes(4, cluster='tie_breaker = "n0"'),
        nodes(3, cluster=f'timing = "watchdog"\nself_fence = "watchdog"\n{DEVICE}'),
        nodes(3, cluster='self_fence = "sysrq"\ngate = "nft"'),
        nodes(3, cluster='timing = "extreme"'),
    ],
    ids=["three", "five", "four with tie-breaker", "with a device", "with sysrq", "extreme"],
)
def test_good_cluster_gives_no_warning(text: str, tmp_path: Path) -> None:
    """No false alarm."""
    assert warnings(tmp_path, text) == ""


def test_names_that_a_state_record_cannot_hold_are_refused(tmp_path: Path) -> None:
    """The record has one size; what does not fit would end the node at its first save."""
    rows = [f'{"n" * 60}{n:02} = {{ address = "10.0.0.{n + 1}" }}' for n in range(31)]
    text = '[cluster]\nname = "c"\nauthkey_file = "/k"\n[nodes]\n' + "\n".join(rows)
    (found,) = [fault for fault in faults(tmp_path, text) if "altogether" in fault]
    assert "use names of at most 49 characters" in found
