"""The list of series: documented, and named as Prometheus wants it."""

import re

import pytest

from tests.support import REPOSITORY
from watchdog.web.series import SERIES

PAGE = (REPOSITORY / "docs/http.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `quorumdog_([a-z_]+)(?:\{([a-z, ]+)\})?` \|", re.MULTILINE)


def test_the_page_of_the_health_port_lists_every_series_with_its_labels() -> None:
    """A board is built from the page; the code must say the same."""
    documented = {
        name: tuple(labels.split(", ")) if labels else () for name, labels in ROW.findall(PAGE)
    }
    assert documented == {name: series.labels for name, series in SERIES.items()}


@pytest.mark.parametrize("name", SERIES)
def test_a_name_says_its_kind_and_its_base_unit(name: str) -> None:
    """Counters end in _total, times in _seconds; nothing is in milliseconds or per cent."""
    assert name.endswith("_total") == (SERIES[name].kind == "counter")
    assert not re.search(r"(_ms|_milliseconds|percent|_s)$", name)
    assert SERIES[name].text.endswith(".")
