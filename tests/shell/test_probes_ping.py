"""Probe `ping` over raw sockets on loopback (a datagram socket needs a namespace: tests/system)."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from lifecheck.probes import Means
from lifecheck.probes.echoes import Echoes
from tests.shell.probing import NO_MEANS, cancelled, look, once, probe

pytestmark = pytest.mark.root
NOBODY = "203.0.113.1"
"""For documents only (RFC 5737): nothing on a loopback answers for it."""


@pytest.fixture
def means() -> Iterator[Means]:
    """The two sockets that the guardian hands over."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as four,
        socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as six,
    ):
        yield Means(four, six)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "::1", "::1%lo"])
def test_this_machine_answers(means: Means, address: str) -> None:
    """Versions 4 and 6; on loopback a raw socket sees its own request as well."""
    outcome = once(probe("ping", means, addresses=[address]))
    assert outcome.ok, outcome
    assert outcome.detail.startswith(f"{address} answered in ")


def test_one_answer_is_enough(means: Means) -> None:
    """The others may be silent, or impossible to send to."""
    addresses = ["127.0.0.1", "::1", "fe80::1%nothing", "255.255.255.255"]
    assert once(probe("ping", means, addresses=addresses)).ok


def test_probes_that_share_a_socket_get_their_own_answers(means: Means) -> None:
    """Twenty at once, and the last to leave stops the reader."""

    async def story() -> None:
        subjects = [probe("ping", means, addresses=[f"127.0.0.{n}"]) for n in range(1, 21)]
        for _ in range(3):
            async with asyncio.TaskGroup() as group:
                runs = [group.create_task(look(subject)) for subject in subjects]
            for number, run in enumerate(runs, 1):
                assert run.result().detail.startswith(f"127.0.0.{number} answered")
        assert means.icmp is not None
        assert not asyncio.get_running_loop().remove_reader(means.icmp)
        for subject in subjects:
            subject.close()
        assert means.icmp.fileno() >= 0, "it is the guardian's, and others use it"

    asyncio.run(story())


def test_what_cannot_be_sent_to_is_said_at_once(means: Means) -> None:
    """Nobody has to wait for the time-out to learn that there is no way."""
    broadcast = once(probe("ping", means, addresses=["255.255.255.255"]))
    assert broadcast == (False, "no permission for 255.255.255.255")
    gone = once(probe("ping", means, addresses=["fe80::1%nothing"]))
    assert not gone.ok


def test_silence_is_waited_for_until_the_cancel(means: Means) -> None:
    """And then nobody listens any more. Here a socket stands between that answers nobody."""

    async def story() -> None:
        assert means.icmp is not None
        means.shared[means.icmp.fileno()] = deaf = Echoes(4, means.icmp, raw=True)
        deaf.send = lambda *_: None  # type: ignore[method-assign]
        subject = probe("ping", means, addresses=["127.0.0.1", NOBODY])
        doing = await cancelled(subject, 1.2)
        assert doing == f"waiting for an answer of 127.0.0.1, {NOBODY}"
        assert not deaf._waiting
        assert not asyncio.get_running_loop().remove_reader(means.icmp)

    asyncio.run(story())


def test_without_any_socket_it_says_what_is_missing() -> None:
    """Of this machine: whose groups may use datagram sockets is a setting of the kernel."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP).close()
    except PermissionError:
        outcome = once(probe("ping", NO_MEANS, addresses=["127.0.0.1"]))
        assert not outcome.ok
        assert outcome.detail.startswith("no socket for ICMP version 4: the guardian handed none")
    else:
        assert once(probe("ping", NO_MEANS, addresses=["127.0.0.1"])).ok
