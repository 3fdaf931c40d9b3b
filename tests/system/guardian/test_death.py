"""What must go off when the node process dies, stalls or lies: VIPs, hooks, and then the will."""

import os
import signal
import time

import pytest

from tests.system.guardian.bench import HARD_MS, PATIENCE_S, SOFT_MS, Bench, is_alive, wait_for
from watchdog.guardian.clock import now
from watchdog.guardian_protocol import Deescalate, Escalate, Extend, Off
from watchdog.instant import MS, elapsed_hi

SLACK_MS = 100
QUIET_S = 0.3


def test_a_killed_node_loses_the_vip_and_its_will_is_sent_as_armed(bench: Bench) -> None:
    """The fast path of a failover: off at once, then the RELEASE, then the next process."""
    listener = bench.will_listener()
    bench.start()
    node = bench.node()
    assert node.greet().off_clean
    assert node.key_size == 32
    will = os.urandom(200)
    node.arm_will(will)
    node.escalate(epoch=5)
    assert bench.has_all_vips()
    os.kill(node.pid, signal.SIGKILL)
    assert [listener.recv(1000) for _ in range(3)] == [will] * 3
    assert not bench.has_vip()
    successor = bench.node()
    assert successor.pid != node.pid
    welcome = successor.greet()
    assert (welcome.last_epoch, welcome.off_clean) == (5, True)
    assert bench.stop() == 0


def test_a_stalled_node_is_off_by_hard(bench: Bench) -> None:
    """SIGSTOP: no extension comes, and nobody asks the node whether it agrees."""
    bench.start()
    node = bench.node()
    node.greet()
    s = node.escalate(epoch=1)
    os.kill(node.pid, signal.SIGSTOP)
    wait_for("past soft", lambda: elapsed_hi(now(), s) > SOFT_MS * MS)
    bench.wait_off()
    assert elapsed_hi(now(), s) < HARD_MS * MS
    os.kill(node.pid, signal.SIGCONT)
    assert node.hear(Off).n == node.n
    assert not bench.has_vip()


def test_extensions_keep_the_vip_and_foreign_rounds_do_not(bench: Bench) -> None:
    """G1 by a real clock: only rounds that were opened before they were sent count."""
    bench.start()
    node = bench.node()
    node.greet()
    node.escalate(epoch=7)
    node.keep_on(epoch=7, seconds=1.5)
    assert bench.has_all_vips()
    assert not node.extend(epoch=6)
    node.n += 1
    node.say(Extend(node.n, 1, 7, node.round + 1, now()))
    node.n += 1
    node.say(Deescalate(node.n, "test"))
    assert node.hear(Off).n == node.n
    assert not bench.has_vip()
    s = node.open_round()
    node.n += 1
    node.say(Escalate(node.n, 2, 7, node.round, s, SOFT_MS, HARD_MS))
    assert node.hear(Off).n == node.n, "an epoch belongs to one tenure"
    assert not bench.has_vip()


def test_the_address_carries_a_lifetime_as_a_backstop(bench: Bench) -> None:
    """When even the guardian is frozen for ever, the kernel removes the address in the end."""
    bench.start()
    node = bench.node()
    node.greet()
    node.escalate(epoch=1)
    shown = bench.addresses()
    assert "valid_lft 3sec" in shown or "valid_lft 2sec" in shown
    assert bench.process
    for pid in (bench.sentinel_pid, bench.process.pid, node.pid):
        os.kill(pid, signal.SIGSTOP)
    time.sleep(HARD_MS / 1000)
    assert bench.has_vip(), "nothing else would remove it: that is what the kernel gate is for"
    bench.wait_off(8)
    os.kill(node.pid, signal.SIGKILL)
    bench.process.send_signal(signal.SIGCONT)


def test_a_killed_guardian_is_off_at_once_and_its_nodes_will_is_sent(bench: Bench) -> None:
    """The sentinel does what the guardian would have done at its node's death."""
    listener = bench.will_listener()
    bench.start()
    node = bench.node()
    node.greet()
    will = os.urandom(200)
    node.arm_will(will)
    node.escalate(epoch=5)
    sentinel = bench.sentinel_pid
    assert bench.process
    bench.process.kill()
    assert [listener.recv(1000) for _ in range(3)] == [will] * 3
    assert not bench.has_vip()
    assert not is_alive(node.pid)
    wait_for("the sentinel ended", lambda: not is_alive(sentinel))
    assert bench.process.wait() == -signal.SIGKILL


@pytest.mark.parametrize("whole", [False, True])
def test_a_stopped_guardian_is_off_by_hard(bench: Bench, *, whole: bool) -> None:
    """Also with its node; when it wakes, it finds by its own clock that all is over."""
    bench.start()
    node = bench.node()
    node.greet()
    s = node.escalate(epoch=1)
    assert bench.process
    stopped = [bench.process.pid] + [node.pid] * whole
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    bench.wait_off()
    late = elapsed_hi(now(), s)
    assert late >= (HARD_MS - SLACK_MS) * MS
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    assert node.hear(Off).n == node.n
    assert not bench.has_vip()
    assert bench.logged("event=sentinel_acted")
    node.escalate(epoch=2, no=2)
    time.sleep(QUIET_S)
    assert bench.has_all_vips(), "a new tenure is nothing that the sentinel may end"
    assert bench.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_without_its_sentinel_a_guardian_goes_off_and_ends(bench: Bench, number: int) -> None:
    """The service manager starts both anew; a signal meant for the daemon does not end it."""
    bench.start()
    node = bench.node()
    node.greet()
    node.escalate(epoch=1)
    os.kill(bench.sentinel_pid, number)
    assert bench.process
    if number == signal.SIGTERM:
        assert bench.sentinel_pid
        assert bench.has_all_vips()
        assert bench.stop() == 0
        return
    bench.wait_off()
    assert bench.process.wait(PATIENCE_S) == 1
    assert not is_alive(node.pid)
    bench.start()
    successor = bench.node()
    assert successor.greet().off_clean
    assert bench.sentinel_pid


def test_a_stopping_guardian_ends_the_node_and_leaves_nothing(bench: Bench) -> None:
    """SIGTERM goes to the node first; here it dies of it, which also means off."""
    bench.start()
    node = bench.node()
    node.greet()
    node.escalate(epoch=1)
    sentinel = bench.sentinel_pid
    assert sentinel
    assert bench.stop() == 0
    assert not bench.has_vip()
    assert not is_alive(node.pid)
    assert not is_alive(sentinel)
    assert not bench.logged("event=sentinel_acted")
