"""Who speaks of the nodes' health, for how long it stands, and what the core hears of it."""

from dataclasses import replace

import pytest

from ipc.messages import Inform, Own, Report, Verdict
from tests.shell.desks import EXPECTED, ONE_SHOT, Stage, play, report, text
from watchdog.core import events as ev
from watchdog.core.events import LifecheckLost, LifecheckReported, StandingReported
from watchdog.shell.inbox import CROWDED
from watchdog.shell.plan import LifecheckPlan


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


def test_what_is_said_again_does_not_reach_the_core_again() -> None:
    """A lifecheck repeats itself all the time; only an inform between two reports is news."""

    async def story(stage: Stage) -> None:
        client = stage.join("mine", 1)
        for _ in range(3):
            assert stage.desk.report(client, report(beta="dead")).kind == "7"
        assert len(stage.events()) == 3
        stage.desk.inform(client, Inform("beta", "alive", ""))
        stage.desk.report(client, report(beta="dead"))
        assert len(stage.events()) == 1 + 3

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
        words: list[Verdict] = ["dead", "alive"]
        replies = [
            stage.desk.report(client, report(words[number % 2])).kind for number in range(CROWDED)
        ]
        assert replies[0] == "7"
        assert "5" in replies
        assert stage.desk.inform(ONE_SHOT, Inform("beta", "dead", "")).kind == "5"
        assert len(stage.events()) <= CROWDED + 2
        assert stage.desk.report(client, report()).kind == "7"

    play(story)


def test_a_lifecheck_that_was_replaced_speaks_again_when_the_other_has_gone() -> None:
    """A script of root's took the name for a moment; ours does not know that, and goes on."""

    async def story(stage: Stage) -> None:
        ours = stage.join("lifecheck", 1)
        stage.desk.report(ours, report("dead"))
        script = stage.join("lifecheck", 2)
        assert "another lifecheck" in text(stage.desk.report(ours, report("dead")))
        assert script.channel is not None
        stage.desk.gone(script.channel)
        stage.events()
        assert stage.desk.report(ours, report("dead")).kind == "7"
        assert stage.events()[0] == LifecheckReported(
            "alpha", ev.Verdict.DEAD, "own dead", "lifecheck"
        )
        assert stage.desk.health().is_running

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
        # What it said now would end with it, and the words of the new one as well.
        assert "another lifecheck" in text(stage.desk.inform(old, Inform("alpha", "dead", "")))
        stage.events()
        assert old.channel is not None
        stage.desk.gone(old.channel)
        assert stage.events() == []
        assert stage.desk.health().own == ("alive", "own alive")

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
