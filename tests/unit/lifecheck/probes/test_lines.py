"""Lines of a log, however its bytes arrive."""

from hypothesis import given
from hypothesis import strategies as st

from lifecheck.probes.lines import LINE_MAX, Lines


@given(st.lists(st.binary(max_size=20), max_size=10))
def test_the_same_lines_come_out_however_the_bytes_were_cut(pieces: list[bytes]) -> None:
    """A writer's buffer ends where it likes."""
    cut, whole = Lines(), Lines()
    one_by_one = [line for piece in pieces if piece for line in cut.feed(piece)]
    joined = b"".join(pieces)
    assert one_by_one == (whole.feed(joined) if joined else [])
    assert cut.finish() == whole.finish()


def test_a_line_that_never_ends_is_kept_only_in_part() -> None:
    """A bound, and what comes after its end is read again."""
    lines = Lines()
    for _ in range(100):
        assert lines.feed(b"x" * 1000) == []
    assert lines.feed(b"y\nz\n") == [b"x" * LINE_MAX, b"z"]


def test_a_last_line_without_its_end_is_said_once_when_it_stays() -> None:
    """What a program says before it dies is often cut short."""
    lines = Lines()
    assert lines.feed(b"PANIC: no sp") == []
    assert lines.feed(b"") == []
    assert lines.feed(b"") == [b"PANIC: no sp"]
    assert lines.feed(b"") == []
    assert lines.feed(b"") == []
    assert lines.feed(b"ace\n") == [b"PANIC: no space"]


def test_a_line_that_is_continued_is_not_said_before_its_end() -> None:
    """`ready$` must not match the beginning of `ready to die`."""
    lines = Lines()
    lines.feed(b"rea")
    assert lines.feed(b"") == []
    assert lines.feed(b"dy") == []
    assert lines.feed(b"") == []
    assert lines.feed(b"\n") == [b"ready"]


def test_after_a_jump_the_line_in_the_middle_is_left_out() -> None:
    """Half of a line could match what the whole does not say."""
    lines = Lines()
    lines.drop(skipping=True)
    assert lines.feed(b"half\nwhole\n") == [b"whole"]
    lines.drop(skipping=True)
    lines.feed(b"half")
    assert [lines.feed(b""), lines.feed(b""), lines.finish()] == [[], [], []]
