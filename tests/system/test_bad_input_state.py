"""Files that a node must not forget, damaged, replaced or somebody else's: with real daemons.

What is not this node's to read or write is refused: where, what, why, what to do; nothing is
changed, nothing runs.  What was this node's and is damaged is amnesia: said aloud, and without a
vote before those who remember have answered (docs/election.md, 4).
"""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.system.refusing import steady
from tests.system.yard import CLUSTER, Shape, Yard, opened, until
from watchdog import slots
from watchdog.cli.demo import lab as labs
from watchdog.config.numbers import cluster_id

pytestmark = pytest.mark.root

MEMBERS: Final = ("alpha", "bravo", "charlie")
SUBJECT: Final = "charlie"
"""Whose files are hurt; alpha has the highest priority, so it is no coordinator."""
STRANGER: Final = 4321
PROMISES: Final = 5
PROMISE_S: Final = 0.65
HELLOS_S: Final = 0.6
"""Several HELLOs of every node."""
Plant = Callable[[Path, Yard], object]


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """Three nodes that have formed; the subject has stopped, with a good state in both slots."""
    with opened(tmp_path_factory.mktemp("state"), MEMBERS, Shape(MEMBERS, first="alpha")) as made:
        made.form(MEMBERS)
        assert made.stop(SUBJECT) == 0
        # Its second process writes the second slot: only then does cutting the file lose a record.
        made.start(SUBJECT)
        until("charlie votes", lambda: made.votes(SUBJECT))
        assert made.stop(SUBJECT) == 0
        yield made


@pytest.fixture(autouse=True)
def _rested(yard: Yard) -> Iterator[None]:
    """A test that failed must not leave the subject running for the next one."""
    yield
    if yard.is_running(SUBJECT):
        yard.stop(SUBJECT)


def sized(path: Path, mode: int) -> None:
    """A blank file of the right size."""
    path.write_bytes(bytes(slots.FILE_SIZE))
    path.chmod(mode)


def link(path: Path) -> None:
    """A link to a file that would be good."""
    sized(path.with_name("elsewhere"), 0o600)
    path.symlink_to(path.with_name("elsewhere"))


def hard_link(path: Path) -> None:
    """A second name of another file."""
    sized(path.with_name("elsewhere"), 0o600)
    os.link(path.with_name("elsewhere"), path)


def owned(path: Path) -> None:
    """A file of another user."""
    sized(path, 0o600)
    os.chown(path, STRANGER, STRANGER)


def written(path: Path, payload: bytes, cluster: str) -> None:
    """A whole slot with this payload."""
    data = slots.encode(7, payload, cluster_id(cluster), SUBJECT)
    path.write_bytes(data + bytes(slots.FILE_SIZE - len(data)))
    path.chmod(0o600)


def of_alpha(path: Path, yard: Yard) -> None:
    """A copy of a neighbour's file, as a hasty restore makes it."""
    shutil.copy(yard.home("alpha") / "data" / path.name, path)


REFUSED: Final[dict[str, tuple[str, Plant, tuple[str, ...]]]] = {
    "directory": ("state", lambda p, _: p.mkdir(), ("is a directory", "move it away")),
    "link": ("state", lambda p, _: link(p), ("is a symbolic link", "put the file itself")),
    "fifo": ("state", lambda p, _: os.mkfifo(p, 0o600), ("is a fifo", "move it away")),
    "writable": ("state", lambda p, _: sized(p, 0o666), ("mode 0666", "chmod 600")),
    "owner": ("state", lambda p, _: owned(p), (f"uid {STRANGER}", "chown 0")),
    "node": ("state", of_alpha, ("written by node alpha", "move the file away", "--node")),
    "cluster": (
        "state",
        lambda p, _: written(p, b"x", "another"),
        ("is not this node's", f"node {SUBJECT} of cluster", "correct [cluster] name"),
    ),
    "version": (
        "state",
        lambda p, _: written(p, b"\x91\x7f", CLUSTER),
        ("cannot be read by this version", "install the version that wrote it"),
    ),
    "ledger directory": (
        "guardian.ledger",
        lambda p, _: p.mkdir(),
        ("is a directory", "move it away"),
    ),
    "ledger link": ("guardian.ledger", lambda p, _: link(p), ("symbolic link", "remove the link")),
    "ledger name": ("guardian.ledger", lambda p, _: hard_link(p), ("2 names", "remove this one")),
    "ledger writable": (
        "guardian.ledger",
        lambda p, _: sized(p, 0o666),
        ("mode 0666", "chmod 600"),
    ),
    "ledger owner": ("guardian.ledger", lambda p, _: owned(p), (f"uid {STRANGER}", "chown")),
    "ledger node": ("guardian.ledger", of_alpha, ("written by node alpha", "data_dir")),
    "lock directory": (
        "guardian.lock",
        lambda p, _: p.mkdir(),
        ("cannot open the lock", "move away what is there"),
    ),
    "node lock link": (
        "node.lock",
        lambda p, _: link(p),
        ("cannot open the lock", "move away what is there"),
    ),
}


@contextmanager
def other_data(yard: Yard) -> Iterator[Path]:
    """Another data directory for the subject, within the block."""
    data = yard.state(SUBJECT).parent
    kept = data.with_name("data.kept")
    data.rename(kept)
    data.mkdir(mode=0o700)
    try:
        yield data
    finally:
        shutil.rmtree(data)
        kept.rename(data)


@pytest.mark.parametrize("fault", REFUSED)
def test_a_file_that_is_not_ours_is_refused_with_the_way_out(yard: Yard, fault: str) -> None:
    """`run` ends by itself, says the path and what to do, and leaves the evidence alone."""
    file, plant, told = REFUSED[fault]
    with steady(yard), other_data(yard) as data:
        plant(data / file, yard)
        before = facts(data / file)
        code, text = yard.refused(SUBJECT)
        assert code in {1, 2}
        for words in (str(data / file), *told):
            assert words in text, text
        assert "Traceback" not in text
        assert text.count("not_started") + text.count("cannot_start") == 1, "it tries once"
        assert facts(data / file) == before
    assert labs.pids(yard.lab.places[SUBJECT].namespace) == []


def facts(path: Path) -> tuple[int, int, bytes]:
    """What a refused file must keep."""
    status = path.lstat()
    content = path.read_bytes() if path.is_file() else b""
    return status.st_mode, status.st_uid, content


def test_a_data_directory_that_is_a_file_is_refused(yard: Yard) -> None:
    """A typing error in data_dir."""
    with steady(yard), other_data(yard) as data:
        data.rmdir()
        data.write_text("x")
        code, text = yard.refused(SUBJECT)
        assert code == 2
        assert str(data) in text
        assert "set [cluster] data_dir" in text
        data.unlink()
        data.mkdir()


# -- damage ----------------------------------------------------------------------------------------


def half_torn(raw: bytes) -> bytes:
    """The newer slot torn in its middle, the other one whole."""
    first, second = raw[: slots.SLOT_SIZE], raw[slots.SLOT_SIZE :]
    newer_first = first[10:18] > second[10:18]
    torn = (first if newer_first else second)[:100] + os.urandom(slots.SLOT_SIZE - 100)
    return torn + second if newer_first else first + torn


DAMAGE: Final[dict[str, Callable[[bytes], bytes]]] = {
    "garbage": lambda raw: os.urandom(len(raw)),
    "truncated": lambda raw: raw[: len(raw) // 3],
    "half torn": half_torn,
    "too long": lambda raw: raw + b"x",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_state_is_amnesia_with_a_warning_and_heals_from_the_peers(
    yard: Yard, damage: str
) -> None:
    """The node joins by itself, with the cluster's term; the next start finds a sound file."""
    file = yard.state(SUBJECT)
    with steady(yard, may_confirm=True) as coordinator:
        file.write_bytes(DAMAGE[damage](file.read_bytes()))
        yard.start(SUBJECT)
        until("charlie is back", lambda: yard.is_whole(SUBJECT) and remembers(yard, SUBJECT))
        lines = [line for line in yard.log(SUBJECT).splitlines() if "event=state_loaded" in line]
        assert "level=warning" in lines[-1]
        assert "amnesiac=true" in lines[-1]
        assert f"{file} is damaged" in lines[-1]
        status = yard.status_json(SUBJECT)
        assert any(f"{file} is damaged" in text for text in status["warnings"])
        assert status["term"] == yard.told(coordinator)["term"]
        assert yard.stop(SUBJECT) == 0
    healed = slots.choose(file.read_bytes(), cluster_id(CLUSTER), SUBJECT)
    assert healed.fault is None, "the next start finds nothing to say"


def remembers(yard: Yard, name: str) -> bool:
    """Whether a node may vote again."""
    return bool(yard.status(name).get("memory") == "intact")


def alarms(yard: Yard, name: str) -> list[str]:
    """The names of a node's alarms."""
    return [alarm["name"] for alarm in yard.status(name).get("alarms", [])]


def test_a_damaged_ledger_is_written_anew_and_said(yard: Yard) -> None:
    """Its epoch comes back with the cluster's; a hook may be owed, so it goes off first."""
    with steady(yard, may_confirm=True):
        file = yard.home(SUBJECT) / "data" / "guardian.ledger"
        file.write_bytes(os.urandom(slots.FILE_SIZE))
        yard.start(SUBJECT)
        until("charlie is back", lambda: yard.is_whole(SUBJECT))
        assert f"{file} is damaged" in yard.log(SUBJECT)
        assert yard.stop(SUBJECT) == 0


def test_an_old_copy_put_back_is_found_by_those_who_remember(yard: Yard) -> None:
    """A restore from a backup looks valid to its owner: the peers' memory decides, and alarms."""
    with steady(yard, may_confirm=True):
        kept = yard.state(SUBJECT).read_bytes()
        yard.state(SUBJECT).write_bytes(os.urandom(slots.FILE_SIZE))
        yard.start(SUBJECT)
        until("charlie heals", lambda: remembers(yard, SUBJECT) and yard.is_whole(SUBJECT))
        time.sleep(HELLOS_S)  # its peers learn the number of its new record
        assert yard.stop(SUBJECT) == 0
        yard.state(SUBJECT).write_bytes(kept)
        yard.start(SUBJECT)
        until("charlie is told", lambda: "STATE_ROLLED_BACK" in alarms(yard, SUBJECT), 5.0)
        until("charlie is back", lambda: remembers(yard, SUBJECT) and yard.is_whole(SUBJECT))
        assert "an old copy was put back" in yard.log(SUBJECT)
        assert yard.stop(SUBJECT) == 0


def test_two_damaged_nodes_never_elect_anybody(tmp_path: Path) -> None:
    """A quorum of them, but none that remembers: they wait for the third, and say for whom."""
    with opened(tmp_path, MEMBERS, Shape(MEMBERS, first="alpha")) as yard:
        yard.form(MEMBERS)
        term = yard.told("alpha")["term"]
        yard.stop_together()
        for name in ("bravo", "charlie"):
            yard.state(name).write_bytes(os.urandom(slots.FILE_SIZE))
            yard.start(name)

        def waits(name: str) -> bool:
            return bool(yard.status(name).get("waiting_for") == ["alpha"])

        until("both wait for alpha", lambda: waits("bravo") and waits("charlie"))
        end = time.monotonic() + PROMISES * PROMISE_S
        while time.monotonic() < end:
            for name in ("bravo", "charlie"):
                status = yard.status(name)
                assert status["coordinator"] is None
                assert status["memory"] == "amnesiac"
                assert status["waiting_for"] == ["alpha"]
            yard.expect_holder()
            time.sleep(0.05)
        yard.start("alpha")
        leader = yard.led()
        assert yard.told(leader)["term"] > term
