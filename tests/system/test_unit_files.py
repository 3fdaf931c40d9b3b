"""The unit and its drop-ins, as systemd-analyze reads them; `make boot` runs them."""

import subprocess
from pathlib import Path

import pytest

from tests.support import REPOSITORY
from tests.system.manager import UNIT

pytestmark = pytest.mark.root
PACKAGING = REPOSITORY / "packaging"
DROP_INS = sorted(path.name for path in (PACKAGING / "dropins").iterdir())


def analyzed(folder: Path, *drop_ins: str) -> tuple[float, str]:
    """The exposure of the unit with drop-ins, and what `verify` says of our files."""
    place = folder / "quorumdog.service.d"
    place.mkdir()
    (folder / UNIT).write_bytes((PACKAGING / UNIT).read_bytes())
    for name in drop_ins:
        (place / name).write_bytes((PACKAGING / "dropins" / name).read_bytes())
    words = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(folder / UNIT)]
    shown = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    exposure = shown.rpartition("exposure level for quorumdog.service: ")[2].split()[0]
    done = subprocess.run(
        ["systemd-analyze", "verify", str(folder / UNIT)],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stderr.splitlines() if "quorumdog" in line]
    return float(exposure), "\n".join(ln for ln in lines if "is not executable" not in ln)


@pytest.mark.parametrize(
    ("drop_in", "most"),
    [("", 3.8), ("witness.conf", 1.5), ("watchdog.conf", 4.0), ("sysrq.conf", 4.0)],
)
def test_exposure_of_the_unit(drop_in: str, most: float, tmp_path: Path) -> None:
    """As `systemd-analyze security` counts it: 0 is best, 10 worst; ADR 21 has the rest."""
    exposure, words = analyzed(tmp_path, *([drop_in] if drop_in else []))
    assert words == ""
    assert exposure <= most


@pytest.mark.parametrize("drop_in", DROP_INS)
def test_every_drop_in_is_understood(drop_in: str, tmp_path: Path) -> None:
    """A word that systemd does not know is only a line in a log that nobody reads."""
    assert analyzed(tmp_path, drop_in)[1] == ""
    text = (PACKAGING / "dropins" / drop_in).read_text(encoding="utf-8")
    assert f"/etc/systemd/system/quorumdog.service.d/{drop_in}\n" in text


def test_the_unit_that_keeps_the_machine_awake_is_understood() -> None:
    """It is optional, so nobody would notice."""
    done = subprocess.run(
        ["systemd-analyze", "verify", str(PACKAGING / "quorumdog-awake.service")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "quorumdog-awake" not in done.stderr
