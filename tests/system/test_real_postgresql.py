"""PostgreSQL behind the VIP: its processes watched by their command lines, its answers by psql.

Rule: a dead process is an event; a server that hangs or refuses is seen only by asking it.  The
checkpointer is known by the node's `cluster_name`, because all nodes share a table of processes
here.
"""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pytest

from tests.system.cluster import SystemCluster, run_cluster
from tests.system.prober import Story, story
from tests.system.programs import Postgresql, postgresql
from tests.system.services import check, moves, nothing_moves, served_by, started

pytestmark = pytest.mark.root
CHECKS: Final = """
[check.postgres]
process = "{bin}/postgres -D {home}/pg"

[check.postgres-whole]
process = ["{bin}/postgres -D {home}/pg", "postgres: {home}: checkpointer"]
absent_for = "10s"

[check.checkpointer]
process = "postgres: {home}: checkpointer"
on_fail = "report"

[check.postgres-answers]
command = ["{bin}/psql", "-XAt", "-h", "127.0.0.1", "-U", "postgres", "-c", "select 6 * 7"]
output = "^42$"
every = "1s"
timeout = "1s"
fails = 3
rises = 1
"""


@dataclass(frozen=True)
class Site:
    """A cluster whose nodes run PostgreSQL."""

    cluster: SystemCluster
    database: Postgresql


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """Three nodes with a database each; every test leaves them well."""
    tables = CHECKS.replace("{bin}", os.path.dirname(postgresql("postgres")))  # noqa: PTH120
    with run_cluster(3, start=False, tables=tables) as cluster:
        database = Postgresql(cluster)
        with started(cluster, database.fleet):
            yield Site(cluster, database)
            cluster.expect_one_holder()


def test_a_killed_postmaster_loses_the_vip(site: Site) -> None:
    """By the event of its death; the next node's database answers a query over the VIP."""
    with story(site.cluster) as told:
        moves(told, site.database.fleet, site.database.postmaster_killed, "postgres: ")


def test_a_stopped_postmaster_loses_the_vip(site: Site) -> None:
    """It is alive for every kind of process check; a query hangs."""
    with story(site.cluster) as told:
        moves(told, site.database.fleet, site.database.postmaster_stopped, "postgres-answers: ")
        assert "event=check_down" in told.log(told.leader)
        assert "check=postgres " not in _downs(told.log(told.leader))


def test_a_postgresql_that_does_not_start_with_its_configuration_loses_the_vip(site: Site) -> None:
    """Somebody breaks the file and restarts it."""
    with story(site.cluster) as told:
        moves(told, site.database.fleet, site.database.broken, "postgres: ")


def test_a_postgresql_that_lets_nobody_in_loses_the_vip(site: Site) -> None:
    """It runs and accepts connections; a query is refused."""
    with story(site.cluster) as told:
        moves(told, site.database.fleet, site.database.shut_out, "postgres-answers: exit code 2")


def test_a_checkpointer_that_its_postmaster_starts_again_moves_nothing(site: Site) -> None:
    """Its death is seen, and with `absent_for` waited for.

    The postmaster is held for a moment: a successor that is there at once is no absence at all.
    """
    cluster, database = site.cluster, site.database
    with story(cluster) as told:
        name, before = told.leader, database.checkpointer(told.leader)
        assert before is not None
        _wait_checkpointer(told, name, "up")
        goes_on = database.postmaster_stopped(name)
        try:
            os.kill(before, signal.SIGKILL)
            _wait_checkpointer(told, name, "down")
        finally:
            goes_on()
        told.wait("another one", lambda: database.checkpointer(name) not in {None, before})
        served_by(told, database.fleet, name)
        assert cluster.wait_healthy() == name
        nothing_moves(told)
        assert "check=postgres" not in _downs(told.log(name))


def _wait_checkpointer(told: Story, name: str, verdict: str) -> None:
    told.wait(
        f"the checkpointer's check is {verdict}",
        lambda: check(told.cluster, name, "checkpointer")["verdict"] == verdict,
    )


def _downs(log: str) -> str:
    return "\n".join(line for line in log.splitlines() if "event=check_down" in line)
