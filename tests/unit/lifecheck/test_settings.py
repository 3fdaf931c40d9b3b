"""`check set`: what may be changed at run time, and what is said about the rest."""

import pytest

from lifecheck.settings import SettingError, apply
from tests.unit.lifecheck.checks import probe


def test_a_setting_is_for_every_probe() -> None:
    """The plain case: one probe, or several alike."""
    changed = apply([probe(), probe("http")], {"every": "10s", "timeout": "1.5s", "fails": "2"})
    assert {(p.every_ms, p.timeout_ms, p.fails) for p in changed} == {(10_000, 1500, 2)}


def test_a_setting_may_be_for_one_probe() -> None:
    """Levels have paces of their own."""
    changed = apply([probe(), probe("http")], {"2.every": "1m", "1.rises": "1", "2.window": "5m"})
    assert [p.every_ms for p in changed] == [5000, 60_000]
    assert [p.rises for p in changed] == [1, 2]
    assert [p.window_ms for p in changed] == [0, 300_000]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "nothing to set"),
        ({"evry": "1s"}, "unknown setting"),
        ({"every": "5"}, "needs a duration"),
        ({"every": "1ms"}, "from 50ms"),
        ({"every": "25h"}, "to 24h"),
        ({"fails": "0"}, "1 to 100"),
        ({"fails": "\u00b2"}, "1 to 100"),
        ({"rises": "9" * 5000}, "1 to 100"),
        ({"fails": "000000050" + "9" * 60}, "1 to 100"),
        ({"3.every": "1s"}, "has 2 probe"),
        ({"0.every": "1s"}, "unknown setting"),
        ({"every": "1s"}, "must not be longer than every"),
    ],
)
def test_what_cannot_be_is_refused_with_what_would_do(settings: dict[str, str], words: str) -> None:
    """Somebody types this at night."""
    with pytest.raises(SettingError, match=words):
        apply([probe(), probe()], settings)
