"""`make install` and `make uninstall`: into a stage, and for real on a copy-on-write machine.

Rule: installing again is the upgrade and keeps the configuration; uninstalling keeps the data.
The real install runs in a mount namespace whose root is an overlay, so that this machine stays
as it is: user, command, unit and folders are checked there.
"""

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.test_docs import LINK
from tests.support import REPOSITORY
from tests.system.conftest import NOT_UNDER_MAKE

pytestmark = pytest.mark.root
SECONDS_MAX = 240
UNIT = "usr/lib/systemd/system/quorumdog.service"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: an overlay as /")

ON_AN_OVERLAY = """
set -eu
mount -t overlay overlay -o lowerdir=/,upperdir=$1/upper,workdir=$1/work $1/root
mount --rbind /proc $1/root/proc
mount --rbind /dev $1/root/dev
exec chroot $1/root sh -c "cd $2 && $3"
"""
REAL_INSTALL = """
set -eu
make install >/tmp/first
test -x /usr/local/bin/quorumdog
quorumdog --help >/dev/null
getent passwd quorumdog >/dev/null
stat -c '%a %U %G %n' /etc/quorumdog /var/lib/quorumdog
# What it says of units of other packages is no news.
systemd-analyze verify /usr/lib/systemd/system/quorumdog.service 2>&1 | grep quorumdog || true
echo '# mine' > /etc/quorumdog/quorumdog.conf
echo state > /var/lib/quorumdog/state
echo ledger > /var/lib/quorumdog/guardian.ledger
make install | grep restart
stat -c '%U %n' /var/lib/quorumdog/guardian.ledger
cat /etc/quorumdog/quorumdog.conf
make uninstall | grep Kept
test ! -e /opt/quorumdog
test ! -e /usr/local/bin/quorumdog
test ! -e /usr/lib/systemd/system/quorumdog.service
cat /var/lib/quorumdog/state
make uninstall PURGE=1
test ! -e /etc/quorumdog
test ! -e /var/lib/quorumdog
! getent passwd quorumdog
"""


def _make(*arguments: str) -> str:
    done = subprocess.run(
        ["make", "-s", *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
        env=NOT_UNDER_MAKE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_stage_has_every_part_with_its_mode(stage: Path) -> None:
    """What a package would contain."""
    assert _mode(stage / "etc/quorumdog") == 0o750
    assert not list((stage / "etc/quorumdog").iterdir())  # `quorumdog init` writes it
    assert _mode(stage / "var/lib/quorumdog") == 0o700
    assert (stage / "opt/quorumdog/share/docs/configuration.md").exists()
    command = stage / "usr/local/bin/quorumdog"
    assert str(command.readlink()) == "/opt/quorumdog/bin/quorumdog"
    assert (stage / UNIT).read_bytes() == (REPOSITORY / "packaging/quorumdog.service").read_bytes()
    assert (stage / UNIT).with_name("quorumdog-awake.service").exists()
    assert (stage / "opt/quorumdog/share/systemd/witness.conf").exists()


def test_the_links_of_the_installed_documents_lead_somewhere(stage: Path) -> None:
    """They are read at night, on a machine without the checkout."""
    share = stage / "opt/quorumdog/share"
    documents = sorted(share.rglob("*.md"))
    assert share / "README.md" in documents
    for document in documents:
        for target in LINK.findall(document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_a_stage_says_nothing_of_where_it_was_made(stage: Path) -> None:
    """It is moved to another machine, where the stage's folder does not exist."""
    script = (stage / "opt/quorumdog/bin/quorumdog").read_text(encoding="utf-8")
    assert script.startswith("#!/opt/quorumdog/bin/python -I\n")
    found = subprocess.run(
        ["grep", "-rlF", str(stage), str(stage / "opt/quorumdog")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.stdout == ""


def test_a_staged_interpreter_has_our_packages_and_nothing_of_the_tests(stage: Path) -> None:
    """The service must not depend on the checkout, nor carry its tools."""
    python = str(stage / "opt/quorumdog/bin/python")
    text = "import watchdog, ipc, lifecheck, msgpack, transitions, cryptography, pydantic, click"
    ask = [python, "-I", "-c", f"{text}; print(watchdog.__file__)"]
    shown = subprocess.run(ask, capture_output=True, text=True, check=True)
    assert shown.stdout.startswith(str(stage))
    refused = subprocess.run(
        [python, "-I", "-c", "import pytest"], capture_output=True, check=False
    )
    assert refused.returncode != 0


def test_installing_again_keeps_the_configuration(stage: Path) -> None:
    """An upgrade is the same command."""
    conf = stage / "etc/quorumdog/quorumdog.conf"
    conf.write_text("# mine\n", encoding="utf-8")
    _make("install", f"DESTDIR={stage}")
    assert conf.read_text(encoding="utf-8") == "# mine\n"
    conf.unlink()
    assert not list((stage / "opt").glob("quorumdog.*"))


def test_uninstalling_keeps_the_data_unless_purged(tmp_path: Path, stage: Path) -> None:
    """Installing once more continues the same node."""
    root = tmp_path / "stage"
    shutil.copytree(stage, root, symlinks=True)
    (root / "etc/quorumdog/quorumdog.conf").write_text("# mine", encoding="utf-8")
    (root / "var/lib/quorumdog/state").write_bytes(b"x")
    _make("uninstall", f"DESTDIR={root}")
    kept = sorted(str(p.relative_to(root)) for p in root.rglob("*") if not p.is_dir())
    assert kept == ["etc/quorumdog/quorumdog.conf", "var/lib/quorumdog/state"]
    _make("uninstall", f"DESTDIR={root}", "PURGE=1")
    assert [p for p in root.rglob("*") if not p.is_dir()] == []


@pytest.fixture
def overlay(tmp_path: Path) -> Iterator[Path]:
    """Folders of an overlay; on a file system of its own, because overlays do not nest."""
    subprocess.run(["mount", "-t", "tmpfs", "none", tmp_path], check=True)
    for name in ("upper", "work", "root"):
        (tmp_path / name).mkdir()
    try:
        yield tmp_path
    finally:
        subprocess.run(["umount", tmp_path], check=True)


@needs_root
def test_a_real_install_makes_user_command_unit_and_folders(overlay: Path) -> None:
    """As an administrator types it, then the upgrade, then both ways to remove it."""
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", ON_AN_OVERLAY, "sh", overlay, REPOSITORY, REAL_INSTALL],
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
        env=NOT_UNDER_MAKE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines() == [
        "750 root quorumdog /etc/quorumdog",
        "700 quorumdog quorumdog /var/lib/quorumdog",
        "    systemctl restart quorumdog    (one node after the other, standbys first)",
        "root /var/lib/quorumdog/guardian.ledger",
        "# mine",
        "Kept /etc/quorumdog and /var/lib/quorumdog (PURGE=1 removes them).",
        "state",
        "Removed quorumdog with its configuration, key and state.",
    ]
