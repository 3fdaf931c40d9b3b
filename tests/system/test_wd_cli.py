"""The real wd_cli of Debian's pgpool2 against a real cluster, with and without a key.

A missing binary is a failure.  What wd_cli prints is compared with what the nodes say themselves.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from ipc.client import RefusedError, UnreachableError, call
from tests.system.cluster import SystemCluster, run_cluster
from tests.system.operating import configure, restart
from tests.system.prober import PATIENCE_S, story
from tests.system.speaking import PORT, callers, row, unmoved, until, wd_cli

pytestmark = pytest.mark.root
NONE = '[lifecheck]\nmethod = "none"\n'
KEY = "correct horse battery"
LOCKED = NONE + '[ipc]\nauthkey_file = "{home}/ipc.key"\n'
PGPOOL_PORT = "9999"


@pytest.fixture(scope="module")
def cluster() -> Iterator[SystemCluster]:
    """Nobody judges health here but wd_cli."""
    with run_cluster(3, tables=NONE) as made:
        yield made


@pytest.fixture
def steady(cluster: SystemCluster) -> Iterator[str]:
    """A test in which nothing moves; the coordinator."""
    cluster.wait_healthy()
    with unmoved(cluster) as leader:
        yield leader


def said(cluster: SystemCluster, at: str, key: str | None = None) -> dict[str, Any]:
    """Whom a node calls dead, and from which source."""
    body: dict[str, Any] = call(cluster.cluster.socket(at), "status", key=key)
    found: dict[str, Any] = body["called_dead"]
    return found


def choices(cluster: SystemCluster, name: str) -> dict[str, tuple[str, ...]]:
    """The three ways to name a node."""
    number, address = str(cluster.names.index(name)), cluster.lab.places[name].address
    return {"id": ("-n", number), "name": ("-N", name), "host": ("-H", address, "-P", str(PORT))}


def test_info_of_all_says_who_leads_on_every_node(cluster: SystemCluster, steady: str) -> None:
    """States 4 and 7, the local node first, the others in the order of the file."""
    for at in cluster.names:
        ran = wd_cli(cluster, at, "-i", "-a", "-v")
        assert ran.code == 0
        order = [at, *(name for name in cluster.names if name != at)]
        assert [shown["Node Name"] for shown in ran.rows] == order
        for shown in ran.rows:
            name = shown["Node Name"]
            leads = name == steady
            assert shown["Node Status code"] == ("4" if leads else "7")
            assert shown["Node Status"] == ("LEADER" if leads else "STANDBY")
            assert shown["Node ID"] == str(cluster.names.index(name))
            assert shown["Node Host"] == cluster.lab.places[name].address
            assert shown["Node WD Port"] == str(PORT)
            assert shown["Node Pgpool Port"] == PGPOOL_PORT
        short = wd_cli(cluster, at, "--info", "--all")
        assert (short.code, short.text.count('"STANDBY"'), short.text.count('"LEADER"')) == (
            0,
            2,
            1,
        )


@pytest.mark.parametrize("how", ["id", "name", "host"])
def test_info_finds_a_node(cluster: SystemCluster, steady: str, how: str) -> None:
    """By id, by name, by host and port; the coordinator too, from another node."""
    at = next(name for name in cluster.names if name != steady)
    for name in cluster.names:
        (shown,) = wd_cli(cluster, at, "-i", "-v", *choices(cluster, name)[how]).rows
        assert shown["Node Name"] == name
        assert shown["Node Status code"] == ("4" if name == steady else "7")


def test_info_of_a_node_that_is_not_there_fails(cluster: SystemCluster, steady: str) -> None:
    """With wd_cli's own words and exit code."""
    for choice in (("-n", "3"), ("-N", "nobody"), ("-H", "10.77.0.99", "-P", "9000")):
        ran = wd_cli(cluster, steady, "-i", *choice)
        assert ran.code == 1
        assert "unable to find the node" in ran.text


def test_info_shows_a_node_that_has_gone(cluster: SystemCluster) -> None:
    """8 while it is not reachable; 10 after an orderly stop."""
    cluster.wait_healthy()
    with unmoved(cluster) as leader:
        name = next(other for other in cluster.names if other != leader)
        cluster.cut(name)
        until(cluster, "it is lost", lambda: _state(cluster, leader, name) == ("8", "LOST"))
        cluster.heal(name)
        cluster.wait_healthy()
        assert cluster.stop(name) == 0
        until(cluster, "it stopped", lambda: _state(cluster, leader, name) == ("10", "SHUTDOWN"))
        cluster.start(name)
        cluster.wait_healthy()


def _state(cluster: SystemCluster, at: str, name: str) -> tuple[str, str]:
    (shown,) = wd_cli(cluster, at, "-i", "-v", "-N", name).rows
    return shown["Node Status code"], shown["Node Status"]


@pytest.mark.parametrize("how", ["id", "name", "host"])
def test_inform_is_believed_and_taken_back(cluster: SystemCluster, steady: str, how: str) -> None:
    """Said on one node of the coordinator: one voice, which everybody shows and nothing obeys."""
    at = next(name for name in cluster.names if name != steady)
    choice = choices(cluster, steady)[how]
    assert wd_cli(cluster, at, "-I", "DEAD", *choice, "-m", "it hangs").code == 0
    until(cluster, "it arrived", lambda: said(cluster, at) == {"inform": {steady: "it hangs"}})
    for name in cluster.names:
        until(cluster, "it is shown", partial(callers, cluster, name, steady))
        assert callers(cluster, name, steady) == {at}
    assert wd_cli(cluster, at, "--inform", "ALIVE", *choice).code == 0
    until(cluster, "it is taken back", lambda: said(cluster, at) == {})


def test_inform_without_criteria_means_the_local_node(cluster: SystemCluster) -> None:
    """`wd_cli -I DEAD` alone makes the coordinator give up, as docs/ipc.md warns; it lives on."""
    with story(cluster) as told:
        pid = cluster.node_pid(told.leader)
        cluster.mark("wd_cli -I DEAD")
        assert wd_cli(cluster, told.leader, "-I", "DEAD").code == 0
        successor = cluster.wait_coordinator(other_than=told.leader)
        assert cluster.node_pid(told.leader) == pid
        assert cluster.status(told.leader)["unfit"].startswith("said to be dead by uid ")
        assert _state(cluster, told.leader, told.leader) == ("7", "STANDBY")
        assert wd_cli(cluster, told.leader, "-I", "ALIVE").code == 0
        may_lead = partial(row, cluster, successor, told.leader)
        until(cluster, "it may lead again", lambda: may_lead()["eligible"])


@pytest.mark.parametrize("text", ['say "no"', "tail \\", '","NodeID":0,"x":"'])
def test_message_with_unescaped_quotes_harms_nobody(
    cluster: SystemCluster, steady: str, text: str
) -> None:
    """This wd_cli does not escape: what it sends is refused, or means what it says."""
    at = next(name for name in cluster.names if name != steady)
    other = next(name for name in cluster.names if name not in (at, steady))
    ran = wd_cli(cluster, at, "-I", "DEAD", "-N", other, "-m", text)
    assert ran.code == 0
    assert wd_cli(cluster, at, "-i", "-a", "-v").rows[0]["Node Name"] == at
    assert set(said(cluster, at).get("inform", {})) <= {other}
    assert wd_cli(cluster, at, "-I", "ALIVE", "-N", other).code == 0
    until(cluster, "nothing is said", lambda: said(cluster, at) == {})


@contextmanager
def locked(cluster: SystemCluster, name: str) -> Iterator[None]:
    """A node whose control socket wants a key, for the length of a block."""
    file = cluster.cluster.folder / name / "ipc.key"
    file.write_text(KEY + "\n", encoding="ascii")
    file.chmod(0o600)
    layout = cluster.cluster.layout
    configure(cluster, name, replace(layout, tables=LOCKED))
    restart(cluster, name)
    until(cluster, f"{name} follows", lambda: _follows(cluster, name))
    try:
        yield
    finally:
        configure(cluster, name, layout)
        restart(cluster, name)
    cluster.wait_healthy()


def _follows(cluster: SystemCluster, name: str) -> bool:
    try:
        body: dict[str, Any] = call(cluster.cluster.socket(name), "status", key=KEY)
    except (UnreachableError, RefusedError):
        return False
    return body["state"] == "STANDBY" and all(shown["reachable"] for shown in body["nodes"])


def test_with_a_key_only_who_has_it_is_heard(cluster: SystemCluster) -> None:
    """[ipc] authkey_file: wd_authkey in the file or -k; a wrong key changes nothing."""
    cluster.wait_healthy()
    with unmoved(cluster) as leader:
        name = next(other for other in cluster.names if other != leader)
        with locked(cluster, name):
            for key, code in ((KEY, 0), ("wrong", 255), ("", 255)):
                assert wd_cli(cluster, name, "-i", "-a", key=key).code == code
                assert wd_cli(cluster, name, "-I", "DEAD", "-N", leader, key=key).code == code
                if key != KEY:
                    assert said(cluster, name, KEY) == {}, key
                    continue
                until(cluster, "heard", lambda: leader in said(cluster, name, KEY)["inform"])
                assert wd_cli(cluster, name, "-I", "ALIVE", "-N", leader, key=key).code == 0
                until(cluster, "taken back", lambda: said(cluster, name, KEY) == {})
            assert wd_cli(cluster, name, "-i", "-a", "-k", KEY).code == 0
            assert wd_cli(cluster, name, "-i", "-a", "-k", "wrong", key=KEY).code == 255
            with pytest.raises(RefusedError, match="invalid KEY"):
                call(cluster.cluster.socket(name), "status", timeout_s=PATIENCE_S)
