"""Who speaks of the nodes' health, for how long it stands, and what the core hears of it."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from ipc.messages import Answer, Client, Inform, Judgement, Own, Register, Reply, Report, Verdict
from tests.unit.watchdog.shell import samples
from tests.unit.watchdog.shell.channels import FakeChannel
from watchdog.core import events as ev
from watchdog.core.events import Event, LifecheckLost, LifecheckReported, StandingReported
from watchdog.shell import lifecheck_desk
from watchdog.shell.inbox import CROWDED, Inbox
from watchdog.shell.lifecheck_desk import LifecheckDesk
from watchdog.shell.log import Log
from watchdog.shell.plan import LifecheckPlan

ONE_SHOT = Client(7, 0, 0)
EXPECTED = LifecheckPlan(expected=True, method="heartbeat", on_loss="ignore", deadtime_ms=10_000)


class Stage:
    """A desk and the inbox behind it."""

    def __init__(self, lifecheck: LifecheckPlan) -> None:
        reader, writer = os.pipe()
        self._descriptors = (reader, writer)
        self.log = Log("alpha", fd=writer)
        self.inbox = Inbox()
        self.desk = LifecheckDesk(
            replace(samples.plan(), lifecheck=lifecheck), self.inbox, self.log
        )

    def join(self, name: str, number: int, *, native: bool = True) -> Client:
        """Register a client; what it looks like afterwards."""
        client = Client(100 + number, 0, 0, FakeChannel(number))
        assert client.channel is not None
        self.desk.register(replace(client, channel=None), Register(name, native), client.channel)
        return client

    def events(self) -> list[Event]:
        """What the core hears next."""
        found = []
        while (event := self.inbox.take()) is not None:
            found.append(event)
        return found

    def close(self) -> None:
        """End the log."""
        self.log.close()
        for descriptor in self._descriptors:
            os.close(descriptor)


def play(story: Callable[[Stage], Awaitable[None]], lifecheck: LifecheckPlan = EXPECTED) -> None:
    """Run `story` on an event loop."""

    async def run() -> None:
        stage = Stage(lifecheck)
        try:
            async with asyncio.timeout(10):
                await story(stage)
        finally:
            stage.close()

    asyncio.run(run())


def report(
    verdict: Verdict = "alive", valid_ms: int = 15_000, epoch: int = 0, **peers: Verdict
) -> Report:
    """A report with these verdicts."""
    own = Own(verdict, f"own {verdict}", epoch, veto="", handicap=0)
    said = {name: Judgement(word, f"{name} {word}") for name, word in peers.items()}
    return Report(own, said, valid_ms)


def text(reply: Reply) -> str:
    """The MESSAGE of a refusal."""
    assert reply.kind != "7"
    assert reply.body is not None
    return str(reply.body["MESSAGE"])


def pushed(client: Client) -> list[tuple[str, dict[str, Any]]]:
    """What was pushed to it."""
    assert isinstance(client.channel, FakeChannel)
    return client.channel.pushed


def test_a_report_reaches_the_core_word_by_word_with_its_source() -> None:
    """The built-in one is called `lifecheck`, every other by its name and number."""

    async def story(stage: Stage) -> None:
        ours, other = stage.join("lifecheck", 1), stage.join("mine", 2)
        assert stage.desk.report(ours, report("dead", epoch=7, beta="alive")).kind == "7"
        assert stage.events() == [
            LifecheckReported("alpha", ev.Verdict.DEAD, "own dead", "lifecheck", 7),
            StandingReported("lifecheck", 0, ""),
            LifecheckReported("beta", ev.Verdict.ALIVE, "beta alive", "lifecheck"),
        ]
        stage.desk.report(other, report(gamma="dead"))
        assert stage.events()[2] == LifecheckReported(
            "gamma", ev.Verdict.DEAD, "gamma dead", "mine#2"
        )

    play(story)


def test_what_a_report_leaves_out_is_unknown_again() -> None:
    """A report is everything that its client finds now."""

    async def story(stage: Stage) -> None:
        client = stage.join("mine", 1)
        stage.desk.report(client, report(beta="dead", gamma="alive"))
        stage.events()
        stage.desk.report(client, report(gamma="alive"))
        assert stage.events()[-1] == LifecheckReported(
            "beta", ev.Verdict.UNKNOWN, "not said any more", "mine#1"
        )
        assert stage.desk.health().clients[0]["verdicts"] == {"alpha": "alive", "gamma": "alive"}

    play(story)


def test_standing_and_veto_are_handed_on() -> None:
    """A lowered priority, and a wish to see another node lead."""

    async def story(stage: Stage) -> None:
        own = Own("alive", "", 0, veto="no gateway answers", handicap=5)
        stage.desk.report(stage.join("lifecheck", 1), Report(own, {}, 1000))
        assert stage.events()[1] == StandingReported("lifecheck", 5, "no gateway answers")

    play(story)


def test_words_end_with_the_connection() -> None:
    """A dead lifecheck must not go on judging."""

    async def story(stage: Stage) -> None:
        client = stage.join("mine", 1)
        stage.desk.report(client, report(beta="dead"))
        stage.events()
        assert client.channel is not None
        stage.desk.gone(client.channel)
        assert stage.events() == [LifecheckLost("mine#1", "its connection has ended")]
        assert stage.desk.health().clients == []
        stage.desk.gone(client.channel)
        assert stage.events() == []

    play(story)


def test_a_listener_that_never_judged_is_not_missed() -> None:
    """`quorumdog wait` registers, too."""

    async def story(stage: Stage) -> None:
        client = stage.join("wait", 1, native=False)
        assert client.channel is not None
        stage.desk.gone(client.channel)
        assert stage.events() == []

    play(story)


def test_silence_ends_words_and_the_next_report_brings_them_back() -> None:
    """One that hangs is no better than one that died."""

    async def story(stage: Stage) -> None:
        client = stage.join("lifecheck", 1)
        stage.desk.report(client, report(valid_ms=20))
        stage.desk.report(client, report(valid_ms=30))
        stage.events()
        await stage.inbox.wait(5)
        assert stage.events() == [LifecheckLost("lifecheck", "it has said nothing for 0.03 s")]
        assert stage.desk.health().own == (None, "")
        assert "has said nothing for too long" in stage.desk.warnings()[0]
        stage.desk.report(client, report())
        assert stage.desk.health().own == ("alive", "own alive")
        assert stage.desk.warnings() == []

    play(story)


def test_informs_in_passing_share_one_source_and_stand() -> None:
    """What `wd_cli` says."""

    async def story(stage: Stage) -> None:
        assert stage.desk.inform(ONE_SHOT, Inform("beta", "dead", "smoke")).kind == "7"
        assert stage.desk.inform(ONE_SHOT, Inform("alpha", "alive", "")).kind == "7"
        assert stage.events() == [
            LifecheckReported("beta", ev.Verdict.DEAD, "smoke", "inform"),
            LifecheckReported("alpha", ev.Verdict.ALIVE, "said to be alive by uid 0", "inform"),
        ]
        assert stage.desk.was_started

    play(story)


def test_an_inform_of_a_registered_client_is_its_own_and_ends_with_it() -> None:
    """The forty-line script that keeps its connection."""

    async def story(stage: Stage) -> None:
        client = stage.join("script", 3, native=False)
        stage.desk.inform(client, Inform("beta", "dead", "smoke"))
        assert stage.events() == [
            LifecheckReported("beta", ev.Verdict.DEAD, "smoke", "script#3"),
        ]
        assert client.channel is not None
        stage.desk.gone(client.channel)
        assert stage.events() == [LifecheckLost("script#3", "its connection has ended")]

    play(story)


def test_what_cannot_be_is_refused_and_the_core_hears_nothing() -> None:
    """With the names that would do."""

    async def story(stage: Stage) -> None:
        names = "the nodes are: alpha, beta, gamma"
        client = stage.join("mine", 1)
        assert text(stage.desk.inform(ONE_SHOT, Inform("betta", "dead", ""))) == (
            f"no node is called betta; {names}"
        )
        assert names in text(stage.desk.report(client, report(betta="dead")))
        assert "belongs into `own`" in text(stage.desk.report(client, report(alpha="dead")))
        assert "only a registered client" in text(stage.desk.report(ONE_SHOT, report()))
        assert stage.events() == []

    play(story)


def test_a_flood_is_asked_to_wait() -> None:
    """Local events are never dropped, so nobody may make any number of them."""

    async def story(stage: Stage) -> None:
        client = stage.join("mine", 1)
        replies = [stage.desk.report(client, report("dead")).kind for _ in range(CROWDED)]
        assert replies[0] == "7"
        assert replies[-1] == "5"
        assert stage.desk.inform(ONE_SHOT, Inform("beta", "dead", "")).kind == "5"
        assert len(stage.events()) <= CROWDED + 2
        assert stage.desk.report(client, report()).kind == "7"

    play(story)


def test_the_newest_built_in_lifecheck_is_the_one() -> None:
    """After a restart of which the old one's end has not been noticed yet."""

    async def story(stage: Stage) -> None:
        old = stage.join("lifecheck", 1)
        stage.desk.report(old, report("dead"))
        stage.events()
        new = stage.join("lifecheck", 2)
        assert stage.events() == [LifecheckLost("lifecheck", "another one has registered")]
        assert "another lifecheck" in text(stage.desk.report(old, report("dead")))
        stage.desk.report(new, report())
        stage.events()
        assert old.channel is not None
        stage.desk.gone(old.channel)
        assert stage.events() == []
        assert stage.desk.health().own == ("alive", "own alive")

    play(story)


def test_details_are_asked_for_and_kept() -> None:
    """One question at a time, and the last answer when there is no new one."""

    async def story(stage: Stage) -> None:
        await stage.desk.refresh()  # nobody is there to be asked
        client = stage.join("lifecheck", 1)
        async with asyncio.TaskGroup() as tasks:
            looks = [tasks.create_task(stage.desk.refresh()) for _ in range(3)]
            await asyncio.sleep(0)
            ((kind, request),) = pushed(client)
            assert (kind, request["event"], request["verb"]) == ("q", "request", "details")
            answer = Answer(request["rid"], True, {"checks": [{"name": "db"}]})
            assert stage.desk.answer(client, answer).kind == "7"
        assert all(look.done() for look in looks)
        health = stage.desk.health()
        assert health.details == {"checks": [{"name": "db"}]}
        assert health.is_answering

    play(story)


def test_a_young_answer_is_shown_again_unless_something_was_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A flood of `status` must not become one of questions to the lifecheck."""
    monkeypatch.setattr(lifecheck_desk, "FRESH_S", 60.0)

    async def look(stage: Stage, client: Client) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(stage.desk.refresh())
            await asyncio.sleep(0)
            stage.desk.answer(client, Answer(pushed(client)[-1][1]["rid"], True, {}))

    async def story(stage: Stage) -> None:
        client = stage.join("lifecheck", 1)
        await look(stage, client)
        await stage.desk.refresh()
        assert len(pushed(client)) == 1
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(stage.desk.change("check_reset", {"name": "x"}))
            await asyncio.sleep(0)
            stage.desk.answer(client, Answer(pushed(client)[-1][1]["rid"], True, {}))
        await look(stage, client)
        assert [body["verb"] for _, body in pushed(client)] == [
            "details",
            "check_reset",
            "details",
        ]

    play(story)


def test_a_lifecheck_that_hangs_delays_a_status_a_little_and_is_asked_once() -> None:
    """What it said before is shown; a thousand questions would only drop its connection."""

    async def story(stage: Stage) -> None:
        client = stage.join("lifecheck", 1)
        for _ in range(2):
            await stage.desk.refresh()
        assert len(pushed(client)) == 1
        assert not stage.desk.health().is_answering
        stage.desk.answer(client, Answer(pushed(client)[0][1]["rid"], True, {"checks": []}))
        assert stage.desk.health().details == {"checks": []}

    play(story)


def test_changes_of_checks_are_handed_on_with_their_answer() -> None:
    """The lifecheck knows its checks; this process only carries."""

    async def story(stage: Stage) -> None:
        client = stage.join("lifecheck", 1)
        answers: list[tuple[bool, dict[str, object], str]] = [
            (True, {}, "7"),
            (False, {"MESSAGE": "no check x"}, "6"),
        ]
        for ok, body, kind in answers:
            async with asyncio.TaskGroup() as tasks:
                fields: dict[str, object] = {"name": "x", "settings": {"every": "1s"}}
                change = tasks.create_task(stage.desk.change("check_set", fields))
                await asyncio.sleep(0)
                request = pushed(client)[-1][1]
                assert request.items() >= {"verb": "check_set", **fields}.items()
                stage.desk.answer(client, Answer(request["rid"], ok, body))
            assert (change.result().kind, change.result().body) == (kind, body)

    play(story)


def test_a_change_fails_with_a_sentence_when_nobody_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not running, not answering, or ended meanwhile."""
    monkeypatch.setattr(lifecheck_desk, "CHANGE_S", 0.01)

    async def story(stage: Stage) -> None:
        assert "does not run here" in text(await stage.desk.change("check_reset", {"name": "x"}))
        client = stage.join("lifecheck", 1)
        late = await stage.desk.change("check_reset", {"name": "x"})
        assert (late.kind, "did not answer within" in text(late)) == ("8", True)
        stage.desk.answer(client, Answer(pushed(client)[0][1]["rid"], True, {}))
        async with asyncio.TaskGroup() as tasks:
            change = tasks.create_task(stage.desk.change("check_reset", {"name": "x"}))
            await asyncio.sleep(0)
            assert client.channel is not None
            stage.desk.gone(client.channel)
        assert "ended before it answered" in text(change.result())

    play(story)


def test_only_the_built_in_lifecheck_answers() -> None:
    """Another client could guess the number of a question."""

    async def story(stage: Stage) -> None:
        stage.join("lifecheck", 1)
        other = stage.join("mine", 2)
        assert "only the built-in" in text(stage.desk.answer(other, Answer(1, True, {})))

    play(story)


@pytest.mark.parametrize(
    ("lifecheck", "warning"),
    [
        (EXPECTED, "its checks are not looked at"),
        (replace(EXPECTED, expected=False, method="external"), "no lifecheck is registered"),
        (replace(EXPECTED, expected=False), None),
        (replace(EXPECTED, expected=False, method="none"), None),
    ],
)
def test_a_missing_lifecheck_is_said(lifecheck: LifecheckPlan, warning: str | None) -> None:
    """Nothing moves because of it; but who expects to be watched should know that he is not."""

    async def story(stage: Stage) -> None:
        found = stage.desk.warnings()
        assert len(found) == (warning is not None)
        assert warning is None or warning in found[0]
        name = "mine" if lifecheck.method == "external" else "lifecheck"
        stage.desk.report(stage.join(name, 1), report())
        assert stage.desk.warnings() == []

    play(story, lifecheck)
