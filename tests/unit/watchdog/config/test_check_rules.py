"""What must hold between the options of a check, and what is only worth a warning."""

from pathlib import Path

import pytest

from tests.unit.watchdog.config.samples import GOOD, faults, loaded

FIRST = GOOD.count("\n") + 1
PG = '[check.pg]\ntcp = "127.0.0.1:1"\n'
WRONG = [
    (PG + 'on_fail = "restart"\n', "not what to run", 2),
    (PG + 'restart = ["/bin/x"]\n', 'has no effect in [check.pg] without on_fail = "restart"', 2),
    (PG + 'on_fail = "report"\nrestarts = 4\n', "`restarts` has no effect", 3),
    (PG + 'every = "1s"\ntimeout = "2s"\n', "timeout` = 2s is longer than `every` = 1s", 3),
    (PG + 'every = "1s"\ntimeout = "2s"\n', 'write timeout = "1s" or less', 3),
    (PG + 'fails = 5\nwindow = "3s"\n', "5 failures take 4s at least", 3),
    (PG + 'fails = 5\nwindow = "3s"\n', 'write window = "4s" or more', 3),
    ("[check.l]\nload = 8.0\nclear = 8\n", "clear` = 8 is not below the threshold of 8", 2),
    ('[check.m]\nmemory = "90%"\nclear = "95%"\n', "it is 81 then", 2),
    ('[check.d]\ndisk = "/"\nclear = "95%"\n', "below the threshold of 95", 2),
    ('[check.g]\nlog_growth = "/l"\nwithin = "2s"\n', "within` = 2s is shorter than", 2),
    ("[lifecheck]\nheartbeat_port = 9000\n", "which is the nodes' own (`cluster.port`)", 1),
    ('[lifecheck]\ninterval = "4s"\n', "deadtime` = 10s is less than 3 times", 0),
    ('[lifecheck]\ninterval = "4s"\ndeadtime = "5s"\n', 'write deadtime = "12s" or more', 2),
    ("[http]\nlisten = 8780\n", 'write "127.0.0.1:8780"', 1),
    ('[http]\nlisten = "0.0.0.0"\n', 'write "0.0.0.0:8780"', 1),
    ('[http]\nlisten = "[::]:9000"\n', "`http.listen` has port 9000", 1),
]


@pytest.mark.parametrize(("text", "sentence", "line"), WRONG, ids=str)
def test_contradiction_is_refused_at_its_line(
    text: str, sentence: str, line: int, tmp_path: Path
) -> None:
    """Each value is right alone; together they are not."""
    (fault,) = faults(tmp_path, GOOD + text)
    assert sentence in fault
    assert int(fault.partition(":")[0]) == FIRST + line, fault


RIGHT = [
    PG + 'every = "1s"\n',
    PG + 'fails = 5\nwindow = "4s"\n',
    PG + 'on_fail = "restart"\nrestart = "/bin/true"\nrestarts = 1\n',
    PG + 'on_fail = "priority:-3"\n',
    "[check.l]\nload = 8.0\nclear = 7.5\n",
    '[lifecheck]\nmethod = "external"\n',
    PG + '[lifecheck]\nmethod = "none"\non_loss = "release"\n',
    '[check.h]\nhttp = "http://localhost:8008/"\n',
    '[check.h]\nhttp = "http://[::1]:8008/"\n',
    '[check.u]\nping = ["10.0.0.1", "fd00::1"]\n',
    '[http]\nlisten = "[::1]:8780"\n',
    "[http]\n",
    '[http]\nlisten = "0.0.0.0:80"\n',
]


@pytest.mark.parametrize("text", RIGHT)
def test_plain_check_gives_neither_fault_nor_warning(text: str, tmp_path: Path) -> None:
    """A warning that is always there is read by nobody."""
    assert loaded(tmp_path, GOOD + text).warnings == ()


DISAPPOINTING = [
    (PG + 'when = "escalated"\n', "but there is no escalation hook"),
    (
        PG + 'when = "escalated"\non_fail = "priority:-5"\n[hooks]\nescalation = "/x"\n',
        "may take the place back",
    ),
    (PG + 'on_fail = "priority:-2"\n', "is too little to move the VIP from the best node"),
    (PG + 'on_fail = "priority:-2"\n', 'write on_fail = "priority:-3" or more'),
    (
        '[lifecheck]\nmethod = "external"\nheartbeat_port = 9000\n',
        '`lifecheck.heartbeat_port` has no effect with method = "external"',
    ),
    ('[lifecheck]\nmethod = "none"\non_loss = "release"\n', "there is no [check.NAME]"),
    ('[http]\nlisten = "10.0.0.11:8780"\n', 'write listen = "0.0.0.0:8780"'),
    ('[http]\nlisten = "[fd00::1]:80"\n', 'write listen = "[::]:80"'),
    ('[check.h]\ntcp = "db.example.org:5432"\n', "names the host db.example.org"),
    ('[check.h]\nhttp = "https://db.example.org/x"\n', "`check.h.http` names the host"),
]


@pytest.mark.parametrize(("text", "sentence"), DISAPPOINTING)
def test_check_that_will_disappoint_is_warned_about(
    text: str, sentence: str, tmp_path: Path
) -> None:
    """It is safe, so it may run; but its owner should know before the first failure."""
    (warning,) = loaded(tmp_path, GOOD + text).warnings
    assert sentence in str(warning)


def test_priorities_of_zero_cannot_be_lowered(tmp_path: Path) -> None:
    """Nothing is below 0, so every node stays equal."""
    text = GOOD.replace("priority = 3", "priority = 0").replace('12" }', '12", priority = 0 }')
    (warning,) = loaded(tmp_path, text + PG + 'on_fail = "priority:-9"\n').warnings
    assert "give the nodes priorities above 0" in str(warning)
