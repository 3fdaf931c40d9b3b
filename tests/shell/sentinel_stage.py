"""A small guardian that does nothing but keep a sentinel, in a network of its own, and its driver.

Run as a program it is that guardian: it obeys one line of JSON after the other on stdin and answers
each with a line.  Its addresses are on `lo`, where nothing of this machine's network is touched.
"""

import ctypes
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from watchdog.guardian import clock, locks, sentinel
from watchdog.guardian.hook_group import HookGroup
from watchdog.guardian.netlink import Address, Netlink
from watchdog.guardian.plan import HookPlan, Plan, Vip
from watchdog.guardian.policy import Policy
from watchdog.guardian_protocol import ArmWill
from watchdog.instant import MS, Instant

VIPS: Final = (
    Vip("four", "10.99.0.100", 24, 4, "lo"),
    Vip("six", "fd99::100", 64, 6, "lo"),
)
LOOPBACK: Final = 1
SLACK_MS: Final = 100
PATIENCE_S: Final = 10.0
CLONE_NEWNET: Final = 0x40000000
T = TypeVar("T")
_LIBC: Final = ctypes.CDLL(None, use_errno=True)


def plan(folder: str, *, escalation: bool, de_escalation: bool, scheduling: str) -> Plan:
    """Return a plan with two VIPs on `lo`."""
    hooks = HookPlan(("/bin/true",) * escalation, ("/bin/true",) * de_escalation, (), "")
    policy = Policy(
        drop_ns=50 * MS,
        slack_ns=SLACK_MS * MS,
        deesc_ns=0,
        escalation_timeout_ns=1000 * MS,
        has_vips=True,
        has_escalation=escalation,
        has_de_escalation=de_escalation,
    )
    return Plan(
        node="alpha",
        cluster="stage",
        cluster_id=b"\1" * 32,
        data_dir=folder,
        run_dir=folder,
        scheduling=scheduling,
        user="",
        authkey_file="",
        log_json=False,
        vips=VIPS,
        hooks=hooks,
        policy=policy,
    )


class Obeying:
    """The guardian's side."""

    def __init__(self, the_plan: Plan) -> None:
        lock = locks.take_guardian_lock(the_plan.data_dir)
        self._node_lock, _ = locks.take_node_lock(the_plan.data_dir, the_plan.run_dir)
        tag = _tag(os.getpid())
        self._sentinel = sentinel.start(the_plan, tag, self._node_lock, lock)
        self._netlink = Netlink()
        self._children: list[subprocess.Popen[bytes]] = []

    def obey(self, word: str, *values: Any) -> Any:
        """Do what the line says; the answer."""
        return getattr(self, f"do_{word}")(*values)

    def do_pid(self) -> int:
        """Return the sentinel's pid."""
        return self._sentinel.pid

    def do_add(self) -> None:
        """Put all VIPs on."""
        for vip in VIPS:
            self._netlink.add(_address(vip), 0)

    def do_watch(self, ago_ms: float, hard_ms: int) -> None:
        """Watch a tenure whose round was sent `ago_ms` ago."""
        now = clock.now()
        ago_ns = int(ago_ms * MS)
        s = Instant(now.boot_ns - ago_ns, now.raw_ns - ago_ns)
        self._sentinel.watch(s, hard_ms * MS)

    def do_unwatch(self) -> None:
        """All is off."""
        self._sentinel.unwatch()

    def do_spawn(self, *argv: str) -> int:
        """Start something as a hook is started; its pid."""
        child = subprocess.Popen(argv, start_new_session=True, stdin=subprocess.DEVNULL)
        self._children.append(child)
        return child.pid

    def do_node(self, pid: int) -> None:
        """Say that this child is the node process."""
        self._sentinel.node_started(pid)

    def do_node_gone(self) -> None:
        """Say that it was waited for."""
        self._sentinel.node_gone()

    def do_will(self, text: str, port: int) -> None:
        """Have a will for a port of `lo`."""
        self._sentinel.arm_will(ArmWill(text.encode(), (("127.0.0.1", port),)))

    def do_tear(self) -> None:
        """Stop in the middle of the next write of the page, as a SIGKILL may."""
        record = self._sentinel._page._watched
        slot = record._slots[(record._number + 1) % 2]
        slot[:30] = os.urandom(30)

    def do_end(self) -> None:
        """End the sentinel in good order."""
        self._sentinel.end()


def _tag(pid: int) -> str:
    return f"stage{pid}"


def _address(vip: Vip) -> Address:
    family = socket.AF_INET if vip.family == 4 else socket.AF_INET6
    return Address(LOOPBACK, family, socket.inet_pton(family, vip.address), vip.prefix)


def main() -> None:
    """Entry of the guardian."""
    options = json.loads(sys.argv[1])
    assert _LIBC.unshare(CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    obeying = Obeying(plan(**options))
    print("ready", flush=True)
    for line in sys.stdin:
        word, *values = json.loads(line)
        print(json.dumps(obeying.obey(word, *values)), flush=True)


class Stage:
    """The test's side: the guardian as a process, and its network seen from outside."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        self._has_hooks = options.get("escalation", False)
        words = {"escalation": False, "de_escalation": False, "scheduling": "normal", **options}
        argument = json.dumps({"folder": str(folder), **words})
        self.log = folder / "log"
        with self.log.open("ab") as log:
            self.guardian = subprocess.Popen(
                [sys.executable, "-m", "tests.shell.sentinel_stage", argument],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._answer() == "ready\n", self.log.read_text()
        self.pid = int(self.order("pid"))
        self.network = os.open(f"/proc/{self.guardian.pid}/ns/net", os.O_RDONLY)
        self._netlink = self.inside(Netlink)
        group = HookGroup(f"quorumdog-hooks-{_tag(self.guardian.pid)}", bool, is_used=False)
        self.hook_group = Path(group.path)

    def _answer(self) -> str:
        assert self.guardian.stdout
        return self.guardian.stdout.readline()

    def order(self, word: str, *values: Any) -> Any:
        """Have the guardian do something; its answer."""
        assert self.guardian.stdin
        self.guardian.stdin.write(json.dumps([word, *values]) + "\n")
        self.guardian.stdin.flush()
        return json.loads(self._answer())

    def inside(self, make: Callable[[], T]) -> T:
        """Make something in the guardian's network."""
        home = os.open("/proc/self/ns/net", os.O_RDONLY)
        try:
            assert _LIBC.setns(self.network, CLONE_NEWNET) == 0
            return make()
        finally:
            assert _LIBC.setns(home, CLONE_NEWNET) == 0
            os.close(home)

    @property
    def vips(self) -> int:
        """How many VIPs are there."""
        ours = {_address(vip).packed for vip in VIPS}
        return sum(address.packed in ours for address in self._netlink.addresses())

    def go_on(self, hard_ms: int, ago_ms: float = 0) -> None:
        """Have it watched, and then on."""
        self.order("watch", ago_ms, hard_ms)
        self.order("add")
        assert self.vips == len(VIPS)

    def signal(self, number: int) -> None:
        """Signal the guardian, not the sentinel."""
        os.kill(self.guardian.pid, number)

    def logged(self, text: str) -> bool:
        """Whether it is in the log."""
        return text in self.log.read_text()

    def close(self) -> None:
        """Leave nothing behind."""
        for pid in (self.guardian.pid, self.pid):
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)
        self.guardian.wait()
        wait_for("the sentinel's end", lambda: not is_alive(self.pid))
        for pipe in (self.guardian.stdin, self.guardian.stdout):
            assert pipe
            pipe.close()
        self._netlink.close()
        os.close(self.network)
        if self._has_hooks:
            group = self.hook_group
            wait_for("no hooks", lambda: "populated 0" in (group / "cgroup.events").read_text())
            group.rmdir()


@contextmanager
def stage(folder: Path, **options: Any) -> Iterator[Stage]:
    """Run a guardian with a sentinel; nothing is left afterwards."""
    made = Stage(folder, **options)
    try:
        yield made
    finally:
        made.close()


def is_alive(pid: int) -> bool:
    """Whether it runs; a zombie that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def wait_for(what: str, fact: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Wait until fact() is true."""
    end = time.monotonic() + patience_s
    while not fact():
        assert time.monotonic() < end, f"not within {patience_s} s: {what}"
        time.sleep(0.005)


if __name__ == "__main__":
    main()
