"""Golden stories: what a cluster does, told line by line and compared with what it did before.

`NAME.txt` is the story, with what came of it below each command (lines that do not start with
`> `).  `make golden` rewrites the outcome: review the difference, and explain it in the commit.
"""

import os
from pathlib import Path

import pytest

from tests.scenarios.env import StoryError, run_story

FOLDER = Path(__file__).parent
STORIES = sorted(FOLDER.glob("*.txt"))


def commands_of(text: str) -> str:
    """The story alone: what the teller wrote."""
    lines = [line for line in text.splitlines() if line.startswith(">")]
    return "\n".join(line.removeprefix(">").removeprefix(" ") for line in lines)


@pytest.mark.parametrize("story", STORIES, ids=lambda path: path.stem)
def test_the_story_goes_as_it_went(story: Path) -> None:
    """A change of behaviour shows here as a difference that somebody has to explain."""
    text = story.read_text(encoding="utf-8")
    assert commands_of(text), "no line of it begins with `> `: an empty story"
    told = run_story(commands_of(text))
    if os.environ.get("GOLDEN") == "rewrite":
        story.write_text(told, encoding="utf-8")
    assert told == story.read_text(encoding="utf-8"), "see `make golden`"


def test_there_are_stories() -> None:
    """An empty folder must not pass."""
    assert len(STORIES) >= 16


def test_a_story_is_told_the_same_way_twice() -> None:
    """Every delay and every random number is fixed."""
    story = "nodes 3\nstart\nsettle\ncrash a\nsettle"
    assert run_story(story) == run_story(story)


@pytest.mark.parametrize(
    "story",
    [
        "nodes 3\nstart\nsettle\nexpect-no-coordinator",
        "nodes 3\nexpect-one-coordinator",
        "nodes 3\nstart\nsettle\nexpect a IN_NW_TROUBLE",
        "nodes 3\nstart a\nsettle",
        "nodes 3\nstart\nsettle\nexpect-alarm a SPLIT_BRAIN",
        "nodes 3\nfly",
        "nodes 3\ntick soon",
        "nodes 3\nstart z",
    ],
)
def test_an_expectation_that_does_not_hold_fails_the_story(story: str) -> None:
    """A story that cannot fail is no test."""
    with pytest.raises(StoryError):
        run_story(story)


def test_two_vips_at_once_fail_any_story() -> None:
    """The one thing that must never happen needs no command of its own."""
    from tests.scenarios.env import Story

    story = Story()
    for line in ("nodes 3", "start", "settle"):
        story.tell(line)
    other = next(m for m in story.world.machines.values() if not m.has_vip)
    with pytest.raises(AssertionError, match="two nodes are on"):
        other._vip(up=True)
