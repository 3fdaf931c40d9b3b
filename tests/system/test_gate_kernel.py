"""The gate against this machine's own kernel: silent in time, never silent too early, alone.

What is claimed of time is one-sided: a lease may end earlier on a busy machine, never later.
"""

import socket
import statistics
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.system.gated import (
    KINDS,
    PACKED,
    PACKED6,
    PORT,
    VIP,
    VIP6,
    Ears,
    Stage,
    Talk,
    staged,
)
from tests.system.guardian.bench import in_namespace, ip, wait_for
from watchdog.guardian import actions as act
from watchdog.guardian import arp

pytestmark = pytest.mark.root
GRANT_MS = 500
LATE_MS = 30
"""A tick of the kernel, and the five after which another processor counts for a stolen one."""
GRANTS = 12


@pytest.fixture
def stage() -> Iterator[Stage]:
    """Two machines; the VIPs are on one of them."""
    with staged() as made:
        yield made


@pytest.fixture
def ears(stage: Stage) -> Iterator[Ears]:
    """What is heard of the VIPs outside."""
    made = Ears(stage.outside, "v1")
    yield made
    made.close()


def test_every_way_of_speaking_for_a_vip_ends_in_time(stage: Stage, ears: Ears) -> None:
    """UDP, ARP, NA, and announcements by AF_PACKET: nothing later than the lease."""
    hand = stage.gate()
    lasted: dict[str, list[float]] = {kind: [] for kind in KINDS}
    with Talk(stage):
        time.sleep(0.1)
        assert ears.heard() == []  # a gate begins closed
        for _ in range(GRANTS):
            assert hand.open().ok
            began = time.time_ns()
            assert hand.arm(GRANT_MS).ok
            answered = time.time_ns()
            time.sleep(GRANT_MS / 1000 + 0.15)
            frames = ears.heard()
            assert {frame.kind for frame in frames} == KINDS
            for kind in KINDS:
                last = max(frame.at_ns for frame in frames if frame.kind == kind)
                assert last <= answered + (GRANT_MS + LATE_MS) * 10**6, kind
                lasted[kind].append((last - began) / 1e6)
    for kind, ends in sorted(lasted.items()):
        middle = statistics.median(ends)
        print(f"{kind}: last {min(ends):.0f} / {middle:.0f} / {max(ends):.0f} ms after the call")
        assert middle > GRANT_MS / 2


def test_renewals_leave_no_gap_and_a_refused_one_changes_nothing(stage: Stage, ears: Ears) -> None:
    """Every single frame passes, while leases follow each other and spent tickets are refused."""
    hand = stage.gate()
    assert hand.renew(2000).ok
    with in_namespace(stage.inside):
        mouth = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    mouth.bind(("v0", 0))
    frame = arp.announcements(mouth.getsockname()[4], PACKED)[0]
    sent = 0
    for number in range(60):
        for _ in range(20):
            mouth.send(frame + sent.to_bytes(4, "big"))
            sent += 1
        if number % 4 == 3:
            refused = hand.arm(2000)
            assert not refused.ok
            assert "expired or was spent" in refused.why
        else:
            assert hand.renew(2000).ok
        for _ in range(20):
            mouth.send(frame + sent.to_bytes(4, "big"))
            sent += 1
    mouth.close()
    heard = [int.from_bytes(one.raw[-4:], "big") for one in ears.heard_of("garp")]
    assert heard == list(range(sent))


def test_a_lease_that_runs_ends_by_its_own_time_when_the_next_was_refused(
    stage: Stage, ears: Ears
) -> None:
    """A ticket that has expired arms nothing, and neither shortens nor lengthens what runs."""
    hand = stage.gate()
    assert hand.renew(600).ok
    answered = time.time_ns()
    assert hand.open(ticket_ms=20).ok
    time.sleep(0.1)
    late = hand.arm(5000)
    assert not late.ok
    with Talk(stage):
        time.sleep(0.8)
    frames = ears.heard()
    assert frames, "the lease that ran was touched"
    assert max(frame.at_ns for frame in frames) <= answered + (600 + LATE_MS) * 10**6


def test_closing_is_silence_at_once_and_voids_every_ticket(stage: Stage, ears: Ears) -> None:
    """Going off deletes the lease and all tickets in one transaction."""
    hand = stage.gate()
    assert hand.renew(30_000).ok
    for _ in range(3):
        assert hand.open().ok
    hand.gate.close_lease()
    hand.gate.close_lease()  # there is nothing to close, which is no fault
    hand.gate.arm(1, hand.round, 30_000 * 10**6)
    answer = hand.hear(act.GateArmed)
    assert not answer.ok
    ears.heard()
    with Talk(stage):
        time.sleep(0.3)
    assert ears.heard() == []
    assert hand.others == []


def test_a_standby_is_a_client_of_the_vip_like_any_other(stage: Stage) -> None:
    """A closed gate touches neither talk with a VIP elsewhere nor the news of where it is."""
    move_vips_outside(stage)
    hand = stage.gate()
    with in_namespace(stage.outside):
        servers = [server(VIP, socket.AF_INET), server(VIP6, socket.AF_INET6)]
    for one, vip, family in zip(servers, (VIP, VIP6), FAMILIES, strict=True):
        with in_namespace(stage.inside), socket.socket(family, socket.SOCK_DGRAM) as client:
            client.settimeout(5)
            client.sendto(b"hello", (vip, PORT))
            data, sender = one.recvfrom(10)
            one.sendto(data, sender)
            assert client.recvfrom(10)[1][0] == vip
        one.close()
    with in_namespace(stage.outside):
        mouth = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    mouth.bind(("v1", 0))
    mac = bytes.fromhex("02aabbccddee")
    for packed in (PACKED, PACKED6):
        for frame in arp.announcements(mac, packed):
            mouth.send(frame)
    mouth.close()
    for vip in (VIP, VIP6):
        wait_for("the new holder is known", lambda vip=vip: mac.hex(":") in neighbour(stage, vip))
    assert hand.others == []


def test_guests_of_a_standby_reach_the_vip_through_it(stage: Stage) -> None:
    """A container behind a standby talks to the VIP elsewhere by the standby's own address."""
    guest = f"{stage.tag}g"
    ip("netns", "add", guest)
    try:
        add_guest(stage, guest)
        stage.nft("-f", "-", text=MASQUERADE)
        move_vips_outside(stage)
        stage.gate()
        with in_namespace(stage.outside):
            one = server(VIP, socket.AF_INET)
        with in_namespace(guest), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(5)
            client.sendto(b"hello", (VIP, PORT))
            data, sender = one.recvfrom(10)
            one.sendto(data, sender)
            assert client.recvfrom(10) == (b"hello", (VIP, PORT))
        one.close()
    finally:
        ip("netns", "del", guest, check=False)


def test_a_vip_that_is_translated_to_another_address_is_covered(stage: Stage, ears: Ears) -> None:
    """DNAT happens after the gate: without a lease nothing reaches what is behind it."""
    guest = f"{stage.tag}g"
    ip("netns", "add", guest)
    try:
        add_guest(stage, guest)
        stage.nft("-f", "-", text=DNAT)
        hand = stage.gate()
        with in_namespace(guest):
            behind = server("10.78.0.2", socket.AF_INET)
        behind.settimeout(0.5)
        with in_namespace(stage.outside):
            client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.settimeout(5)
        client.sendto(b"before", (VIP, PORT + 1))
        with pytest.raises(TimeoutError):
            behind.recvfrom(10)
        assert hand.renew(30_000).ok
        client.sendto(b"with", (VIP, PORT + 1))
        data, sender = behind.recvfrom(10)
        behind.sendto(data, sender)
        assert client.recvfrom(10) == (b"with", (VIP, PORT + 1))
        hand.close()
        ears.heard()
        client.sendto(b"after", (VIP, PORT + 1))
        behind.sendto(b"late", sender)  # of a connection that the kernel knows
        with pytest.raises(TimeoutError):
            behind.recvfrom(10)
        ip("-n", stage.inside, "addr", "del", f"{VIP}/24", "dev", "v0")
        client.sendto(b"when it is gone", (VIP, PORT + 1))
        with pytest.raises(TimeoutError):
            behind.recvfrom(10)
        assert ears.heard_of("udp4") == []
        behind.close()
        client.close()
    finally:
        ip("netns", "del", guest, check=False)


def test_a_machine_talks_to_its_own_vip_only_with_a_lease(stage: Stage) -> None:
    """Whoever asks a holder that does not know of its end must not be told it still holds."""
    hand = stage.gate()
    with in_namespace(stage.inside):
        one = server(VIP, socket.AF_INET)
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.settimeout(0.3)
    client.sendto(b"before", (VIP, PORT))
    with pytest.raises(TimeoutError):
        one.recvfrom(10)
    assert hand.renew(30_000).ok
    client.sendto(b"with", (VIP, PORT))
    assert one.recvfrom(10)[0] == b"with"
    one.close()
    client.close()


def test_a_reload_of_ten_thousand_foreign_rules_loses_no_renewal(stage: Stage, ears: Ears) -> None:
    """Somebody's firewall may hold the kernel's lock for long: calls wait, none is lost."""
    rules = "".join(f"add rule inet big c ip saddr 10.{n >> 8}.{n & 255}.9 accept\n"
                    for n in range(10_000))  # fmt: skip
    reload = "add table inet big\nflush table inet big\nadd chain inet big c\n" + rules
    hand = stage.gate()
    assert hand.renew(3000).ok
    slowest, renewals = 0.0, 0
    command = ["ip", "netns", "exec", stage.inside, "nft", "-f", "-"]
    for _ in range(4):
        with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as loading:
            assert loading.stdin
            loading.stdin.write(reload)
            loading.stdin.close()
            while loading.poll() is None:
                began = time.monotonic()
                assert hand.renew(3000).ok
                slowest, renewals = max(slowest, time.monotonic() - began), renewals + 1
                time.sleep(0.02)
            assert loading.returncode == 0
    hand.gate.check()
    hand.close()
    print(f"{renewals} renewals, the slowest {slowest * 1000:.0f} ms")
    assert renewals > 10
    assert hand.others == []


FAMILIES = (socket.AF_INET, socket.AF_INET6)
MASQUERADE = """
table ip hidden {
  chain post {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr 10.78.0.0/24 masquerade
  }
}
"""
DNAT = f"""
table ip translated {{
  chain pre {{
    type nat hook prerouting priority dstnat; policy accept;
    ip daddr {VIP} udp dport {PORT + 1} dnat to 10.78.0.2:{PORT}
  }}
}}
"""


def server(address: str, family: socket.AddressFamily) -> socket.socket:
    """Answer on a VIP."""
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.bind((address, PORT))
    made.settimeout(5)
    return made


def neighbour(stage: Stage, address: str) -> str:
    """What the machine inside believes of an address."""
    return ip("-n", stage.inside, "neigh", "show", address)


def move_vips_outside(stage: Stage) -> None:
    """Have the other machine hold them."""
    for name, verb in ((stage.inside, "del"), (stage.outside, "add")):
        device = "v0" if verb == "del" else "v1"
        if verb == "add":
            for address in (VIP, VIP6):
                ip("-n", name, "neigh", "del", address, "dev", device)
            stage.put_vips(name, device)
        else:
            ip("-n", name, "addr", verb, f"{VIP}/24", "dev", device)
            ip("-n", name, "addr", verb, f"{VIP6}/64", "dev", device)


def add_guest(stage: Stage, guest: str) -> None:
    """A container behind the machine inside, which forwards for it."""
    ip("-n", stage.inside, "link", "add", "g0", "type", "veth", "peer", "name", "g1")
    ip("-n", stage.inside, "link", "set", "g1", "netns", guest)
    ip("-n", stage.inside, "addr", "add", "10.78.0.1/24", "dev", "g0")
    ip("-n", stage.inside, "link", "set", "g0", "up")
    ip("-n", guest, "addr", "add", "10.78.0.2/24", "dev", "g1")
    ip("-n", guest, "link", "set", "g1", "up")
    ip("-n", guest, "route", "add", "default", "via", "10.78.0.1")
    turn_on = ["sysctl", "-qw", "net.ipv4.ip_forward=1"]
    subprocess.run(["ip", "netns", "exec", stage.inside, *turn_on], check=True)
