"""The health port's part of the plan."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.shell.plans import plan_json
from watchdog.web.plan import parse


def plan(**ipc: Any) -> bytes:
    """The plan of alpha, as bytes."""
    made = plan_json("alpha", ["alpha", "beta"], 9000)
    made["http"] = {"address": "127.0.0.1", "port": 8780}
    made["node_process"]["ipc"] |= ipc
    return json.dumps(made).encode()


def test_the_part_of_the_health_port_is_read() -> None:
    """Address and port, and the way to the node."""
    found = parse(plan())
    assert (found.node, found.address, found.port) == ("alpha", "127.0.0.1", 8780)
    assert found.socket == Path("/run/quorumdog/.s.PGPOOLWD_CMD.9000")
    assert found.authkey_file is None
    assert not found.log_json


def test_the_key_of_the_control_socket_is_a_file() -> None:
    """Its contents are in no plan."""
    assert parse(plan(authkey_file="/etc/q/key")).authkey_file == Path("/etc/q/key")


def test_a_plan_without_its_part_is_a_bug() -> None:
    """`quorumdog run` writes it whenever it has this process started."""
    with pytest.raises(KeyError):
        parse(b'{"node": "alpha"}')


def test_a_plan_of_another_schema_is_refused_with_the_way_out() -> None:
    """After an upgrade in place the guardian is still the old one, and its plan too."""
    made = json.loads(plan()) | {"schema": 2}
    with pytest.raises(ValueError, match=r"plan schema 2 is not 1: restart the service"):
        parse(json.dumps(made).encode())
