"""The example hooks, each run twice in a row, and through the guardian itself."""

import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.support import REPOSITORY
from tests.system.guardian.bench import Bench, is_alive
from tests.system.guardian.test_hooks import TIMING
from watchdog.guardian_protocol import Deescalate, HookEnded, Off

SCRIPTS = REPOSITORY / "scripts"
ADDRESS = "10.77.0.55"
EVENTS = ("escalation", "escalation", "de_escalation", "de_escalation")


def run(script: str, event: str, *words: str, inside: str = "") -> subprocess.CompletedProcess[str]:
    """Run a script as a hook would be."""
    into = ["nsenter", f"--net=/run/netns/{inside}"] if inside else []
    return subprocess.run(
        [*into, str(SCRIPTS / script), *words],
        env={"PATH": os.environ["PATH"], "QUORUMDOG_EVENT": event, "QUORUMDOG_DEADLINE_MS": "500"},
        input='{"event": "x"}\n', capture_output=True, text=True, check=False, timeout=20,
    )  # fmt: skip


def test_the_vip_script_adds_and_removes_twice(bench: Bench) -> None:
    """Idempotent by contract: a hook may be run again after a crash."""
    pairs = (f"{ADDRESS}/24", "v0", "fd77::55/64", "v0")
    for event, there in zip(EVENTS, (True, True, False, False), strict=True):
        done = run("vip.sh", event, *pairs, inside=bench.inside)
        assert (done.returncode, done.stderr) == (0, "")
        shown = bench.addresses()
        assert (f" {ADDRESS}/" in shown) == there
        assert (" fd77::55/" in shown) == there
    assert run("vip.sh", "escalation", "10.0.0.1/24", "nosuch0", inside=bench.inside).returncode
    assert run("vip.sh", "state_change", *pairs, inside=bench.inside).returncode == 2
    assert run("vip.sh", "escalation", "10.0.0.1/24").returncode == 2


def test_the_service_script_starts_one_and_stops_it(tmp_path: Path) -> None:
    """A second start finds it running; a second stop finds nothing; SIGTERM may be ignored."""
    file = tmp_path / "pid"
    deaf = tmp_path / "deaf"
    deaf.write_text("#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 0.1; done\n")
    deaf.chmod(0o755)
    for command in (["sleep", "60"], [str(deaf)]):
        assert run("service.sh", "escalation", "run", str(file), *command).returncode == 0
        first = file.read_text()
        assert run("service.sh", "escalation", "run", str(file), *command).returncode == 0
        assert file.read_text() == first
        pid = int(first.split()[0])
        assert is_alive(pid)
        for _ in range(2):
            done = run("service.sh", "de_escalation", "run", str(file))
            assert (done.returncode, done.stderr) == (0, "")
        assert not is_alive(pid)


def test_the_service_script_says_what_cannot_run(tmp_path: Path) -> None:
    """An escalation that started nothing must fail."""
    done = run("service.sh", "escalation", "run", str(tmp_path / "pid"), "/nonexistent")
    assert done.returncode == 1
    assert "ended at once" in done.stderr
    assert run("service.sh", "escalation").returncode == 2
    assert run("service.sh", "escalation", "other", "x").returncode == 2


def test_a_pid_file_of_another_process_is_not_believed(tmp_path: Path) -> None:
    """The number was given to somebody else meanwhile."""
    file = tmp_path / "pid"
    file.write_text(f"{os.getpid()} 1\n")
    assert run("service.sh", "de_escalation", "run", str(file), "x").returncode == 0
    assert not file.exists()


def test_the_chain_goes_forwards_up_and_backwards_down(tmp_path: Path) -> None:
    """What was started last is stopped first; going down goes on after a failure."""
    out = tmp_path / "out"
    for name, code in (("one", 0), ("two", 3), ("three", 0)):
        file = tmp_path / name
        file.write_text(
            f'#!/bin/sh\ncat > /dev/null\necho {name} "$@" >> {out}\n'
            f'[ "$QUORUMDOG_EVENT" = escalation ] || exit {code}\n'
        )
        file.chmod(0o755)
    words = (f"{tmp_path}/one a b", f"{tmp_path}/two *", f"{tmp_path}/three")
    assert run("chain.sh", "escalation", *words).returncode == 0
    assert run("chain.sh", "de_escalation", *words).returncode == 3
    up = ["one a b", "two *", "three"]
    assert out.read_text().splitlines() == [*up, *reversed(up)]
    assert run("chain.sh", "escalation", "/bin/false", f"{tmp_path}/one").returncode == 1
    assert len(out.read_text().splitlines()) == 6


@pytest.mark.parametrize("code", [200, 500])
def test_the_webhook_script_posts_the_event(code: int) -> None:
    """As it came on stdin."""
    got: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(code)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        done = run("notify.sh", "state_change", f"http://127.0.0.1:{server.server_port}/x")
        thread.join()
    assert got[0].strip() == b'{"event": "x"}'
    assert (done.returncode == 0) == (code == 200)


def test_scripts_alone_hold_a_vip_and_a_service_through_the_guardian(bench: Bench) -> None:
    """Without a [vip] table: the guardian runs them, in its cgroup, and twice."""
    file = bench.folder / "pid"
    argv = [
        str(SCRIPTS / "chain.sh"),
        f"{SCRIPTS}/vip.sh {ADDRESS}/24 v0",
        f"{SCRIPTS}/service.sh run {file} sleep 60",
    ]
    timing = {**TIMING, "deesc": 300}
    bench.start(vips=[], hooks={"escalation": argv, "de_escalation": argv}, timing_ms=timing)
    node = bench.node()
    node.greet()
    for epoch in (1, 2):
        node.escalate(epoch=epoch)
        ended = node.hear(HookEnded)
        assert ended.ok, bench.log.read_text()
        assert f" {ADDRESS}/" in bench.addresses()
        pid = int(file.read_text().split()[0])
        assert is_alive(pid)
        node.n += 1
        node.say(Deescalate(node.n, "test"))
        node.hear(Off)
        assert f" {ADDRESS}/" not in bench.addresses()
        assert not is_alive(pid)
        assert not bench.logged("de_escalation_failed")
