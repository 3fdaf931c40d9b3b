"""What exit codes mean by the conventions that commands follow."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecheck.detector import DETAIL_MAX
from lifecheck.probes.styles import Style, judge

WELL = {"exit": {0}, "nagios": {0, 1}, "lsb": {0}, "ocf": {0, 8}}


@pytest.mark.parametrize("style", WELL)
def test_only_the_codes_of_its_convention_are_well(style: Style) -> None:
    """Nagios plug-ins, LSB `status` and OCF `monitor` each have their own."""
    assert {code for code in range(256) if judge(style, code, "").ok} == WELL[style]


@pytest.mark.parametrize("style", get_args(Style))
def test_a_signal_is_never_well(style: Style) -> None:
    """A check that was shot has found out nothing."""
    outcome = judge(style, -9, "OK")
    assert not outcome.ok
    assert "SIGKILL" in outcome.detail
    assert "signal 1000" in judge(style, -1000, "").detail


@pytest.mark.parametrize(
    ("output", "ok"),
    [
        ("OK", True),
        ("  running \n", True),
        ("status:\nOK\n", True),
        ("", False),
        ("NOT OK", False),
        ("ok", False),
        ("not running", False),
        ("running.", False),
    ],
)
def test_status_text_must_stand_alone(output: str, ok: bool) -> None:
    """`not running` holds the word too."""
    assert judge("heartbeat", 0, output).ok is ok
    assert judge("heartbeat", 3, output).ok is ok, "only the text counts in this convention"


def test_what_the_command_said_is_shown() -> None:
    """The plug-in knows best."""
    detail = judge("nagios", 2, "\nCRITICAL - 3 of 4 paths down | paths=1\nmore").detail
    assert detail == "exit code 2 (critical): CRITICAL - 3 of 4 paths down | paths=1"
    assert judge("lsb", 3, "").detail == "exit code 3 (not running)"
    assert judge("exit", 0, "fine").detail == "exit code 0: fine"


@given(st.sampled_from(get_args(Style)), st.integers(-300, 300), st.text())
def test_any_end_has_a_printable_detail(style: Style, code: int, output: str) -> None:
    """Programs print what they like."""
    detail = judge(style, code, output).detail
    assert detail.isprintable()
    assert 0 < len(detail) <= DETAIL_MAX
