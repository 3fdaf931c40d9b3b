"""Both ways between real nodes on loopback: one is enough, and nothing counts twice."""

import asyncio

from tests.shell.links import TestNode, linked, nodes, now_ns, until
from watchdog.core.messages import Beacon, Grant, Message, Release, StateRequest, Tenure
from watchdog.instant import Instant

TURNS = 20


def beacon(node: TestNode, number: int) -> Beacon:
    """Round `number` of a leader."""
    tenure = Tenure(node.plan.node, node.core.inc, 1)
    return Beacon(1, tenure, number, Instant(1, 1), 1200, b"d" * 32, 1)


def grant(node: TestNode, ask: Beacon) -> Grant:
    """The answer of `node`."""
    return Grant(1, ask.tenure, ask.round, ask.sent, node.core.inc, is_vote=False)


async def turn(leader: TestNode, voter: TestNode, number: int) -> None:
    """One round and its answer."""
    ask = beacon(leader, number)
    leader.routes.send(voter.plan.node, ask)
    await until(lambda: voter.core.said(leader.plan.node, ask))
    answer = grant(voter, ask)
    voter.routes.send(leader.plan.node, answer)
    await until(lambda: leader.core.said(voter.plan.node, answer))


def rounds(node: TestNode, peer: str) -> list[Message]:
    """What `peer` said of rounds, in order and with copies."""
    heard = (event.message for event in node.core.messages(peer))
    return [message for message in heard if isinstance(message, Beacon | Grant | Release)]


def frames(node: TestNode, peer: str) -> int:
    """Frames said to `peer` by TCP."""
    return node.peers.stats()[peer]["frames_out"]


def test_rounds_that_are_answered_by_datagram_leave_tcp_alone() -> None:
    """Only the first one goes both ways."""

    async def story() -> None:
        pair = nodes("alpha", "beta")
        async with pair["alpha"].running() as alpha, pair["beta"].running() as beta:
            await linked(alpha, beta)
            await turn(alpha, beta, 1)
            await until(lambda: alpha.paths.to("beta").ways.works(now_ns()))
            before = frames(alpha, "beta"), frames(beta, "alpha")
            for number in range(2, TURNS):
                await turn(alpha, beta, number)
            assert (frames(alpha, "beta"), frames(beta, "alpha")) == before
            for node, peer in ((alpha, "beta"), (beta, "alpha")):
                row = node.paths.stats()[peer]
                assert (row["udp"], row["last_round"], row["is_blocked"]) == (True, "udp", False)
            numbers = [m.round for m in rounds(beta, "alpha") if isinstance(m, Beacon)]
            assert numbers == list(range(1, TURNS))

    asyncio.run(story())


def test_rounds_go_on_by_datagram_when_tcp_is_gone() -> None:
    """The connections are closed, and nobody accepts another."""

    async def story() -> None:
        pair = nodes("alpha", "beta")
        async with pair["alpha"].running() as alpha, pair["beta"].running() as beta:
            await linked(alpha, beta)
            await turn(alpha, beta, 1)
            for node in (alpha, beta):
                node.peers._listener.close()
                node.core.says_hello = False
            alpha.routes.close("beta", "this test cuts it")
            await until(lambda: not alpha.is_linked("beta") and not beta.is_linked("alpha"))
            for number in range(2, TURNS):
                await turn(alpha, beta, number)
            assert not alpha.is_linked("beta")
            assert len(beta.core.closed("alpha")) == 1

    asyncio.run(story())


def test_rounds_go_on_by_tcp_when_datagrams_are_lost() -> None:
    """Each has its copy by TCP, from the second round on without waiting for anything."""

    async def story() -> None:
        pair = nodes("alpha", "beta")
        async with pair["alpha"].running() as alpha, pair["beta"].running() as beta:
            await linked(alpha, beta)
            for node in (alpha, beta):
                for path in node.paths._paths.values():
                    path.place = ("127.0.0.9", 9)  # nobody is there
            for number in range(1, TURNS):
                await turn(alpha, beta, number)
            row = beta.paths.stats()["alpha"]
            assert (row["udp"], row["last_round"], row["received"]) == (False, "tcp", 0)

    asyncio.run(story())


def test_of_two_copies_one_is_handed_on() -> None:
    """And what is said three times comes three times."""

    async def story() -> None:
        pair = nodes("alpha", "beta")
        async with pair["alpha"].running() as alpha, pair["beta"].running() as beta:
            await linked(alpha, beta)
            release = Release(Tenure("alpha", alpha.core.inc, 1), 1, None, gone=False)
            for _ in range(3):
                alpha.routes.send("beta", release)
            last = StateRequest(1, 1)  # by TCP, so behind all copies that came that way
            alpha.routes.send("beta", last)
            await until(lambda: beta.core.said("alpha", last))
            await until(lambda: beta.paths.stats()["alpha"]["copies"] == 3)
            assert rounds(beta, "alpha") == [release] * 3

    asyncio.run(story())


def test_before_a_hello_nothing_goes_by_datagram() -> None:
    """Nobody knows yet which process is there."""

    async def story() -> None:
        pair = nodes("alpha", "beta")
        async with pair["alpha"].running() as alpha:
            alpha.routes.send("beta", beacon(alpha, 1))
            assert alpha.paths.stats()["beta"]["sent"] == 0
            assert alpha.peers.stats()["beta"]["dropped"] == 1

    asyncio.run(story())


def test_one_packing_serves_all_peers() -> None:
    """Each copy has the number of its receiver, and all have the same body."""

    async def story() -> None:
        trio = nodes("alpha", "beta", "gamma")
        alpha, beta, gamma = trio.values()
        async with alpha.running(), beta.running(), gamma.running():
            await linked(alpha, beta)
            await linked(alpha, gamma)
            ask = beacon(alpha, 1)
            alpha.routes.send("beta", StateRequest(1, 1))
            for peer in ("beta", "gamma"):
                alpha.routes.send(peer, ask)
            packed = alpha.routes._last
            assert packed[0] is ask
            await until(lambda: beta.core.said("alpha", ask) and gamma.core.said("alpha", ask))
            assert (
                alpha.paths.to("beta").ways.next_seq()
                == 1 + alpha.paths.to("gamma").ways.next_seq()
            )

    asyncio.run(story())
