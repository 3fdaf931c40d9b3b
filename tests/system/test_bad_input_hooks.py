"""Hooks that are missing, unsafe, stuck, failing or loud, in a cluster that must go on.

Alpha is preferred by priority, so it is the first to try and has the bad hook.  Whatever the hook
does: alpha's VIP is gone when it gives up, nothing that a hook started is alive, another fit node
takes over, and the reason stands in log and status.
"""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.system.refusing import steady
from tests.system.yard import Shape, Yard, make_folder, opened, until
from watchdog.cli.demo import lab as labs

pytestmark = pytest.mark.root

MEMBERS: Final = ("alpha", "bravo", "charlie")
SUBJECT: Final = "alpha"
TRIES_MAX: Final = 5
PRINTED: Final = 100_000_000
LOG_MAX: Final = 100_000
"""500 lines of output as lines of log, and everything else that the daemon had to say."""
GUARDIAN_RSS_MAX_MIB: Final = 48
GOOD: Final = '#!/bin/sh\necho "$QUORUMDOG_EVENT $QUORUMDOG_EPOCH" >> "$(dirname "$0")/trace"\n'
SERVICE: Final = "setsid sleep 3601 </dev/null >/dev/null 2>&1 &\n"
"""What a hook leaves behind: a process in a session of its own."""
HANG: Final = f"#!/bin/sh\ntrap '' TERM\n{SERVICE}while :; do sleep 1; done\n"
FAIL: Final = f"#!/bin/sh\n{SERVICE}echo no disk of that name >&2\nexit 3\n"
LOUD: Final = f"#!/bin/sh\nyes quorumdog | head -c {PRINTED}\n"


def hook(yard: Yard, name: str, kind: str) -> Path:
    """The file of a node's hook."""
    return yard.home(name) / "hooks" / kind


def put(path: Path, text: str) -> None:
    """A hook that may be run."""
    path.unlink(missing_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)


def shaped(yard: Yard, name: str) -> Shape:
    """The node's file: every node has hooks of its own."""
    lines = [f'{kind} = "{hook(yard, name, kind)}"' for kind in ("escalation", "de_escalation")]
    stuck = f'state_change = "{hook(yard, name, "state_change")}"' if name == "charlie" else ""
    bounds = 'escalation_timeout = "4s"\nde_escalation_timeout = "400ms"'
    text = "\n".join(["[hooks]", *lines, stuck, bounds])
    return Shape(MEMBERS, first=SUBJECT, hooks=text)


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """Three nodes with good hooks; charlie's state_change hook hangs all the time."""
    with opened(tmp_path_factory.mktemp("hooks"), MEMBERS, Shape(MEMBERS)) as made:
        for name in MEMBERS:
            hook(made, name, "").mkdir(mode=0o755)
            for kind in ("escalation", "de_escalation"):
                put(hook(made, name, kind), GOOD)
            put(hook(made, name, "state_change"), HANG)
            made.start(name, shape=shaped(made, name))
        made.led()
        yield made


@pytest.fixture
def elsewhere(yard: Yard) -> Iterator[str]:
    """Somebody else leads and alpha is fit; afterwards alpha has good hooks again."""
    leader = SUBJECT
    for _ in range(3):  # a move of the test before may still be on its way
        if yard.led() == SUBJECT or alarms(yard):
            assert yard.stop(SUBJECT) == 0  # a new process: no penalty, and it stands down no more
            yard.start(SUBJECT, shape=shaped(yard, SUBJECT))
        until("all are fit", lambda: all(is_fit(yard, name) for name in MEMBERS))
        leader = yard.led()
        if leader != SUBJECT:
            break
    assert leader != SUBJECT
    yield leader
    hook(yard, SUBJECT, "").chmod(0o755)
    for kind in ("escalation", "de_escalation"):
        put(hook(yard, SUBJECT, kind), GOOD)


def is_fit(yard: Yard, name: str) -> bool:
    """Whether a node could lead, and all others see it so."""
    views = [yard.status(other).get("nodes", []) for other in MEMBERS]
    rows = [row for view in views for row in view if row["name"] == name]
    return len(rows) == len(MEMBERS) and all(row["eligible"] and row["reachable"] for row in rows)


def switch(yard: Yard, target: str) -> None:
    """An ordinary switchover that must work."""
    done = subprocess.run(
        yard.command(SUBJECT, "switchover", "--to", target),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    yard.led(target)


def fail_over(yard: Yard, leader: str) -> None:
    """The coordinator's node process dies: the next by priority tries."""
    pid = yard.running(leader).node_pid()
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def fail_over_to_alpha(yard: Yard, leader: str, before: int) -> None:
    """As `fail_over`, until alpha is the one that tries: priority is a preference, no promise."""
    for _ in range(TRIES_MAX):
        fail_over(yard, leader)
        until("somebody stands", lambda: has_tried(yard, before) or leads(yard, but=SUBJECT))
        if has_tried(yard, before):
            return
        until("all are fit", lambda: all(is_fit(yard, name) for name in MEMBERS))
        leader = yard.led()
    raise AssertionError("alpha never tried")


def has_tried(yard: Yard, before: int) -> bool:
    """Whether alpha was elected since its log was so long."""
    return "event=election_won" in yard.log(SUBJECT)[before:]


def strays(yard: Yard, name: str) -> list[int]:
    """Processes in a node's namespace that are not the daemon's own."""
    own = yard.running(name).own_pids()
    return [pid for pid in labs.pids(yard.lab.places[name].namespace) if pid not in own]


Hurt = Callable[[Path], object]
UNUSABLE: Final[dict[str, tuple[Hurt, str]]] = {
    "missing": (Path.unlink, "No such file or directory"),
    "directory": (make_folder, "is not a regular file"),
    "not executable": (lambda p: p.chmod(0o644), "is not executable"),
    "world-writable": (lambda p: p.chmod(0o777), "is writable by others"),
    "parent writable": (lambda p: p.parent.chmod(0o777), "is writable by others"),
    "setuid": (lambda p: p.chmod(0o4755), "is setuid"),
    "another's": (lambda p: os.chown(p, 4321, 4321), "belongs to uid 4321"),
}
MISBEHAVING: Final = {"hangs": (HANG, "bound"), "fails": (FAIL, "exit code 3")}


@pytest.mark.parametrize("fault", UNUSABLE)
def test_an_unusable_escalation_hook_is_found_before_a_switchover(
    yard: Yard, elsewhere: str, fault: str
) -> None:
    """The target looks at its hooks first: the switchover is refused, and nothing moves."""
    hurt, told = UNUSABLE[fault]
    file = hook(yard, SUBJECT, "escalation")
    hurt(file)
    with steady(yard):
        done = subprocess.run(
            yard.command(elsewhere, "switchover", "--to", SUBJECT),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert told in done.stderr, done.stderr
    if file.is_dir():
        file.rmdir()


@pytest.mark.parametrize("fault", ["missing", "world-writable", "parent writable"])
def test_a_node_whose_hook_cannot_be_run_gives_its_place_to_another(
    yard: Yard, elsewhere: str, fault: str
) -> None:
    """A failover has no time to ask: alpha tries, says why it cannot, and stands down."""
    hurt, told = UNUSABLE[fault]
    hurt(hook(yard, SUBJECT, "escalation"))
    gives_its_place(yard, elsewhere, told)


@pytest.mark.parametrize("fault", MISBEHAVING)
def test_a_node_whose_hook_misbehaves_gives_its_place_to_another(
    yard: Yard, elsewhere: str, fault: str
) -> None:
    """Stuck hooks are killed at their bound, with all that they started."""
    text, told = MISBEHAVING[fault]
    put(hook(yard, SUBJECT, "escalation"), text)
    gives_its_place(yard, elsewhere, told)


def gives_its_place(yard: Yard, leader: str, told: str) -> None:
    """Alpha is elected, fails, and somebody else ends up with the VIP."""
    before = len(yard.log(SUBJECT))
    fail_over_to_alpha(yard, leader, before)
    until("alpha failed", lambda: "HOOK_FAILED" in yard.log(SUBJECT)[before:])
    successor = until("another one leads", lambda: leads(yard, but=SUBJECT))
    assert told in yard.log(SUBJECT)[before:]
    assert told in alarms(yard)["HOOK_FAILED"]
    yard.expect_holder(successor)
    until("nothing of the hook is left", lambda: not strays(yard, SUBJECT))


def alarms(yard: Yard) -> dict[str, str]:
    """What alpha's operator should look at."""
    return {alarm["name"]: alarm["text"] for alarm in yard.told(SUBJECT)["alarms"]}


def leads(yard: Yard, but: str) -> str:
    """Who holds the VIP and is escalated, when it is not `but`."""
    holders = yard.holders()
    if len(holders) != 1 or holders == [but]:
        return ""
    return holders[0] if yard.status(holders[0]).get("phase") == "escalated" else ""


def test_a_hook_that_prints_100_mb_is_heard_out_and_cut(yard: Yard, elsewhere: str) -> None:
    """Its first 500 lines are kept, the rest is read and thrown away: it succeeds, alpha leads."""
    put(hook(yard, SUBJECT, "escalation"), LOUD)
    before = len(yard.log(SUBJECT))
    fail_over_to_alpha(yard, elsewhere, before)
    assert yard.led(SUBJECT) == SUBJECT
    until("its hook has ended", lambda: "event=hook_ended" in yard.log(SUBJECT)[before:])
    said = yard.log(SUBJECT)[before:]
    assert "hook=escalation ok=true" in said
    assert "only the first 64 KiB or 500 lines" in said
    assert len(said) < LOG_MAX
    assert yard.rss_of(yard.running(SUBJECT).pid) < GUARDIAN_RSS_MAX_MIB


DE_ESCALATION: Final[dict[str, tuple[Hurt, str]]] = {
    "missing": (Path.unlink, "No such file or directory"),
    "world-writable": (lambda p: p.chmod(0o777), "is writable by others"),
    "fails": (lambda p: put(p, FAIL), "exit code 3"),
    "hangs": (lambda p: put(p, HANG), "not done at its bound"),
    "prints 100 MB": (lambda p: put(p, LOUD + "exit 5\n"), "de_escalation"),
}


@pytest.mark.parametrize("fault", DE_ESCALATION)
def test_a_bad_de_escalation_hook_never_keeps_the_vip(
    yard: Yard, elsewhere: str, fault: str
) -> None:
    """It ends within its bound one way or the other; the VIP goes first, and another takes over."""
    assert elsewhere != SUBJECT
    put(hook(yard, SUBJECT, "escalation"), GOOD + SERVICE)
    switch(yard, SUBJECT)
    assert strays(yard, SUBJECT), "the escalated service runs"
    hurt, told = DE_ESCALATION[fault]
    hurt(hook(yard, SUBJECT, "de_escalation"))
    before = len(yard.log(SUBJECT))
    fail_over(yard, SUBJECT)
    successor = until("another one leads", lambda: leads(yard, but=SUBJECT))
    said = yard.log(SUBJECT)[before:]
    assert "event=de_escalation_failed" in said
    assert told in said
    yard.expect_holder(successor)
    until("nothing of the hooks is left", lambda: not strays(yard, SUBJECT))
