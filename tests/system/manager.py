"""A real service manager for a test: systemd as the first process of namespaces of its own.

It sees this machine's files through an overlay with a stage of `make install` on top, a network
with one made-up interface, and a cgroup of its own; nothing of it is left when it is killed.
What it could do to the machine itself (clock, reboot, modules) it has no right to.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from watchdog.guardian.hook_group import find_mount

ADDRESS: Final = "10.78.0.1"
VIP: Final = "10.78.0.100"
INTERFACE: Final = "eth0"
UNIT: Final = "quorumdog.service"
START_S: Final = 150.0
CALL_S: Final = 120.0
RIGHTS: Final = "-sys_time,-sys_boot,-sys_module,-sys_rawio,-syslog,-wake_alarm,-mac_admin"
BOOT: Final = """
set -eu
base=$1 stage=$2 address=$3 interface=$4 rights=$5
root=$base/root
mount -t tmpfs none "$base"
mkdir "$base/upper" "$base/work" "$root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" "$root"
cp -a "$stage/." "$root/"
chmod 755 "$root"
mount -t proc proc "$root/proc"
mount --bind "$root/proc/sys" "$root/proc/sys"
mount -o remount,ro,bind "$root/proc/sys"
for name in run tmp dev; do mount -t tmpfs -o mode=755 none "$root/$name"; done
chmod 1777 "$root/tmp"
for name in null zero full random urandom tty; do
    touch "$root/dev/$name"
    mount --bind "/dev/$name" "$root/dev/$name"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tracefs none "$root/sys/kernel/tracing" || true
mount -t cgroup2 none "$root/sys/fs/cgroup"
ip link set lo up
ip link add "$interface" type veth peer name peer0
ip address add "$address/24" dev "$interface"
ip link set peer0 arp off up
ip link set "$interface" up
chroot "$root" systemd-sysusers quorumdog.conf
chroot "$root" systemd-tmpfiles --create quorumdog.conf
mkdir -p "$root/run/systemd/system/quorumdog.service.d"
printf '[Unit]\\nDefaultDependencies=no\\n' >"$root/run/systemd/system/idle.target"
# Without what else is enabled on this machine; the log where the test can read it.
printf '[Unit]\\nDefaultDependencies=no\\nWants=\\n[Service]\\nStandardOutput=append:/run/log\\n' \\
    >"$root/run/systemd/system/quorumdog.service.d/test.conf"
# Not only chroot: what lives in one may make no namespace of users.
cd "$root"
pivot_root . mnt
umount -l /mnt
exec setpriv "--bounding-set=$rights" /usr/bin/env -i container=test \\
    PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=idle.target \\
    --log-target=console --show-status=no
"""


class Manager:
    """The running systemd; its root is the overlay's."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.root = Path(f"/proc/{pid}/root")

    def run(self, *words: str, check: bool = True) -> str:
        """Run a command as on that machine; what it prints."""
        into = ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--net", "--ipc", "--uts"]
        done = subprocess.run(
            [*into, "--root", "--wd", *words],
            capture_output=True,
            text=True,
            timeout=CALL_S,
            check=False,
        )
        assert not check or done.returncode == 0, f"{words}: {done.stdout}{done.stderr}{self.log()}"
        return done.stdout

    def log(self) -> str:
        """What the service printed."""
        file = self.root / "run/log"
        return file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""

    def property(self, name: str) -> str:
        """One property of the service."""
        return self.run("systemctl", "show", "-P", name, UNIT).strip()

    def guardian(self) -> int:
        """The service's main process, by its number on this machine."""
        inner = self.property("MainPID")
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                status = (folder / "status").read_text(encoding="ascii", errors="replace")
                numbers = status.partition("\nNSpid:")[2].partition("\n")[0].split()
                if len(numbers) > 1 and numbers[-1] == inner and self._is_ours(folder):
                    return int(folder.name)
        raise AssertionError(f"no main process {inner}")

    def _is_ours(self, folder: Path) -> bool:
        mine = (Path(f"/proc/{self.pid}") / "ns/pid").readlink()
        return (folder / "ns/pid").readlink() == mine

    def has_vip(self) -> bool:
        """Whether the VIP is on the interface."""
        return f" {VIP}/" in self.run("ip", "-o", "address", "show", "dev", INTERFACE)

    def wait(self, what: str, fact: Callable[[], bool], seconds: float = START_S) -> None:
        """Wait until it is so."""
        end = time.monotonic() + seconds
        while not fact():
            assert time.monotonic() < end, f"not within {seconds} s: {what}\n{self.log()}"
            time.sleep(0.05)

    def drop_in(self, name: str) -> None:
        """Install a drop-in as its first line says."""
        folder = self.root / "etc/systemd/system/quorumdog.service.d"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(self.root / "opt/quorumdog/share/systemd" / name, folder / name)
        self.run("systemctl", "daemon-reload")


@contextmanager
def booted(folder: Path, stage: Path) -> Iterator[Manager]:
    """Boot it; killed with everything that it has started."""
    mount = find_mount(Path("/proc/self/mountinfo").read_text(encoding="utf-8"))
    assert mount, "no cgroup2 is mounted, and systemd needs one"
    group = Path(mount) / f"quorumdog-test-{os.getpid()}-{folder.name}"
    group.mkdir()
    base = folder / "machine"
    base.mkdir()
    into = f"echo $$ >{group}/cgroup.procs; exec " + '"$@"'
    spaces = ["unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup"]
    script = ["sh", "-c", BOOT, "sh", str(base), str(stage), ADDRESS, INTERFACE, RIGHTS]
    with (folder / "boot.log").open("wb") as output:
        process = subprocess.Popen(
            ["sh", "-c", into, "sh", *spaces, "--fork", "--kill-child", *script],
            stdout=output,
            stderr=output,
        )
    try:
        yield _manager(process, folder / "boot.log")
    finally:
        process.kill()
        process.wait()
        _remove(group)


def _manager(process: "subprocess.Popen[bytes]", log: Path) -> Manager:
    """The first process of the namespaces, when it answers."""
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        if children:
            manager = Manager(int(children[0]))
            state = manager.run("systemctl", "is-system-running", check=False).strip()
            if state in {"running", "degraded"}:
                return manager
        time.sleep(0.1)
    process.kill()
    raise AssertionError(f"systemd did not come up:\n{log.read_text(encoding='utf-8')}")


def _remove(group: Path) -> None:
    """The cgroup and what systemd made in it, once its processes are gone."""
    end = time.monotonic() + START_S
    while (group / "cgroup.procs").read_text() or _populated(group):
        for line in (group / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(line), signal.SIGKILL)
        assert time.monotonic() < end, f"processes are left in {group}"
        time.sleep(0.05)
    for path, _, _ in os.walk(group, topdown=False):
        Path(path).rmdir()


def _populated(group: Path) -> bool:
    return "populated 1" in (group / "cgroup.events").read_text()
