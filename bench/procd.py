"""The experiment of procd (2008) again: three ways of noticing that PostgreSQL was killed.

Two nodes and a witness.  PostgreSQL is started by the escalation hook on data that both nodes
share, so the next node starts it only when the one before is off.  Clients ask it (`pgbench -S`)
at about 70 % of what this machine can answer.  The time is from the SIGKILL of the postmaster to
the first query answered over the VIP.  Kills are spread evenly over the period of the noticing.
"""

import os
import re
import signal
import subprocess
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from bench import postgres
from bench.asking import PORT, USER, Asker, Wanted
from bench.lab import NODES, QUIET_MS, Plan, running
from bench.postgres_killed import kill
from tests.system.cluster import SystemCluster
from watchdog.cli.demo.lab import VIP, run

THEN_S: Final = {"30 s monitor": 26.0, "1 s polling": 10.2}
"""Of procd, 2008."""
SHARE: Final = 0.7
SCALE: Final = 5
TRIES: Final = 5
CLIENTS: Final = 8
CALIBRATE_S: Final = 5
CALM_S: Final = 3.0
"""Before each kill: longer than a stand-down, and the clients are back."""
ASK_EVERY_MS: Final = 10.0
WITHIN_S: Final = 120.0
WAIT_S: Final = 60.0
SHARED: Final = "shared/data"


class Way(NamedTuple):
    """How the death is noticed; `every_s` is 0 when it is told at once."""

    every_s: float
    check: str


def ways() -> dict[str, Way]:
    """The three; `{data}` stands for the data."""
    ready = [postgres.binary("pg_isready"), "-q", "-t", "10", "-h", "127.0.0.1", "-p", str(PORT)]
    look = ["/usr/bin/pgrep", "-f", f"^{postgres.binary('postgres')} -D {{data}}"]
    pace = "fails = 1\nrises = 1\ntimeout = "
    return {
        "30 s monitor": Way(30.0, f'command = {ready}\nevery = "30s"\n{pace}"20s"'),
        "1 s polling": Way(1.0, f'command = {look}\nevery = "1s"\n{pace}"1s"'),
        "process check": Way(0.0, f'process = "{postgres.binary("postgres")} -D {{data}}"'),
    }


def measure(kills: int) -> dict[str, Any]:
    """Kill it so often for each way; the load is found once and is the same for all."""
    rate, found, most = 0, {}, 0
    for name, way in ways().items():
        with running("default", QUIET_MS, _plan(way)) as cluster, _asker(cluster) as asker:
            asker.wait(VIP)
            _fill(cluster)
            rate = rate or _calibrate(cluster)
            found[name] = _kills(cluster, asker, way, kills, rate)
            most = max(most, cluster.holders().most)
    return {
        "profile": "default",
        "client_asks_every_ms": ASK_EVERY_MS,
        "load_queries_per_s": rate,
        "holders_most": most,
        "then_s": THEN_S,
        "kills": found,
    }


def _plan(way: Way) -> Plan:
    check = way.check.replace("{data}", f"{{folder}}/{SHARED}")
    tables = f"""
[hooks]
escalation = "{{folder}}/escalation"
de_escalation = "{{folder}}/de_escalation"
escalation_timeout = "60s"
[check.postgres]
when = "escalated"
{check}
"""
    return Plan(tables, {NODES[-1]: 'role = "witness"'}, has_service=False, prepare=_prepare)


def _prepare(folder: Path) -> None:
    data = folder / SHARED
    postgres.create(data)
    for name, text in {"escalation": ESCALATION, "de_escalation": DE_ESCALATION}.items():
        hook = folder / name
        pg_ctl = " ".join([*postgres.AS_USER, postgres.binary("pg_ctl"), "-D", str(data)])
        lines = textwrap.dedent(text).replace("{data}", str(data)).replace("{pg_ctl}", pg_ctl)
        hook.write_text(lines.lstrip(), encoding="utf-8")
        hook.chmod(0o755)


ESCALATION: Final = """
    #!/bin/sh
    # Start PostgreSQL. What the holder before has left is gone: quorumdog ends all that an
    # escalation hook started before it says OFF. PostgreSQL itself makes sure, and refuses while
    # any process still has the memory of a dead postmaster; so try again until it runs.
    # quorumdog ends this hook at its bound.
    # Both nodes of this bench are one machine, where a dead postmaster may not be buried yet: its
    # number still exists, and PostgreSQL would wait for it. On a machine of its own it is nobody's.
    is_buried() {
        { read -r pid < {data}/postmaster.pid; } 2>/dev/null || return 0
        while read -r key value _; do
            [ "$key $value" != "State: Z" ] || return 1
        done 2>/dev/null < "/proc/$pid/status"
        return 0
    }
    is_buried || rm {data}/postmaster.pid
    until {pg_ctl} -w -t 50 -s -l {data}/log -o "-c cluster_name=$QUORUMDOG_NODE" start; do
        sleep 0.1
        is_buried || rm {data}/postmaster.pid
    done
"""
DE_ESCALATION: Final = """
    #!/bin/sh
    # Stop PostgreSQL if it runs and is this node's: on shared data it may be the other's already.
    # The VIP waits for this: what is usual, a postmaster that is dead, needs no other program.
    { read -r pid < {data}/postmaster.pid; } 2>/dev/null || exit 0
    [ -e "/proc/$pid" ] || exit 0
    mine="cluster_name=$QUORUMDOG_NODE"
    tr '\\0' ' ' 2>/dev/null < "/proc/$pid/cmdline" | grep -q "$mine" || exit 0
    {pg_ctl} -s -m immediate -w -t 5 stop
"""


@contextmanager
def _asker(cluster: SystemCluster) -> Iterator[Asker]:
    asker = Asker(cluster.lab.network)
    try:
        yield asker
    finally:
        asker.close()


def _pgbench(cluster: SystemCluster, *options: str) -> list[str]:
    where = ("-h", VIP, "-p", str(PORT), "-U", USER)
    inside = [
        "ip",
        "netns",
        "exec",
        cluster.lab.network,
        "env",
        f"PGDATABASE={USER}",
        "PGCONNECT_TIMEOUT=2",
    ]
    return [*inside, postgres.binary("pgbench"), *where, *options]


def _fill(cluster: SystemCluster) -> None:
    """Make the tables, and have them written: what is replayed later is the same each time."""
    cluster.wait_healthy(WAIT_S)
    run(_pgbench(cluster, "-i", "-q", "-s", str(SCALE)))
    where = ("-h", VIP, "-p", str(PORT), "-U", USER)
    inside = ("ip", "netns", "exec", cluster.lab.network)
    run([*inside, postgres.binary("psql"), *where, "-d", USER, "-c", "CHECKPOINT"])


def _calibrate(cluster: SystemCluster) -> int:
    """Queries per second that are the wanted share of what can be answered at all."""
    fastest = run(_pgbench(cluster, "-S", "-n", "-c", str(CLIENTS), "-T", str(CALIBRATE_S)))
    return round(SHARE * queries_per_s(fastest))


def queries_per_s(printed: str) -> float:
    """What pgbench says at its end."""
    found = re.search(r"^tps = ([0-9.]+)", printed, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"pgbench printed no rate: {printed[-500:]}")
    return float(found[1])


@contextmanager
def _load(cluster: SystemCluster, rate: int) -> Iterator[None]:
    """Clients that come back whenever they have lost their PostgreSQL."""
    again = 'while :; do "$@"; sleep 0.2; done'
    words = ("-S", "-n", "-c", str(CLIENTS), "-T", "3600", "--rate", str(rate))
    with (cluster.cluster.folder / "pgbench.log").open("wb") as log:
        clients = subprocess.Popen(
            ["sh", "-c", again, "sh", *_pgbench(cluster, *words)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield
    finally:
        os.killpg(clients.pid, signal.SIGKILL)
        clients.wait()


def _kills(
    cluster: SystemCluster, asker: Asker, way: Way, kills: int, rate: int
) -> list[dict[str, Any]]:
    data = cluster.cluster.folder / SHARED
    found = []
    with _load(cluster, rate):
        for number in range(kills):
            coordinator, busy = _calm(cluster, way, number, kills)
            cluster.mark("postgres killed")
            pid = postgres.postmaster(data)
            wanted = Wanted(VIP, pid, coordinator, ASK_EVERY_MS, WITHIN_S)
            found.append((coordinator, busy, asker.ask(wanted)))
            cluster.wait_coordinator(other_than=coordinator, seconds=WAIT_S)
        cluster.journal.write("end")
    return [{"busy_percent": busy, **kill(old, one, cluster.changes())} for old, busy, one in found]


def _calm(cluster: SystemCluster, way: Way, number: int, kills: int) -> tuple[str, float]:
    """Wait for the moment of the n-th kill; who leads then, and how busy everything was."""
    for _ in range(TRIES):
        coordinator = cluster.wait_healthy(WAIT_S)
        pause_s = wait_s(way.every_s, _age_s(cluster, coordinator), number, kills)
        busy = _busy_percent(cluster, pause_s)
        if cluster.cluster.coordinator() == coordinator:
            return coordinator, busy
    raise RuntimeError("the VIP does not stay: this machine is too busy for these checks")


def _age_s(cluster: SystemCluster, coordinator: str) -> float:
    """How long ago the check looked."""
    (check,) = cluster.status(coordinator)["lifecheck"]["checks"]
    return float(check["last_s"] or 0.0)


def wait_s(every_s: float, age_s: float, number: int, kills: int) -> float:
    """How long until the n-th kill: it comes in the middle of its share of the period."""
    if not every_s:
        return CALM_S
    wait = (every_s * (number + 0.5) / kills - age_s) % every_s
    while wait < CALM_S:
        wait += every_s
    return wait


def _busy_percent(cluster: SystemCluster, seconds: float) -> float:
    """Let time pass; how busy all processors were."""
    before = _ticks()
    cluster.pause(seconds)
    after = _ticks()
    return busy_percent(before, after)


def _ticks() -> str:
    return Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0]


def busy_percent(before: str, after: str) -> float:
    """From the first line of /proc/stat at two times."""
    spent = [int(b) - int(a) for a, b in zip(before.split()[1:9], after.split()[1:9], strict=True)]
    return round(100 * (1 - (spent[3] + spent[4]) / max(1, sum(spent))), 1)
