"""Single values: what is accepted, and what becomes of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from watchdog.config import values


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("200ms", 200), ("2s", 2_000), ("1.5s", 1_500), ("0.05s", 50), ("1m", 60_000),
        ("1h", 3_600_000), ("24h", 86_400_000), ("0ms", 0), ("5 s", 5_000), (" 1s ", 1_000),
    ],
)  # fmt: skip
def test_duration_is_read_as_whole_milliseconds(text: str, ms: int) -> None:
    """People write units; the daemon counts milliseconds."""
    assert values.read_duration(text) == ms


@given(st.integers(min_value=0, max_value=values.DURATION_MAX_MS))
def test_written_duration_is_read_back(ms: int) -> None:
    """Defaults are shown by `format_ms` and must mean what they show."""
    assert values.read_duration(values.format_ms(ms)) == ms


@given(st.text(max_size=20))
def test_any_text_is_a_duration_or_refused_politely(text: str) -> None:
    """Nothing but the refusal may come out, whatever stands in the file."""
    ms, refusal = 0, None
    try:
        ms = values.read_duration(text)
    except PydanticCustomError as error:
        refusal = error.context or {}
    assert ms >= 0
    assert refusal is None or refusal["what"]


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("10.0.0.11", "10.0.0.11"),
        ("FD00:0::0011", "fd00::11"),
        ("::", "::"),
        ("0.0.0.0", "0.0.0.0"),
    ],
)
def test_address_gets_its_short_form(text: str, short: str) -> None:
    """Two spellings of one address must compare equal."""
    assert values.read_address(text) == short


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("10.0.0.100/24", "10.0.0.100/24"),
        ("10.0.0.100/32", "10.0.0.100/32"),
        ("10.0.0.0/31", "10.0.0.0/31"),
        ("FD00::0100/64", "fd00::100/64"),
        ("fd00::100/128", "fd00::100/128"),
        ("10.0.0.100/255.255.255.0", "10.0.0.100/24"),
    ],
)
def test_virtual_address_keeps_its_prefix(text: str, short: str) -> None:
    """The prefix is the network's, and host prefixes are allowed."""
    assert values.read_vip(text) == short


def test_command_is_a_path_or_an_array() -> None:
    """There is no shell that would split a string."""
    assert values.read_command("/bin/x") == ("/bin/x",)
    assert values.read_command(["/bin/x", "a b", ""]) == ("/bin/x", "a b", "")


def test_command_with_blanks_is_refused_with_the_array() -> None:
    """The hint can be copied into the file."""
    with pytest.raises(PydanticCustomError) as caught:
        values.read_command("/bin/x -y z")
    assert caught.value.context is not None
    assert caught.value.context["hint"].endswith('["/bin/x", "-y", "z"]')


@pytest.mark.parametrize("words", [["/x"] * 33, ["/x", "a" * 5000]])
def test_command_has_a_bound(words: list[str]) -> None:
    """Everything that comes from outside has one."""
    with pytest.raises(PydanticCustomError, match="too long"):
        values.read_command(words)


def test_long_values_are_shown_short() -> None:
    """A message must not be a page long."""
    assert len(values.shown("x" * 1000)) < 80
    assert values.shown(True) == "the boolean true"
