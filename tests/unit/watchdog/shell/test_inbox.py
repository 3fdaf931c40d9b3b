"""The inbox keeps order, never loses a local event, and bounds what peers can pile up."""

import asyncio

from watchdog.core.events import LinkOpened, MessageReceived, Ticked
from watchdog.core.messages import StateRequest
from watchdog.shell.inbox import Inbox


def message(peer: str, rid: int = 0) -> MessageReceived:
    """Return a small message of `peer`."""
    return MessageReceived(peer, b"i" * 16, StateRequest(rid, 0))


def test_events_leave_in_the_order_of_their_arrival() -> None:
    """LinkOpened must come before the first message of its connection."""
    inbox = Inbox()
    inbox.put_local(LinkOpened("beta"))
    inbox.put_peer(message("beta"))
    inbox.put_local(Ticked())
    assert [inbox.take() for _ in range(4)] == [LinkOpened("beta"), message("beta"), Ticked(), None]


def test_flooding_peer_loses_its_own_messages_only() -> None:
    """One broken peer must not silence the others, nor anything local."""
    inbox = Inbox(per_peer_max=2)
    assert [inbox.put_peer(message("beta", rid)) for rid in range(4)] == [True, True, False, False]
    assert inbox.put_peer(message("gamma"))
    inbox.put_local(Ticked())
    assert inbox.dropped == {"beta": 2}
    taken = [inbox.take() for _ in range(4)]
    assert taken == [message("beta", 0), message("beta", 1), message("gamma"), Ticked()]


def test_taking_a_message_makes_room_for_the_next() -> None:
    """The bound is on what waits, not on what ever came."""
    inbox = Inbox(per_peer_max=1)
    for rid in range(3):
        assert inbox.put_peer(message("beta", rid))
        assert inbox.take() == message("beta", rid)
    assert not inbox.dropped


def test_sleeper_wakes_for_an_event() -> None:
    """The daemon's loop sleeps here; a lost wake-up would cost a whole beacon interval."""

    async def story() -> None:
        inbox = Inbox()
        asyncio.get_running_loop().call_soon(inbox.put_local, Ticked())
        await inbox.wait(3600)
        assert inbox.take() == Ticked()

    asyncio.run(story())


def test_sleeper_wakes_for_its_timer_and_not_at_all_when_something_waits() -> None:
    """Both ends of the sleep: nothing came, and something had come before."""

    async def story() -> None:
        inbox = Inbox()
        await inbox.wait(0)
        assert inbox.take() is None
        inbox.put_local(Ticked())
        await inbox.wait(3600)

    asyncio.run(story())


def test_a_deadline_that_stayed_keeps_its_timer() -> None:
    """Three of four events of a leader leave its deadline where it was."""

    async def story() -> None:
        inbox = Inbox()
        asyncio.get_running_loop().call_soon(inbox.put_local, Ticked())
        await inbox.wait(0.01, until_ns=7)
        assert inbox.take() == Ticked()
        await inbox.wait(3600, until_ns=7)
        assert inbox.take() is None

    asyncio.run(story())


def test_an_earlier_deadline_takes_the_place_of_a_later_one() -> None:
    """The timer of an hour must not be what wakes a leader that has a beacon to send."""

    async def story() -> None:
        inbox = Inbox()
        asyncio.get_running_loop().call_soon(inbox.put_local, Ticked())
        await inbox.wait(3600, until_ns=7)
        inbox.take()
        await inbox.wait(0, until_ns=6)

    asyncio.run(story())


def test_a_timer_that_rang_for_nobody_is_set_anew() -> None:
    """It may ring while events are handled; the deadline is then still to come."""

    async def story() -> None:
        inbox = Inbox()
        asyncio.get_running_loop().call_soon(inbox.put_local, Ticked())
        await inbox.wait(0, until_ns=7)
        await asyncio.sleep(0)
        inbox.take()
        await inbox.wait(0, until_ns=7)

    asyncio.run(story())
