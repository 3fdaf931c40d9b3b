"""Starts that must not happen, beside a running cluster: refused with what, where, why, what to do.

Every refusal ends by itself with its exit code; no process, no address and no lock is left, and
the cluster next to it does not notice.
"""

import os
import re
import secrets
import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from tests.support import REPOSITORY
from tests.system.refusing import steady
from tests.system.yard import PORT, Shape, Yard, make_folder, opened, until
from watchdog.cli.demo import lab as labs
from watchdog.cli.demo.outside import inside

pytestmark = pytest.mark.root

MEMBERS: Final = ("alpha", "bravo", "charlie")
SUBJECT: Final = "charlie"
NEWCOMER: Final = "delta"
NOBODY: Final = 65534


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    """Three nodes have formed; the subject has stopped. The newcomer is in nobody's file."""
    root = tmp_path_factory.mktemp("start")
    with opened(root, (*MEMBERS, NEWCOMER), Shape(MEMBERS, first="alpha")) as made:
        made.form(MEMBERS)
        assert made.stop(SUBJECT) == 0
        yield made


@pytest.fixture(autouse=True)
def _rested(yard: Yard) -> Iterator[None]:
    """Each test is beside a steady cluster, and leaves nothing of the subject running."""
    with steady(yard):
        yield
        if yard.is_running(SUBJECT):
            yard.stop(SUBJECT)
        assert labs.pids(yard.lab.places[SUBJECT].namespace) == []


def expect(result: tuple[int, str], code: int, *words: str) -> None:
    """The exit code, every word in the text, and no traceback."""
    found, text = result
    assert found == code, text
    for word in words:
        assert word in text, text
    assert "Traceback" not in text, text


# -- two of a kind ---------------------------------------------------------------------------------


def test_a_second_daemon_on_the_same_data_is_told_the_pid_of_the_first(yard: Yard) -> None:
    """Typed twice: the second ends at once, the first goes on holding the VIP."""
    leader = yard.led()
    running = yard.running(leader)
    result = yard.refused(leader)
    why = f"pid {running.pid} "
    expect(result, 1, "another quorumdog runs", why, "guardian.lock", "stop it first")
    assert running.exit_code is None
    yard.expect_holder(leader)


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_a_port_in_use_is_refused_with_its_number(yard: Yard, kind: socket.SocketKind) -> None:
    """TCP for the peers and UDP for the wills: either may belong to another program."""
    place = yard.lab.places[SUBJECT]
    with inside(place.namespace, lambda: socket.socket(socket.AF_INET, kind)) as taken:
        taken.bind((place.address, PORT))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        where = f"{place.address} port {PORT}: address already in use"
        expect(yard.refused(SUBJECT), 2, where, "set [cluster] port")


# -- the key ---------------------------------------------------------------------------------------

KEYS: Final[dict[str, tuple[Callable[[Path], object], tuple[str, ...]]]] = {
    "missing": (Path.unlink, ("No such file", "quorumdog key gen")),
    "open to others": (lambda p: p.chmod(0o644), ("mode 0644", "chmod 600")),
    "short": (lambda p: p.write_bytes(secrets.token_bytes(31)), ("31 bytes", "32", "key gen")),
    "text": (lambda p: p.write_bytes(b"correct horse battery staple, twice over"), ("text",)),
    "directory": (make_folder, ("no regular file", "key gen")),
    "another owner": (lambda p: os.chown(p, NOBODY, NOBODY), (f"user id {NOBODY}", "chown root")),
}


@pytest.mark.parametrize("fault", KEYS)
def test_an_unfit_authkey_is_refused(yard: Yard, fault: str) -> None:
    """Whoever has the key is a node: it is guarded before anything else happens."""
    hurt, words = KEYS[fault]
    key = yard.home(SUBJECT) / "authkey"
    key.write_bytes(secrets.token_bytes(32))
    key.chmod(0o600)
    hurt(key)
    try:
        result = yard.refused(SUBJECT, shape=replace(yard.shape, authkey=key))
        expect(result, 2, str(key), "quorumdog.conf:3", *words)
    finally:
        shutil.rmtree(key) if key.is_dir() else key.unlink(missing_ok=True)


# -- which node ------------------------------------------------------------------------------------


def bare_run(yard: Yard, namespace: str, *words: str) -> tuple[int, str]:
    """`quorumdog run` without --node, with the subject's file."""
    file = yard.write(SUBJECT)
    run = [sys.executable, "-I", "-m", "watchdog", "run", "--config", str(file), *words]
    return Yard.ended(["ip", "netns", "exec", namespace, *run])


def test_a_machine_that_is_no_node_is_refused(yard: Yard) -> None:
    """Started on the wrong machine: it says what it has and what the file has."""
    place = yard.lab.places[NEWCOMER]
    result = bare_run(yard, place.namespace)
    expect(result, 2, "no node has an address", place.address, "alpha 10.77.0.11", "--node NAME")


def test_a_machine_that_is_two_nodes_must_be_told_which(yard: Yard) -> None:
    """Two addresses of the file on one machine."""
    place = yard.lab.places[NEWCOMER]
    for name in ("alpha", "bravo"):
        address = yard.lab.places[name].address
        labs.run(["ip", "-n", place.namespace, "addr", "add", f"{address}/32", "dev", "lo"])
    try:
        expect(bare_run(yard, place.namespace), 2, "several nodes", "alpha, bravo", "--node alpha")
    finally:
        labs.run(["ip", "-n", place.namespace, "addr", "flush", "dev", "lo"])


def test_a_node_that_is_not_in_the_file_is_refused(yard: Yard) -> None:
    """A typing error in --node: it says what was meant."""
    result = bare_run(yard, yard.lab.places[SUBJECT].namespace, "--node", "charly")
    expect(result, 2, "there is no node `charly`", "did you mean `charlie`?")


# -- rights ----------------------------------------------------------------------------------------


def test_a_user_who_may_not_add_addresses_is_refused(yard: Yard) -> None:
    """An ordinary user with [vip]: better now than in the night when the VIP is needed."""
    key = yard.home(SUBJECT) / "authkey"
    key.write_bytes(secrets.token_bytes(32))
    key.chmod(0o600)
    os.chown(key, NOBODY, NOBODY)
    ordinary = replace(yard.shape, authkey=key, scheduling="normal", timing="default")
    yard.write(SUBJECT, ordinary)
    may_read = "+dac_read_search"  # this checkout may lie where only root can read
    user = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    rights = [f"--inh-caps=-all,{may_read}", f"--ambient-caps=-all,{may_read}"]
    command = yard.command(SUBJECT, "run", "--node", SUBJECT)
    at = command.index(sys.executable)
    result = Yard.ended([*command[:at], *user, *rights, "--", *command[at:]])
    expect(
        result, 2, "[vip.db] needs the right to add addresses", "CAP_NET_ADMIN", "run it as root"
    )
    key.unlink()


def test_a_scheduling_class_that_is_not_permitted_is_refused(yard: Yard) -> None:
    """The others reckon with a punctuality that this process cannot have."""
    yard.write(SUBJECT, replace(yard.shape, scheduling="rt"))
    command = yard.command(SUBJECT, "run", "--node", SUBJECT)
    at = command.index(sys.executable)
    result = Yard.ended([*command[:at], "setpriv", "--bounding-set=-sys_nice", "--", *command[at:]])
    expect(result, 2, 'scheduling = "rt" is not permitted', 'scheduling = "normal"')


# -- PyPI's watchdog -------------------------------------------------------------------------------


def stranger_package(root: Path) -> Path:
    """Something like PyPI's `watchdog` in a directory; it says so when it is imported."""
    package = root / "watchdog"
    (package / "observers").mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "observers" / "__init__.py").write_text("class Observer: ...\n", encoding="utf-8")
    return root


def test_another_watchdog_on_the_path_is_not_imported(yard: Yard, tmp_path: Path) -> None:
    """PYTHONPATH and the current directory do not count for the isolated daemon."""
    stranger_package(tmp_path)
    yard.start(SUBJECT, env={"PYTHONPATH": str(tmp_path)})
    until("charlie runs", lambda: yard.is_whole(SUBJECT))
    assert yard.stop(SUBJECT) == 0


@pytest.mark.parametrize("overwritten", [True, False])
def test_a_watchdog_installed_over_ours_is_named(
    yard: Yard, tmp_path: Path, overwritten: bool
) -> None:
    """Both in one directory: it says whose files these are and how to get rid of them."""
    for package in ("watchdog", "ipc"):
        shutil.copytree(REPOSITORY / package, tmp_path / package)
    ours = (tmp_path / "watchdog" / "__init__.py").read_text(encoding="utf-8")
    stranger_package(tmp_path)
    if not overwritten:
        (tmp_path / "watchdog" / "__init__.py").write_text(ours, encoding="utf-8")
    start = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from watchdog.cli import main; main()"
    )
    command = yard.command(SUBJECT, "run", "--node", SUBJECT)
    at = command.index("-m")
    yard.write(SUBJECT)
    result = Yard.ended([*command[:at], "-c", start, *command[at + 2 :]])
    expect(result, 1, "PyPI's `watchdog`", "make install")


# -- membership ------------------------------------------------------------------------------------


@contextmanager
def log_of(yard: Yard, name: str) -> Iterator[Callable[[], str]]:
    """What a node says from here on."""
    before = len(yard.log(name))
    yield lambda: yard.log(name)[before:]


def test_a_file_that_drops_a_stored_member_is_refused(yard: Yard) -> None:
    """Two lists are two quorums: it names the difference and the way out."""
    result = yard.refused(SUBJECT, shape=replace(yard.shape, members=("alpha", SUBJECT)))
    expect(result, 2, "bravo is stored, but not in the file", "--accept-membership", "every node")


def test_a_file_that_moves_a_stored_member_is_refused(yard: Yard) -> None:
    """The same name at another address is another machine."""
    file = yard.write(SUBJECT)
    moved = file.read_text(encoding="utf-8").replace("10.77.0.12", "10.77.0.99")
    file.write_text(moved, encoding="utf-8")
    result = Yard.ended(yard.command(SUBJECT, "run", "--node", SUBJECT))
    expect(result, 2, "bravo is stored at 10.77.0.12, the file has 10.77.0.99")


def test_a_file_that_only_adds_a_member_runs_with_the_stored_list_and_says_so(yard: Yard) -> None:
    """An edit that was copied, but not accepted yet: the node stays useful."""
    with log_of(yard, SUBJECT) as said:
        yard.start(SUBJECT, shape=replace(yard.shape, members=(*MEMBERS, NEWCOMER)))
        until("charlie is back", lambda: yard.is_whole(SUBJECT))
        status = yard.status_json(SUBJECT)
        assert [row["name"] for row in status["nodes"]] == list(MEMBERS)
        told = "delta is in the file, but not stored"
        assert any(told in text for text in status["warnings"])
        assert told in said()
        assert yard.stop(SUBJECT) == 0


def test_accepted_members_take_over_only_together(tmp_path: Path) -> None:
    """One node that accepted alone helps nobody; all of them make a cluster of four."""
    with opened(tmp_path, (*MEMBERS, NEWCOMER), Shape(MEMBERS)) as yard:
        yard.form(MEMBERS)
        yard.stop_together()
        wider = replace(yard.shape, members=(*MEMBERS, NEWCOMER))
        yard.start("alpha", "--accept-membership", shape=wider)
        until("alpha waits", lambda: yard.status("alpha").get("waiting_for"))
        assert yard.told("alpha")["memory"] != "intact"
        yard.expect_holder()
        for name in (*MEMBERS[1:], NEWCOMER):
            yard.start(name, "--accept-membership", shape=wider)
        leader = yard.led()
        until("all four", lambda: all(yard.is_whole(name) for name in (*MEMBERS, NEWCOMER)))
        assert yard.told(leader)["quorum"]["need"] == 3


def test_the_file_itself_can_be_bad(yard: Yard) -> None:
    """Missing, a directory, no text, no TOML: said before anything is touched."""
    file = yard.write(SUBJECT)
    run = yard.command(SUBJECT, "run", "--node", SUBJECT)
    file.unlink()
    expect(Yard.ended(run), 3, str(file))
    file.mkdir()
    expect(Yard.ended(run), 3, str(file))
    file.rmdir()
    for content in (os.urandom(2_000), b"[cluster\n", b"\x00" * 100):
        file.write_bytes(content)
        code, text = Yard.ended(run)
        assert code in {2, 3}, text
        assert re.search(rf"{re.escape(str(file))}(:\d+)?", text)
        assert "Traceback" not in text
