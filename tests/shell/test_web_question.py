"""Questions to the node: never more than it can bear, never an answer that is too old."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from ipc.framing import pack_reply
from tests.shell.web import FakeNode, closed, until
from tests.unit.watchdog.web import samples
from watchdog.web import clock
from watchdog.web.question import FRESH_S, TIMEOUT_S, Node


class Clock:
    """The machine's clock, which the test can move on."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now_s(self) -> float:
        """The present time."""
        return clock.boot_s() + self.ahead_s


class Stage:
    """A node, and what asks it."""

    def __init__(self, path: Path, tasks: asyncio.TaskGroup, key: str | None) -> None:
        self.fake = FakeNode(path)
        self.tasks = tasks
        self.clock = Clock()
        self.node = Node(path, key, tasks, self.clock.now_s)


def play(folder: Path, story: Callable[[Stage], Awaitable[None]], key: str | None = None) -> None:
    """Run `story` with a node that answers."""

    async def run() -> None:
        async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
            stage = Stage(folder / "node.sock", tasks, key)
            await stage.fake.start()
            try:
                await story(stage)
            finally:
                stage.fake.stop()

    asyncio.run(run())


def test_the_promises_of_the_page_are_kept() -> None:
    """docs/http.md says how old an answer may be, and load balancers are set up by it."""
    assert (FRESH_S, TIMEOUT_S) == (0.1, 1.0)


def test_a_crowd_makes_one_question(tmp_path: Path) -> None:
    """Everybody who comes while it is under way, or shortly after it."""

    async def story(stage: Stage) -> None:
        looks = await asyncio.gather(*(stage.node.look() for _ in range(1000)))
        assert {look.status.local for look in looks if look.status} == {"alpha"}
        await stage.node.look()
        assert len(stage.fake.asked) == stage.node.questions == 1

    play(tmp_path, story)


def test_a_second_has_ten_questions_at_most(tmp_path: Path) -> None:
    """Each after the last one's answer is 100 ms old; each answer is the newest."""

    async def story(stage: Stage) -> None:
        begin, looks = clock.boot_s(), set()
        while (passed := clock.boot_s() - begin) < 0.5:
            looks.add((await stage.node.look()).asked_s)
            await asyncio.sleep(0)
        assert 1 < len(looks) == len(stage.fake.asked) <= 1 + passed / FRESH_S

    play(tmp_path, story)


def test_an_answer_is_never_older_than_its_freshness(tmp_path: Path) -> None:
    """What was true before is asked again."""

    async def story(stage: Stage) -> None:
        before = await stage.node.look()
        stage.fake.says(samples.body(state="STANDBY"))
        stage.clock.ahead_s += FRESH_S
        after = await stage.node.look()
        assert before.status
        assert after.status
        assert (before.status.state, after.status.state) == ("COORDINATOR", "STANDBY")

    play(tmp_path, story)


def test_an_answer_that_lay_about_is_not_used(tmp_path: Path) -> None:
    """This process was stopped, or the machine suspended, while the answer was on its way."""

    async def story(stage: Stage) -> None:
        stage.fake.gate.clear()
        asking = stage.tasks.create_task(stage.node.look())
        await until(lambda: bool(stage.fake.asked))
        stage.clock.ahead_s += TIMEOUT_S
        stage.fake.gate.set()
        look = await asking
        assert look.status is None
        assert look.why == "the node process does not answer within 1 s"
        assert (await stage.node.look()).status

    play(tmp_path, story)


def test_a_node_that_is_gone_is_asked_ten_times_a_second_too(tmp_path: Path) -> None:
    """A refusal is as quick as an answer: it must not make a storm."""

    async def story(stage: Stage) -> None:
        stage.fake.stop()
        begin = clock.boot_s()
        for _ in range(1000):
            look = await stage.node.look()
            assert look.why == "the node process does not answer: No such file or directory"
        assert stage.node.questions <= 1 + (clock.boot_s() - begin) / FRESH_S

    play(tmp_path, story)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (b"", "closed before a full answer"),
        (b"7\x00\x00\x00", "closed before a full answer"),
        (b"7\xff\xff\xff\xff", "-1 bytes"),
        (b"7\x00\x00\x00\x01x", "not JSON"),
        (pack_reply("6", {"MESSAGE": "too many clients"}), "it refused: too many clients"),
        (pack_reply("6", {}), "it refused: no reason"),
        (pack_reply("7", {"schema": 9}), "its status has schema 9, not 1"),
    ],
)
def test_what_is_no_status_says_why(tmp_path: Path, reply: bytes, why: str) -> None:
    """The reason is in the body of the 503."""

    async def story(stage: Stage) -> None:
        stage.fake.reply = reply
        look = await stage.node.look()
        assert look.status is None
        assert why in look.why

    play(tmp_path, story)


def test_a_node_that_trickles_is_given_up_in_time(tmp_path: Path) -> None:
    """A second is for the whole exchange, not for each byte."""
    is_over = asyncio.Event()

    async def trickle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in pack_reply("7", samples.body()):
            writer.write(bytes([byte]))
            await asyncio.sleep(0.05)
            if writer.is_closing():
                break
        await closed(writer)
        is_over.set()

    async def story(stage: Stage) -> None:
        stage.fake.stop()
        server = await asyncio.start_unix_server(trickle, tmp_path / "node.sock")
        begin = clock.boot_s()
        assert "within 1 s" in (await stage.node.look()).why
        assert clock.boot_s() - begin < 10
        await is_over.wait()
        server.close()

    play(tmp_path, story)


@pytest.mark.parametrize("key", [None, "secret"])
def test_the_question_holds_the_key_if_there_is_one(tmp_path: Path, key: str | None) -> None:
    """A site that wants a key from every client gets it from this one."""

    async def story(stage: Stage) -> None:
        await stage.node.look()
        wanted = {"verb": "status"} | ({} if key is None else {"IPCAuthKey": key})
        assert [json.loads(asked) for asked in stage.fake.asked] == [wanted]

    play(tmp_path, story, key)
