"""What is opened for lifecheck: the key is the wire's, and what cannot be had is only a line."""

import fcntl
import json
import os
import subprocess
import sys
from typing import Any

import pytest

from watchdog.guardian import memory, privileged
from watchdog.wire.seal import derive

AUTHKEY = b"k" * 40
CLUSTER_ID = bytes(range(32))
ALL = ["process_connector", "exit_tracepoint", "exiting_poll"]
REPORT = "import os, sys; print(sys.argv[1:], os.pread(4, 99, 0).hex())"


def plan(*kinds: str, accelerators: list[str] | None = None) -> dict[str, Any]:
    """Return a plan whose checks have probes of these kinds."""
    checks = [{"probes": [{"kind": kind}]} for kind in kinds]
    return {
        "node": "alpha",
        "cluster_id": CLUSTER_ID.hex(),
        "lifecheck": {"checks": checks, "accelerators": accelerators or []},
    }


def become(document: dict[str, Any], key: bytes = AUTHKEY, *before: str) -> tuple[int, str, str]:
    """Run it before a program that reports; exit code, stdout, stderr."""
    given = {3: memory.sealed("plan", json.dumps(document).encode()), 4: memory.sealed("key", key)}
    words = [*before, sys.executable, "-I", "-m", "watchdog.guardian.privileged"]
    words += [sys.executable, "-I", "-c", REPORT, "--plan-fd", "3"]
    # Not by pass_fds: the numbers are fixed, and one may be the other's.
    moved = {to: fcntl.fcntl(fd, fcntl.F_DUPFD, 50) for to, fd in given.items()}
    pairs = ", ".join(f"os.dup2({fd}, {to})" for to, fd in moved.items())
    program = f"import os, sys; {pairs}; os.execvp(sys.argv[1], sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", program, *words],
        pass_fds=moved.values(),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    for fd in (*given.values(), *moved.values()):
        os.close(fd)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("key", [b"k" * 32, b"long" * 300])
def test_the_heartbeat_key_is_the_wires(key: bytes) -> None:
    """The guardian has no cryptography but the standard library's; both ends must agree."""
    assert privileged.heartbeat_key(key, CLUSTER_ID) == derive(key, "heartbeat", CLUSTER_ID)


def test_lifecheck_gets_the_derived_key_and_never_the_authkey() -> None:
    """It speaks to the network: with the authkey it could seal a will."""
    code, out, _ = become(plan())
    assert code == 0
    assert derive(AUTHKEY, "heartbeat", CLUSTER_ID).hex() in out
    assert AUTHKEY.hex() not in out
    assert out.startswith("['--plan-fd', '3'] ")


def test_an_authkey_that_is_none_is_refused() -> None:
    """A key made from nothing would let anybody say that a node is alive."""
    code, _, err = become(plan(), b"short")
    assert code == 2
    assert "event=helper_refused" in err


def test_sockets_are_opened_only_for_what_the_plan_needs() -> None:
    """A process without privileges is given no more than its work takes."""
    if os.geteuid() != 0:
        pytest.skip("needs root: raw sockets")
    assert "--icmp" not in become(plan("tcp", accelerators=ALL))[1]
    assert "--perf-fds" not in become(plan("tcp", accelerators=ALL))[1]
    code, out, err = become(plan("ping", "process", accelerators=["exiting_poll"]))
    assert code == 0
    assert "--icmp-fd" in out
    assert "--icmp6-fd" in out
    assert "--connector-fd" not in out
    assert err == ""


def test_what_cannot_be_had_is_a_line_and_no_fault() -> None:
    """In a container without rights lifecheck runs as well, only more slowly."""
    if os.geteuid() != 0:
        pytest.skip("needs root: to give up rights")
    bare = ("setpriv", "--bounding-set=-all", "--inh-caps=-all", "--")
    code, out, err = become(plan("ping", "process", accelerators=ALL), AUTHKEY, *bare)
    assert code == 0
    assert out.startswith("['--plan-fd', '3'")
    assert "--icmp-fd" not in out
    assert "event=not_available level=info" in err
    assert "what=icmp6" in err


def test_accelerators_are_handed_over_where_this_machine_has_them() -> None:
    """Each is either there or named as missing."""
    if os.geteuid() != 0:
        pytest.skip("needs root: tracing")
    code, out, err = become(plan("process", accelerators=ALL))
    assert code == 0
    for argument, what in (("--connector-fd", "process_connector"), ("--perf-fds", "exit_trace")):
        assert (argument in out) != (f"what={what}" in err)
