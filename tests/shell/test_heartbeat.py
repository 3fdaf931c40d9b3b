"""Heartbeats on real UDP sockets of the loopback addresses."""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest

from lifecheck.heartbeat import Heartbeat
from lifecheck.log import Log
from lifecheck.plan import HeartbeatPlan, Peer
from watchdog.wire.heartbeat import SIZE_MAX, Beat, Stream

KEY: Final = b"k" * 32
CLUSTER: Final = b"c" * 32
ADDRESSES: Final = {"alpha": "127.0.0.1", "beta": "127.0.0.2", "gamma": "127.0.0.3"}


def free_port() -> int:
    """A UDP port that nobody has on any of the addresses."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


class Part:
    """One node's heartbeats, what it logs, and how often it called out."""

    def __init__(
        self, node: str, port: int, folder: Path, *, key: bytes = KEY, **others: str
    ) -> None:
        peers = {**{n: a for n, a in ADDRESSES.items() if n != node}, **others}
        plan = HeartbeatPlan(
            ADDRESSES[node], port, 20, 300, tuple(Peer(n, a) for n, a in peers.items())
        )
        self.calls = 0
        self._file = (folder / f"{node}.log").open("ab")
        self.path = folder / f"{node}.log"
        self.log = Log(node, fd=self._file.fileno())
        self.heartbeat = Heartbeat(plan, node, CLUSTER, key, self._changed, self.log)

    def _changed(self) -> None:
        self.calls += 1

    def verdicts(self) -> dict[str, str]:
        """Peer to verdict, as `status` shows it."""
        return {str(row["node"]): str(row["verdict"]) for row in self.heartbeat.rows()}

    def told(self) -> dict[str, str]:
        """Peer to verdict, as the node is told it."""
        return {peer: verdict for peer, (verdict, _) in self.heartbeat.peers().items()}

    def row(self, peer: str) -> dict[str, object]:
        """One row of `status`."""
        return next(row for row in self.heartbeat.rows() if row["node"] == peer)

    def close(self) -> None:
        """End the log; everything that was logged is in its file then."""
        self.log.close()
        self._file.close()


@asynccontextmanager
async def running(*parts: Part) -> AsyncIterator[dict[str, asyncio.Task[None]]]:
    """Run these parts for as long as the `with` lasts."""
    try:
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            found = {part.path.stem: tasks.create_task(part.heartbeat.run()) for part in parts}
            await asyncio.sleep(0.03)  # until the ports are bound
            yield found
            for task in found.values():
                task.cancel()
    finally:
        for part in parts:
            part.close()


async def until(condition: Callable[[], object]) -> None:
    """Wait for what heartbeats do in their own time."""
    for _ in range(3000):
        if condition():
            return
        await asyncio.sleep(0.005)
    pytest.fail("it never happened")


def all_alive(*parts: Part) -> bool:
    """Everybody hears everybody."""
    return all(set(part.verdicts().values()) == {"alive"} for part in parts)


def test_three_nodes_hear_each_other(tmp_path: Path) -> None:
    """With round trips, losses and both directions; each change calls out."""
    port = free_port()
    parts = [Part(node, port, tmp_path) for node in ADDRESSES]

    async def story() -> None:
        assert set(parts[0].verdicts().values()) == {"unknown"}
        async with running(*parts):
            await until(lambda: all_alive(*parts))
            await until(lambda: parts[0].row("beta")["heard_by_it"] is True)
            row = parts[0].row("beta")
            assert isinstance(row["rtt_ms"], float)
            assert 0 < row["rtt_ms"] < 5000
            assert row["loss_in_percent"] == 0
            assert 2 <= parts[0].calls <= 3, "for its port and its two peers, not at heartbeats"

    asyncio.run(story())
    assert parts[0].path.read_text().count("event=heartbeat_heard") == 2


def test_cut_in_one_direction_silences_exactly_that_edge(tmp_path: Path) -> None:
    """Alpha's datagrams to beta go nowhere; five of six edges stay as they were."""
    port = free_port()
    alpha, beta, gamma = parts = [Part(node, port, tmp_path) for node in ADDRESSES]

    async def story() -> None:
        async with running(*parts):
            await until(lambda: all_alive(*parts))
            alpha.heartbeat._targets["beta"] = ("127.0.0.9", port)
            await until(lambda: beta.verdicts()["alpha"] == "dead")
            await until(lambda: alpha.row("beta")["heard_by_it"] is False)
            for _ in range(50):
                await asyncio.sleep(0.01)
                assert alpha.verdicts() == {"beta": "alive", "gamma": "alive"}
                # A pause of beta itself, on a busy machine, gives alpha its time anew.
                assert beta.verdicts()["gamma"] == "alive"
                assert gamma.verdicts() == {"alpha": "alive", "beta": "alive"}
            await until(lambda: beta.verdicts() == {"alpha": "dead", "gamma": "alive"})
            alpha.heartbeat._targets["beta"] = (ADDRESSES["beta"], port)
            await until(lambda: all_alive(*parts))

    asyncio.run(story())
    assert "event=heartbeat_silent level=warning" in beta.path.read_text()


def test_whoever_hears_nobody_calls_nobody_dead(tmp_path: Path) -> None:
    """Edges fall silent, and come back, one after the other: the first is not the only one."""
    port = free_port()
    alpha, beta, gamma = parts = [Part(node, port, tmp_path) for node in ADDRESSES]
    told: set[str] = set()

    async def aim(target: str) -> None:
        beta.heartbeat._targets["alpha"] = (target, port)
        await asyncio.sleep(0.02)  # an interval
        gamma.heartbeat._targets["alpha"] = (target, port)

    async def story() -> None:
        async with running(*parts):
            await until(lambda: all_alive(*parts))
            alpha.heartbeat._changed = lambda: told.update(alpha.told().values())
            await aim("127.0.0.9")
            await until(lambda: set(alpha.verdicts().values()) == {"dead"})
            await aim(ADDRESSES["alpha"])
            await until(lambda: set(alpha.told().values()) == {"alive"})
            assert told == {"alive", "unknown"}
            gamma.heartbeat._targets["alpha"] = ("127.0.0.9", port)
            await until(lambda: alpha.told() == {"beta": "alive", "gamma": "dead"})

    asyncio.run(story())


def test_restarted_node_is_heard_again(tmp_path: Path) -> None:
    """Silent, dead, and alive under a new salt."""
    port = free_port()
    alpha, beta = Part("alpha", port, tmp_path), Part("beta", port, tmp_path)

    async def story() -> None:
        async with running(alpha, beta) as tasks:
            await until(lambda: alpha.verdicts()["beta"] == "alive")
            tasks["beta"].cancel()
            await until(lambda: alpha.verdicts()["beta"] == "dead")
            again = Part("beta", port, tmp_path)
            async with running(again):
                await until(lambda: alpha.verdicts()["beta"] == "alive")
                await until(lambda: again.verdicts()["alpha"] == "alive")

    asyncio.run(story())


def test_strangers_are_counted_by_cause_and_logged_once(tmp_path: Path) -> None:
    """Wrong key, wrong address, noise, a foreign edge, a replay: nothing of it is believed."""
    port = free_port()
    alpha = Part("alpha", port, tmp_path)
    beat = Beat("beta", "alpha", hears=True, received=0, of=0)
    good = Stream(KEY, CLUSTER, b"s" * 16).seal(1, beat)
    bad_key = Stream(b"x" * 32, CLUSTER, b"u" * 16).seal(1, beat)
    foreign = Beat("gamma", "alpha", hears=True, received=0, of=0)
    datagrams = {
        "shape": b"",
        "version": b"\xff" * 80,
        "seal": bad_key,
        "name": Stream(KEY, CLUSTER, b"t" * 16).seal(1, foreign),
        "unproven": good,
        "replayed": good,
    }

    async def story() -> None:
        async with running(alpha):
            with (
                bound("127.0.0.2", port) as beta,
                bound("127.0.0.9", port) as stranger,
            ):
                for _ in range(3):
                    for datagram in (*datagrams.values(), b"x" * (SIZE_MAX + 9)):
                        beta.sendto(datagram, ("127.0.0.1", port))
                    stranger.sendto(good, ("127.0.0.1", port))
                await until(lambda: alpha.heartbeat.refused["address"] == 3)
            await until(lambda: alpha.heartbeat.refused.total() == 24)
            assert alpha.verdicts()["beta"] == "unknown"
            assert alpha.heartbeat.refused == {
                "shape": 6,
                "version": 3,
                "seal": 3,
                "name": 3,
                "unproven": 1,
                "replayed": 5,
                "address": 3,
            }

    asyncio.run(story())
    text = alpha.path.read_text()
    for cause in ("shape", "version", "seal", "name", "replayed", "address"):
        assert text.count(f"cause={cause}") == 1
    assert "unproven" not in text


def bound(address: str, port: int) -> socket.socket:
    """A socket of somebody else."""
    found = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    found.bind((address, port))
    return found


def test_port_that_somebody_has_is_tried_again(tmp_path: Path) -> None:
    """An old process that has not ended yet, or an address that comes later."""
    port = free_port()
    alpha, beta = Part("alpha", port, tmp_path), Part("beta", port, tmp_path)

    async def story() -> None:
        squatter = bound("127.0.0.1", port)
        async with running(alpha, beta):
            await asyncio.sleep(0.2)
            assert alpha.verdicts()["beta"] == "unknown"
            squatter.close()
            await until(lambda: alpha.verdicts()["beta"] == "alive")

    asyncio.run(story())
    assert alpha.path.read_text().count("event=heartbeat_port_unusable") == 1


def test_network_that_takes_nothing_ends_nobody(tmp_path: Path) -> None:
    """One peer cannot be sent to at all; the others do not notice. Every cause is logged once."""
    port = free_port()
    alpha = Part("alpha", port, tmp_path, gamma="255.255.255.255")  # EACCES: it is a broadcast
    beta = Part("beta", port, tmp_path)

    async def story() -> None:
        async with running(alpha, beta):
            await until(lambda: alpha.verdicts()["beta"] == "alive")
            await until(lambda: alpha.heartbeat.send_errors["EACCES"] > 5)
            assert alpha.verdicts()["gamma"] == "unknown"

    asyncio.run(story())
    assert alpha.path.read_text().count("event=heartbeat_not_sent") == 1


def test_flood_does_not_drown_the_heartbeats(tmp_path: Path) -> None:
    """Noise from a peer's own address, as fast as one process can send it."""
    port = free_port()
    alpha, beta = Part("alpha", port, tmp_path), Part("beta", port, tmp_path)

    def flood(end_s: float) -> int:
        count = 0
        with bound("127.0.0.9", port) as stranger:
            while time.monotonic() < end_s:
                stranger.sendto(os.urandom(90), ("127.0.0.1", port))
                count += 1
        return count

    async def story() -> None:
        async with running(alpha, beta):
            await until(lambda: alpha.verdicts()["beta"] == "alive")
            sent = await asyncio.to_thread(flood, time.monotonic() + 1)
            assert sent > 100
            assert alpha.heartbeat.refused["address"] > 100
            await until(lambda: alpha.verdicts()["beta"] == "alive")
            await until(lambda: beta.verdicts()["alpha"] == "alive")

    asyncio.run(story())
    assert "event=heartbeat_silent" not in beta.path.read_text()


def test_process_that_was_stopped_calls_nobody_dead(tmp_path: Path) -> None:
    """Its own pause is no silence of others."""
    port = free_port()
    alpha, beta = Part("alpha", port, tmp_path), Part("beta", port, tmp_path)

    async def story() -> None:
        async with running(alpha, beta):
            await until(lambda: all_alive_pair(alpha, beta))
            asyncio.get_running_loop().call_soon(time.sleep, 0.6)
            await asyncio.sleep(0.1)
            assert all_alive_pair(alpha, beta)

    asyncio.run(story())
    assert "event=heartbeat_silent" not in alpha.path.read_text()


def all_alive_pair(alpha: Part, beta: Part) -> bool:
    """The two that run hear each other."""
    return alpha.verdicts()["beta"] == beta.verdicts()["alpha"] == "alive"
