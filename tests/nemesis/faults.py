"""The faults: each says where it strikes, how long it lasts, what must or may move, and its floor.

A fault is a context manager over one injection: it takes effect on entry, which it proves or raises
NotInjectedError, and is healed on exit.  `moves` is how often another node may get hold of the
VIPs, least and most: (0, 0) is a fault that nobody but its victim may notice.
"""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Final

from tests.nemesis import victims
from tests.nemesis.stage import CLIENT, Stage
from tests.nemesis.victims import NotInjectedError
from tests.nemesis.wires import Pair, both_ways

STORM_FACTOR: Final = 8
FLAP_S: Final = 0.4
FLAPS: Final = 8
REBOOT_S: Final = 30.0
STOP_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Injection:
    """One fault about to strike."""

    stage: Stage
    leader: str
    victims: tuple[str, ...]
    hold_s: float

    @property
    def victim(self) -> str:
        """The first of them."""
        return self.victims[0]

    @property
    def others(self) -> list[str]:
        """All nodes but the victim."""
        return [name for name in self.stage.names if name != self.victim]

    def hold(self) -> None:
        """Let it last."""
        self.stage.pause(self.hold_s)


Does = Callable[[Injection], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """A kind of fault."""

    name: str
    does: Does
    strikes: str
    """leader | follower | all"""
    moves: tuple[int, int]
    hold_s: float = 3.0
    recovery_s: float = 30.0
    floor: int = 1
    """A full run in which it was injected less often fails."""
    kind: str = "plain"
    """The kind of stage that it needs."""
    nodes: tuple[str, ...] = ("3", "5", "2w")
    two_without_gate: bool = False
    """Nothing but the gate keeps the victim silent: without it two nodes must be seen."""
    pairs: bool = False
    """May be one of two at once."""

    def pick(self, stage: Stage, leader: str, dice: random.Random) -> tuple[str, ...]:
        """The victims."""
        if self.strikes == "leader":
            return (leader,)
        others = [name for name in stage.names if name != leader]
        if self.strikes == "follower":
            return (dice.choices(others)[0],)
        return (leader, *others)


# --- processes


def killed(what: str) -> Does:
    """SIGKILL; what the service manager restarts is started again when it is healed."""

    @contextmanager
    def does(it: Injection) -> Iterator[None]:
        victims.kill(it.stage, it.victim, what)
        yield
        if what not in {"node", "lifecheck"}:
            it.stage.cluster.cluster.running[it.victim].wait(STOP_S)
            it.stage.start(it.victim)

    return does


def stopped(what: str) -> Does:
    """SIGSTOP."""
    return lambda it: victims.stopped(it.stage, it.victim, what)


def freezer(it: Injection) -> AbstractContextManager[None]:
    """cgroup.freeze of every process."""
    return victims.frozen(it.stage, it.victim)


def storm(_it: Injection) -> AbstractContextManager[None]:
    """Far more runnable processes than processors."""
    return victims.storm(STORM_FACTOR * (os.cpu_count() or 1))


@contextmanager
def killed_at_once(it: Injection) -> Iterator[None]:
    """SIGKILL of guardian and node process everywhere, and a start."""
    victims.kill_all(it.stage, it.victims, "both")
    yield
    for name in it.victims:
        it.stage.cluster.cluster.running[name].wait(STOP_S)
        it.stage.start(name)


@contextmanager
def stopped_at_once(it: Injection) -> Iterator[None]:
    """SIGTERM to all at the same time, and a start."""
    running = it.stage.cluster.cluster.running
    for name in it.victims:
        running[name].signal(15)
    if late := [name for name in it.victims if running[name].wait(STOP_S) is None]:
        raise AssertionError(f"{late} did not stop within {STOP_S:g} s")
    yield
    for name in it.victims:
        it.stage.start(name)


@contextmanager
def rolling(it: Injection) -> Iterator[None]:
    """Restart one after the other, who leads at last; each is waited for."""
    for name in (*it.others, it.victim):
        code = it.stage.cluster.stop(name, STOP_S)
        assert code == 0, f"{name} ended with {code}"
        it.stage.start(name)
        it.stage.wait_healthy(REBOOT_S)
    yield


# --- network


def cut(which: Callable[[Injection], list[Pair]]) -> Does:
    """Frames vanish between these; carriers stay."""

    @contextmanager
    def does(it: Injection) -> Iterator[None]:
        pairs, before = which(it), it.stage.wires.dropped()
        it.stage.wires.cut(pairs)
        try:
            yield
        finally:
            it.stage.wires.mend(pairs)
        if it.stage.wires.dropped() == before:
            raise NotInjectedError("no frame was dropped")

    return does


def _everything(it: Injection) -> list[Pair]:
    return both_ways([it.victim], [*it.others, CLIENT])


def _peers(it: Injection) -> list[Pair]:
    return both_ways([it.victim], it.others)


def _into(it: Injection) -> list[Pair]:
    return [(other, it.victim) for other in (*it.others, CLIENT)]


def _out_of(it: Injection) -> list[Pair]:
    return [(it.victim, other) for other in (*it.others, CLIENT)]


def _bridge(it: Injection) -> list[Pair]:
    """Two halves that see only the node between them; who leads is in a half."""
    half = (len(it.stage.names) - 1) // 2
    first, last = [it.victim, *it.others[: half - 1]], it.others[-half:]
    return both_ways(first, last)


def _ring(it: Injection) -> list[Pair]:
    """Each sees its two neighbours only."""
    names = it.stage.names
    count = len(names)
    return [
        (one, other)
        for i, one in enumerate(names)
        for j, other in enumerate(names)
        if (i - j) % count not in {0, 1, count - 1}
    ]


@contextmanager
def loss(it: Injection) -> Iterator[None]:
    """A share of all frames between nodes, and between them and the client."""
    pairs, before = both_ways(it.stage.names, it.stage.names), it.stage.wires.dropped()
    pairs = sorted({*pairs, *both_ways(it.stage.names, [CLIENT])})
    it.stage.wires.lose(pairs)
    try:
        yield
    finally:
        it.stage.wires.lose_no_more(pairs)
    if it.stage.wires.dropped() == before:
        raise NotInjectedError("no frame was dropped")


@contextmanager
def unplugged(it: Injection) -> Iterator[None]:
    """The carrier is gone."""
    it.stage.wires.carrier(it.victim, up=False)
    try:
        yield
    finally:
        it.stage.wires.carrier(it.victim, up=True)


@contextmanager
def flapping(it: Injection) -> Iterator[None]:
    """The carrier comes and goes."""
    try:
        for _ in range(FLAPS):
            it.stage.wires.carrier(it.victim, up=False)
            it.stage.pause(FLAP_S)
            it.stage.wires.carrier(it.victim, up=True)
            it.stage.pause(FLAP_S)
        yield
    finally:
        it.stage.wires.carrier(it.victim, up=True)


# --- disks, clocks, hooks


@contextmanager
def full_disk(it: Injection) -> Iterator[None]:
    """No block is left."""
    if not it.stage.disks[it.victim].fill():
        raise NotInjectedError("nothing was free before")
    try:
        yield
    finally:
        it.stage.disks[it.victim].empty()


@contextmanager
def read_only_disk(it: Injection) -> Iterator[None]:
    """An error of the disk: every write is refused, until an operator repairs it."""
    if not it.stage.disks[it.victim].fail():
        raise NotInjectedError("it can still be written")
    yield
    it.stage.cluster.stop(it.victim, STOP_S)
    it.stage.disks[it.victim].repair()
    it.stage.start(it.victim)


@contextmanager
def hung_disk(it: Injection) -> Iterator[None]:
    """Every write waits."""
    it.stage.disks[it.victim].freeze()
    try:
        yield
    finally:
        it.stage.disks[it.victim].thaw()


JUMPS: Final = ("+3600", "-86400", "+315360000", "-5", "+0.7")


@contextmanager
def clock_jumps(it: Injection) -> Iterator[None]:
    """The wall clocks of all nodes jump, each differently; only their processes see it."""
    for step in range(len(JUMPS)):
        for number, name in enumerate(it.victims):
            text = JUMPS[(step + number) % len(JUMPS)]
            (it.stage.home(name) / "wall").write_text(text, encoding="ascii")
        it.stage.pause(it.hold_s / len(JUMPS))
    pids = victims.pids_of(it.stage, it.victim, "node")
    if not pids or "libfaketime" not in _maps(pids[0]):
        raise NotInjectedError("the node process does not run under libfaketime")
    yield
    for name in it.victims:
        (it.stage.home(name) / "wall").write_text("+0", encoding="ascii")


def _maps(pid: int) -> str:
    with open(f"/proc/{pid}/maps", encoding="utf-8") as file:  # noqa: PTH123 - no path of ours
        return file.read()


def hanging(event: str) -> Does:
    """The hook hangs where the VIP leaves (`de_escalation`) or comes (`escalation`)."""

    @contextmanager
    def does(it: Injection) -> Iterator[None]:
        where = [it.victim] if event == "de_escalation" else it.others[:1]
        for name in where:
            (it.stage.home(name) / "hangs").write_text(event, encoding="ascii")
        victims.kill(it.stage, it.victim, "node")
        try:
            yield
        finally:
            for name in where:
                (it.stage.home(name) / "hangs").unlink()
        if event == "escalation":  # its alarm stands until somebody has looked
            for name in where:
                it.stage.cluster.stop(name, STOP_S)
                it.stage.start(name)

    return does


# --- the list

MUST: Final = (1, 1)
NEVER: Final = (0, 0)
FAULTS: Final = (
    Fault("kill-node@leader", killed("node"), "leader", MUST, 2.0, pairs=True),
    Fault("kill-node@follower", killed("node"), "follower", NEVER, 2.0, pairs=True),
    Fault("kill-guardian@leader", killed("guardian"), "leader", MUST, pairs=True),
    Fault("kill-guardian@follower", killed("guardian"), "follower", NEVER, 2.0, pairs=True),
    Fault("kill-both@leader", killed("both"), "leader", MUST, pairs=True),
    Fault(
        "kill-everything@leader", killed("everything"), "leader", MUST, 4.0, two_without_gate=True
    ),
    Fault("kill-lifecheck@leader", killed("lifecheck"), "leader", NEVER, 2.0, pairs=True),
    Fault("kill-sentinel@leader", killed("sentinel"), "leader", (0, 1), 3.0),
    Fault("stop-node@leader", stopped("node"), "leader", MUST, pairs=True),
    Fault("stop-node@follower", stopped("node"), "follower", NEVER, pairs=True),
    Fault("stop-guardian@leader", stopped("guardian"), "leader", MUST, pairs=True),
    Fault("stop-both@leader", stopped("both"), "leader", MUST, pairs=True),
    Fault("stop-lifecheck@leader", stopped("lifecheck"), "leader", NEVER),
    Fault("stop-sentinel@leader", stopped("sentinel"), "leader", (0, 1), 3.0),
    Fault(
        "frozen-everything@leader",
        stopped("everything"),
        "leader",
        MUST,
        15.0,
        two_without_gate=True,
    ),
    Fault("cgroup-freeze@leader", freezer, "leader", MUST, 4.0, two_without_gate=True),
    Fault("cgroup-freeze@follower", freezer, "follower", NEVER, 4.0),
    Fault("link-down@leader", unplugged, "leader", MUST, pairs=True),
    Fault("link-down@follower", unplugged, "follower", NEVER, pairs=True),
    Fault("silent-cut@leader", cut(_everything), "leader", MUST, pairs=True),
    Fault("silent-cut@follower", cut(_everything), "follower", NEVER, pairs=True),
    Fault("cut-from-peers@leader", cut(_peers), "leader", MUST, 4.0, pairs=True),
    Fault("one-way-in@leader", cut(_into), "leader", MUST, 4.0, pairs=True),
    Fault("one-way-out@leader", cut(_out_of), "leader", MUST, 4.0, pairs=True),
    Fault("one-way-in@follower", cut(_into), "follower", NEVER, 4.0, pairs=True),
    Fault("one-way-out@follower", cut(_out_of), "follower", NEVER, 4.0, pairs=True),
    Fault("bridge@leader", cut(_bridge), "leader", NEVER, 6.0),
    Fault("ring", cut(_ring), "leader", NEVER, 6.0, nodes=("5",)),
    Fault("flapping@leader", flapping, "leader", (0, FLAPS), 0.0),
    Fault("flapping@follower", flapping, "follower", NEVER, 0.0),
    Fault("loss-20", loss, "all", NEVER, 20.0),
    Fault("cpu-storm", storm, "all", NEVER, 8.0),
    Fault("restart-at-once", stopped_at_once, "all", (0, 2), 0.0, 40.0),
    Fault("kill-at-once", killed_at_once, "all", (0, 2), 1.0, 40.0),
    Fault("rolling-restart", rolling, "leader", MUST, 0.0),
    Fault("full-disk@leader", full_disk, "leader", NEVER, 3.0, kind="disk"),
    Fault("read-only-disk@leader", read_only_disk, "leader", (0, 2), 3.0, kind="disk"),
    Fault("read-only-disk@follower", read_only_disk, "follower", NEVER, 3.0, kind="disk"),
    Fault("hung-disk@leader", hung_disk, "leader", NEVER, 4.0, kind="disk"),
    Fault("clock-jumps", clock_jumps, "all", NEVER, 8.0, kind="clock"),
    Fault("hook-hangs-off", hanging("de_escalation"), "leader", MUST, 4.0, kind="hooks"),
    Fault("hook-hangs-on", hanging("escalation"), "leader", (1, 3), 8.0, kind="hooks"),
)
BY_NAME: Final = {fault.name: fault for fault in FAULTS}
