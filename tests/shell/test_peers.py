"""Links over real sockets on loopback: two or three `Peers`, no core, no guardian."""

import asyncio
import errno
import itertools
import json
import os
import socket

import pytest

from tests.shell.links import OTHER_AUTHKEY, TestNode, free_port, hello, linked, nodes, until
from tests.shell.plans import plan_for, plan_json
from watchdog.core.events import LinkOpened, MessageReceived
from watchdog.core.messages import Beacon, Hello, StateRequest, Tenure
from watchdog.instant import Instant
from watchdog.shell.plan import parse
from watchdog.shell.refusals import Refusal
from watchdog.wire import codec


def beacon(node: TestNode, number: int) -> Beacon:
    """Round `number` of a leader."""
    tenure = Tenure(node.plan.node, node.core.inc, 1)
    return Beacon(1, tenure, number, Instant(1, 1), 1200, b"d" * 32, 1)


def test_two_nodes_get_a_link_that_begins_with_hello_each_way() -> None:
    """LinkOpened, then the peer's HELLO, then everything else; all under its incarnation."""

    async def story() -> None:
        pair = nodes("alpha", "beta")
        async with pair["alpha"].running() as alpha, pair["beta"].running() as beta:
            await linked(alpha, beta)
            beta.say("alpha", beacon(beta, 1))
            await until(lambda: alpha.core.said("beta", beacon(beta, 1)))
            assert alpha.core.events[0] == LinkOpened("beta")
            heard = alpha.core.messages("beta")
            assert isinstance(heard[0].message, Hello)
            assert {event.inc for event in heard} == {beta.core.inc}

    asyncio.run(story())


def test_many_nodes_keep_exactly_one_connection_for_each_pair() -> None:
    """Both sides dial at the same instant; nobody flaps, and no link is reported as lost."""

    async def story() -> None:
        names = ("alpha", "beta", "gamma", "delta")
        group = nodes(*names)
        async with (
            group["alpha"].running(),
            group["beta"].running(),
            group["gamma"].running(),
            group["delta"].running(),
        ):
            pairs = list(itertools.permutations(names, 2))
            await until(lambda: all(group[a].is_linked(b) for a, b in pairs))
            await asyncio.sleep(0.3)  # what crossed has been sorted out by then
            for a, b in pairs:
                assert group[a].is_linked(b)
                assert group[a].core.closed(b) == []
                ends = {
                    group[a].peers.stats()[b]["opened_by"],
                    group[b].peers.stats()[a]["opened_by"],
                }
                assert len(ends) == 1, "both ends kept the same connection"
            assert not any(node.refusals.snapshot() for node in group.values())

    asyncio.run(story())


def test_a_peer_that_stops_is_noticed_at_once_and_dialled_again() -> None:
    """FIN ends the link; the same incarnation is told; a restarted node is linked again."""

    async def story() -> None:
        pair = nodes("alpha", "beta")
        alpha, beta = pair["alpha"], pair["beta"]
        async with alpha.running():
            async with beta.running():
                await until(lambda: alpha.is_linked("beta"))
            await until(lambda: bool(alpha.core.closed("beta")))
            end = alpha.core.closed("beta")[0]
            assert (end.inc, end.why) == (beta.core.inc, "closed by the peer")
            await until(lambda: "refused by 127.0.0.2" in alpha.peers.stats()["beta"]["error"])
            again = TestNode(beta.plan)
            async with again.running():
                await until(lambda: alpha.is_linked("beta"))
                assert alpha.core.messages("beta")[-1].inc == again.core.inc
        assert len(alpha.core.closed("beta")) == 2

    asyncio.run(story())


def test_a_second_process_of_a_node_replaces_the_first_for_good() -> None:
    """The old link ends before the new HELLO is heard, and the old process stays out."""

    async def story() -> None:
        pair = nodes("alpha", "beta")
        alpha, beta = pair["alpha"], pair["beta"]
        async with alpha.running(), beta.running():
            await linked(alpha, beta)
            twin = TestNode(beta.plan)
            twin.peers._listener.open = lambda: None  # type: ignore[method-assign]
            dial = twin.peers._keep_dialling(twin.peers._links["alpha"])
            async with asyncio.TaskGroup() as tasks:
                task = tasks.create_task(dial)
                await until(lambda: twin.is_linked("alpha"))
                await until(lambda: alpha.refusals.count(Refusal.OLD_PROCESS) > 0)
                task.cancel()
            kinds = [
                event
                for event in alpha.core.events
                if not isinstance(event, LinkOpened)
                and (not isinstance(event, MessageReceived) or isinstance(event.message, Hello))
            ]
            assert alpha.core.closed("beta")[0].inc == beta.core.inc
            heard = kinds.index(alpha.core.closed("beta")[0])
            after = kinds[heard + 1]
            assert isinstance(after, MessageReceived)
            assert after.inc == twin.core.inc

    asyncio.run(story())


def test_a_node_with_another_authkey_stays_out_and_is_named_on_both_sides() -> None:
    """`status` must say why there is no link, not only that there is none."""

    async def story() -> None:
        port = free_port()
        names = ("alpha", "beta")
        alpha = TestNode(plan_for("alpha", names, port))
        beta = TestNode(plan_for("beta", names, port), authkey=OTHER_AUTHKEY)
        async with alpha.running(), beta.running():
            await until(lambda: alpha.refusals.count(Refusal.WRONG_KEY) > 0)
            await until(lambda: beta.refusals.count(Refusal.WRONG_KEY) > 0)
            assert not alpha.is_linked("beta")
            assert alpha.refusals.snapshot()["wrong_key"]["last_address"] == "127.0.0.2"
            await until(lambda: alpha.peers.stats()["beta"]["error"].startswith("certificate"))
        assert not any(isinstance(event, MessageReceived) for event in alpha.core.events)

    asyncio.run(story())


def test_a_right_key_with_a_wrong_name_stays_out() -> None:
    """Neither a stranger's name nor another member's name at this address is believed."""

    async def story() -> None:
        names = ("alpha", "beta", "gamma")
        for name in ("mallory", "gamma"):
            port = free_port()
            alpha = TestNode(plan_for("alpha", names, port))
            beta = TestNode(plan_for("beta", names, port), name=name)
            async with alpha.running(), beta.running():
                await until(alpha.has_refused_a_name)
                assert not alpha.is_linked("beta")
                assert not alpha.is_linked("gamma")
                assert name in alpha.refusals.snapshot()["wrong_name"]["detail"]
            assert alpha.core.events == []

    asyncio.run(story())


def test_nothing_is_said_before_hello_and_nothing_without_a_link() -> None:
    """What cannot be said is lost and counted: the protocol says it again."""

    async def story() -> None:
        pair = nodes("alpha", "beta")
        alpha, beta = pair["alpha"], pair["beta"]
        beta.core.says_hello = False
        async with alpha.running(), beta.running():
            await until(lambda: beta.is_linked("alpha"))
            alpha.say("beta", StateRequest(1, 1))
            beta.say("alpha", StateRequest(2, 1))
            beta.say("alpha", hello(beta.core.inc))
            await linked(alpha, beta)
            beta.say("alpha", StateRequest(3, 1))
            await until(lambda: alpha.core.said("beta", StateRequest(3, 1)))
            assert isinstance(alpha.core.messages("beta")[0].message, Hello)
            assert not any(alpha.core.said("beta", StateRequest(rid, 1)) for rid in (1, 2))
            assert alpha.peers.stats()["beta"]["dropped"] == 1
            assert beta.peers.stats()["alpha"]["dropped"] == 1

    asyncio.run(story())


def test_a_peer_whose_first_message_is_no_hello_is_refused() -> None:
    """Without its incarnation nothing that it says can be judged."""

    async def story() -> None:
        pair = nodes("alpha", "beta")
        alpha, beta = pair["alpha"], pair["beta"]
        beta.core.says_hello = False
        async with alpha.running(), beta.running():
            await until(lambda: beta.is_linked("alpha"))
            current = beta.peers._links["alpha"].current
            assert current is not None
            current.send(codec.encode(StateRequest(1, 1)))
            await until(lambda: alpha.refusals.count(Refusal.PROTOCOL) > 0)
            assert "StateRequest, not Hello" in alpha.refusals.snapshot()["protocol"]["detail"]
            assert alpha.core.messages("beta") == []

    asyncio.run(story())


def test_a_malformed_frame_closes_the_link_and_is_counted() -> None:
    """A peer with a bug or a wrong version: dropped, counted, named; this node lives on."""

    async def story() -> None:
        pair = nodes("alpha", "beta")
        alpha, beta = pair["alpha"], pair["beta"]
        async with alpha.running(), beta.running():
            await linked(alpha, beta)
            current = beta.peers._links["alpha"].current
            assert current is not None
            current.send(b"\xc1garbage")
            await until(lambda: alpha.refusals.count(Refusal.PROTOCOL) > 0)
            assert alpha.core.closed("beta")[0].why.startswith("protocol: ")
            await until(lambda: alpha.is_linked("beta"))

    asyncio.run(story())


def test_a_link_that_the_core_closes_comes_back() -> None:
    """CloseLink is for this connection, not for the peer."""

    async def story() -> None:
        pair = nodes("alpha", "beta")
        alpha, beta = pair["alpha"], pair["beta"]
        async with alpha.running(), beta.running():
            await linked(alpha, beta)
            alpha.peers.close("beta", "as told")
            assert [end.why for end in alpha.core.closed("beta")] == ["as told"]
            await linked(alpha, beta)

    asyncio.run(story())


def test_a_waiting_dialler_wakes_when_the_uplink_is_back() -> None:
    """After a long cut the delay has grown to seconds."""

    async def story() -> None:
        pair = nodes("alpha", "beta")
        alpha, beta = pair["alpha"], pair["beta"]
        async with alpha.running():
            link = alpha.peers._links["beta"]
            await until(lambda: "refused" in link.error)
            link.delay_ns = 10**15
            await asyncio.sleep(0.5)  # now it sleeps for days
            beta.peers._links["alpha"].delay_ns = 10**15
            async with beta.running():
                alpha.peers.wake()
                await until(lambda: alpha.is_linked("beta"))
                assert alpha.peers.stats()["beta"]["opened_by"] == "alpha"

    asyncio.run(story())


def test_stats_tell_about_a_link() -> None:
    """What `status` shows of a peer."""

    async def story() -> None:
        pair = nodes("alpha", "beta")
        alpha, beta = pair["alpha"], pair["beta"]
        assert alpha.peers.stats()["beta"]["error"] == "not tried yet"
        async with alpha.running(), beta.running():
            await linked(alpha, beta)
            shown = alpha.peers.stats()["beta"]
            assert shown["rtt_ms"] is not None
            assert 0 <= shown["rtt_ms"] < 1000
            assert shown["frames_in"] > 0
            assert shown["frames_out"] > 0
            assert shown["error"] == ""

    asyncio.run(story())


def test_nodes_link_over_ipv6_however_the_address_is_written() -> None:
    """The kernel names an address in one way only; the file may use another."""

    async def story() -> None:
        names, ports = ("alpha", "beta"), {"alpha": free_port(), "beta": free_port()}
        pair = {}
        for name in names:
            table = plan_json(name, names, ports[name])
            table["node_process"] |= {"listen": "::1", "address": "::1"}
            for row in table["node_process"]["members"]:
                row |= {"address": "0:0:0:0:0:0:0:1", "port": ports[row["name"]]}
            pair[name] = TestNode(parse(json.dumps(table)))
        async with pair["alpha"].running() as alpha, pair["beta"].running() as beta:
            await linked(alpha, beta)
            assert not alpha.refusals.snapshot()

    asyncio.run(story())


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ECONNREFUSED, "connection refused by 127.0.0.2:9000"),
        (errno.ETIMEDOUT, "timed out: no answer from 127.0.0.2:9000"),
        (errno.EHOSTUNREACH, "no route to host: 127.0.0.2:9000"),
        (errno.EADDRNOTAVAIL, "our address 127.0.0.1 is not on this machine"),
        (errno.EMFILE, "too many open files: 127.0.0.2:9000"),
    ],
)
def test_a_dial_that_fails_says_why_and_where(code: int, words: str) -> None:
    """`status` prints it beside the peer."""
    alpha = TestNode(plan_for("alpha", ("alpha", "beta"), 9000))
    link = alpha.peers._links["beta"]
    assert alpha.peers._dial_error(link, OSError(code, os.strerror(code))) == words


def test_an_incarnation_cannot_change_within_a_connection() -> None:
    """It is bound to the connection; a new process needs a new one."""

    async def story() -> None:
        pair = nodes("alpha", "beta")
        alpha, beta = pair["alpha"], pair["beta"]
        async with alpha.running(), beta.running():
            await linked(alpha, beta)
            beta.say("alpha", hello(b"another process!"))
            await until(lambda: bool(alpha.core.closed("beta")))
            assert "incarnation changed" in alpha.core.closed("beta")[0].why

    asyncio.run(story())


def test_stopping_closes_what_is_half_open_too() -> None:
    """A stranger in the middle of a handshake does not hold up a stop."""

    async def story() -> None:
        alpha = nodes("alpha", "beta")["alpha"]
        with socket.socket() as stranger:
            async with alpha.running():
                stranger.setblocking(False)
                loop = asyncio.get_running_loop()
                await loop.sock_connect(stranger, (alpha.plan.listen, alpha.plan.port))
                await until(lambda: alpha.peers._admission.total == 1)
            assert await loop.sock_recv(stranger, 1) == b""
        assert alpha.peers._admission.total == 0
        assert not alpha.refusals.snapshot()

    asyncio.run(story())
