"""What a load balancer sees of a cluster: the health ports, asked from its network."""

import http.client
import os
import select
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from tests.system.cluster import SystemCluster
from tests.system.exclusion import TwoHoldersError
from tests.system.prober import SECOND
from watchdog.cli.demo.journal import now_ns
from watchdog.cli.demo.outside import inside
from watchdog.cli.demo.processes import children

PORT: Final = 8780
TABLES: Final = f'[http]\nlisten = "0.0.0.0:{PORT}"'
ASK_S: Final = 2.0
EVERY_S: Final = 0.02


class Answer(NamedTuple):
    """What came back, and when; code 0 when nothing did."""

    asked: int
    t: int
    code: int
    body: str


def dial(cluster: SystemCluster, node: str) -> socket.socket:
    """A connection to a node's health port from its network."""
    target = (cluster.lab.places[node].address, PORT)
    return inside(cluster.lab.network, lambda: socket.create_connection(target, ASK_S))


def ask(cluster: SystemCluster, node: str, path: str, at: str | None = None) -> Answer:
    """One `GET` to a node, from its network or from another node."""
    namespace = cluster.lab.network if at is None else cluster.lab.places[at].namespace
    return get(namespace, (cluster.lab.places[node].address, PORT), path)


def get(namespace: str, target: tuple[str, int], path: str) -> Answer:
    """One `GET` out of a namespace."""
    connection, asked = http.client.HTTPConnection("unused", timeout=ASK_S), now_ns()
    try:
        connection.sock = inside(namespace, lambda: socket.create_connection(target, ASK_S))
        connection.request("GET", path, headers={"Connection": "close"})
        response = connection.getresponse()
        return Answer(asked, now_ns(), response.status, response.read().decode())
    except (OSError, http.client.HTTPException) as error:
        return Answer(asked, now_ns(), 0, str(error))
    finally:
        connection.close()


def leaders(cluster: SystemCluster) -> set[str]:
    """The nodes whose health port says that they lead."""
    return {name for name in cluster.names if ask(cluster, name, "/leader").code == 200}


def web_pid(cluster: SystemCluster, node: str) -> int | None:
    """The process of a node's health port; None when there is none."""
    for pid in children(cluster.guardian_pid(node)):
        try:
            if b"watchdog.web" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                return pid
        except OSError:
            continue
    return None


class Watch:
    """Asks a path of every node all the time, each from a thread of its own."""

    def __init__(self, cluster: SystemCluster, path: str) -> None:
        self._cluster = cluster
        self._path = path
        self._end = threading.Event()
        self.answers: dict[str, list[Answer]] = {name: [] for name in cluster.names}

    def run(self, node: str) -> None:
        """Ask until the end."""
        while not self._end.wait(EVERY_S):
            self.answers[node].append(ask(self._cluster, node, self._path))

    def stop(self) -> None:
        """Ask no more."""
        self._end.set()

    def yes(self, node: str) -> list[Answer]:
        """Its answers of 200."""
        return [answer for answer in self.answers[node] if answer.code == 200]

    def overlap_s(self, giver: str, taker: str) -> float:
        """For how long the giver still said 200 after the taker had: what is sure of it.

        A question that was asked after an answer came is later, however busy the machine is.
        """
        return max(0, self.yes(giver)[-1].asked - self.yes(taker)[0].t) / SECOND

    def expect_no_overlap(self, giver: str, taker: str) -> None:
        """No two nodes said 200 at once; TwoHoldersError."""
        if both_s := self.overlap_s(giver, taker):
            raise TwoHoldersError(f"{giver} and {taker} said that they lead for {both_s} s")


@contextmanager
def watching(cluster: SystemCluster, path: str) -> Iterator[Watch]:
    """Ask during a block."""
    watch = Watch(cluster, path)
    threads = [threading.Thread(target=watch.run, args=(name,)) for name in cluster.names]
    for thread in threads:
        thread.start()
    try:
        yield watch
    finally:
        watch.stop()
        for thread in threads:
            thread.join()


@contextmanager
def crowd(cluster: SystemCluster, node: str, count: int, said: bytes) -> Iterator[None]:
    """Many connections from the network, which said something, wait, and come back when ended."""
    end, found = threading.Event(), [dial(cluster, node) for _ in range(count)]

    def come_back() -> None:
        poll = select.epoll()
        by_fd = {one.fileno(): one for one in found}
        for one in found:
            poll.register(one, select.EPOLLRDHUP | select.EPOLLHUP)
        while not end.is_set():
            for fd, _ in poll.poll(0.1, 50):
                poll.unregister(fd)
                by_fd.pop(fd).close()
                again = dial(cluster, node)
                again.sendall(said)
                by_fd[again.fileno()] = again
                poll.register(again, select.EPOLLRDHUP | select.EPOLLHUP)
            time.sleep(0.02)
        for one in by_fd.values():
            one.close()
        poll.close()

    for one in found:
        one.sendall(said)
    thread = threading.Thread(target=come_back)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def signal_web(cluster: SystemCluster, node: str, number: int) -> int:
    """Signal the process of a node's health port; its number."""
    pid = web_pid(cluster, node)
    assert pid is not None, cluster.log(node)
    os.kill(pid, number)
    return pid
