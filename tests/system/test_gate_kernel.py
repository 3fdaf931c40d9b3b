"""The gate against this machine's own kernel: silent in time, never silent too early, alone.

What is claimed of time is one-sided: a lease may end earlier on a busy machine, never later.
"""

import socket
import statistics
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.support import REPOSITORY
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
from watchdog.guardian import arp, gate
from watchdog.guardian.plan import Vip

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


def test_nobody_elses_rules_are_touched(stage: Stage) -> None:
    """Own tables only, from the start to the end; handles tell."""
    stage.nft("-f", "-", text=MASQUERADE + DNAT)
    before = stage.nft("-a", "list", "ruleset")
    hand = stage.gate()
    for _ in range(3):
        assert hand.renew(1000).ok
    hand.gate.check()
    hand.close()
    shown = stage.nft("-a", "list", "ruleset")
    assert stage.table in shown
    assert before in shown
    hand.gate.end()
    assert stage.nft("-a", "list", "ruleset") == before


def test_nft_lists_the_tables_and_loads_what_it_listed(stage: Stage) -> None:
    """An operator can read them, and a ruleset that was saved with them can be restored."""
    stage.gate()
    listed = stage.nft("list", "ruleset")
    assert "invalid" not in listed
    stage.nft("flush", "ruleset")
    stage.nft("-f", "-", text=listed)
    assert stage.nft("list", "ruleset") == listed


def test_the_page_shows_the_tables_as_they_are(stage: Stage) -> None:
    """docs/gate.md repeats them for an operator."""
    page = (REPOSITORY / "docs" / "gate.md").read_text(encoding="utf-8")
    shown = page.split("```\n")[1]
    for word, here in IN_THE_PAGE.items():
        shown = shown.replace(word, here)
    stage.gate()
    listed = stage.nft("list", "ruleset").replace(stage.table, "quorumdog_0123456789ab")
    assert listed == shown


IN_THE_PAGE = {
    "192.0.2.100": VIP,
    "2001:db8::100": VIP6,
    "20010db8000000000000000000000100": PACKED6.hex(),
    "eth0": "v0",
}
CHANGES = (
    "flush ruleset",
    "delete table inet {table}",
    "delete table arp {table}",
    "delete table netdev {table}",
    "flush chain inet {table} prerouting",
    "flush chain netdev {table} egress",
    "delete chain arp {table} output",
    "delete set inet {table} tickets",
    "insert rule inet {table} output accept",
    "add chain inet {table} more",
    "add table inet {table} {{ flags dormant; }}",
    "delete chain inet {table} output",
)


def test_whatever_is_changed_of_it_is_made_anew_and_closed(stage: Stage, ears: Ears) -> None:
    """And the next round arms it again."""
    hand = stage.gate()
    whole = stage.nft("list", "ruleset")
    for change in CHANGES:
        assert hand.renew(30_000).ok
        stage.nft(*change.format(table=stage.table).split())
        hand.gate.check()
        checked = hand.hear(act.GateChecked)
        assert checked.ok, (change, checked)
        assert "made anew" in checked.why
        assert stage.nft("list", "ruleset") == whole, change
    ears.heard()
    with Talk(stage):
        time.sleep(0.2)
        assert ears.heard() == []
        assert hand.renew(30_000).ok
        wait_for("heard again", lambda: {frame.kind for frame in ears.heard()} == KINDS)
    hand.gate.check()
    hand.close()
    assert hand.others == [], "an ordinary look says nothing"


def test_a_flush_is_seen_by_the_next_ticket_arm_or_closing(stage: Stage) -> None:
    """Not only by the look once a second."""
    hand = stage.gate()
    stage.nft("flush", "ruleset")
    assert hand.open().ok
    assert hand.hear(act.GateChecked).ok
    stage.nft("flush", "ruleset")
    refused = hand.arm(1000)
    assert not refused.ok
    assert hand.hear(act.GateChecked).ok
    assert hand.renew(1000).ok
    stage.nft("flush", "ruleset")
    hand.gate.close_lease()
    assert hand.hear(act.GateChecked).ok
    assert stage.table in stage.nft("list", "ruleset")


def test_an_interface_that_goes_and_comes_is_guarded_again(stage: Stage) -> None:
    """Chains of an interface go with it; its successor has another number and the same name."""
    hand = stage.gate()
    ip("-n", stage.inside, "link", "del", "v0")
    hand.gate.check()
    hand.close()
    stage.wire()
    hand.gate.check()
    hand.close()
    ears = Ears(stage.outside, "v1")
    with Talk(stage):
        time.sleep(0.3)
        assert ears.heard() == []
        assert hand.renew(30_000).ok
        wait_for("heard again", lambda: {frame.kind for frame in ears.heard()} == KINDS)
    ears.close()
    assert "v0" in stage.nft("list", "table", "netdev", stage.table)
    assert all(answer.ok for answer in hand.others if isinstance(answer, act.GateChecked))


def test_an_interface_that_is_not_there_yet_is_guarded_once_it_is(stage: Stage) -> None:
    """The other VIPs need not wait for it."""
    hand = stage.gate((Vip("a", VIP, 24, 4, "v0"), Vip("b", VIP6, 64, 6, "late0")))
    assert hand.renew(1000).ok
    assert "late0" not in stage.nft("list", "ruleset")
    ip("-n", stage.inside, "link", "add", "late0", "type", "veth", "peer", "name", "late1")
    hand.gate.check()
    checked = hand.hear(act.GateChecked)
    assert checked.ok
    assert "late0 has come" in checked.why
    assert "late0" in stage.nft("list", "ruleset")
    assert hand.renew(1000).ok


def test_many_vips_on_one_machine_are_one_lease(stage: Stage) -> None:
    """The bytes of a renewal do not grow with their number."""
    many = [Vip(f"v{n}", f"10.77.1.{n}", 24, 4, "v0") for n in range(1, 65)]
    many += [Vip(f"w{n}", f"fd77::1:{n}", 64, 6, "v0") for n in range(1, 65)]
    hand = stage.gate(tuple(many))
    assert hand.renew(1000).ok
    assert stage.nft("list", "ruleset").count(" != @lease drop") == 64 * (2 + 1 + 3) + 64 * (3 + 3)
    hand.gate.check()
    hand.close()
    assert hand.others == []


def test_two_clusters_on_one_machine_have_gates_of_their_own(stage: Stage) -> None:
    """What one of them ends or clears is not the other's."""
    one = stage.gate(tag=f"{stage.tag}a")
    other = stage.gate(tag=f"{stage.tag}b")
    assert one.renew(30_000).ok
    assert other.renew(30_000).ok
    with in_namespace(stage.inside):
        assert gate.clear(f"{stage.tag}c") == ""
        one.gate.end()
        assert gate.clear(f"{stage.tag}a") == ""
    assert stage.nft("list", "tables").count("\n") == 3
    other.gate.check()
    assert other.renew(30_000).ok
    assert other.others == []


def test_a_successor_clears_what_a_killed_guardian_left(stage: Stage) -> None:
    """Or makes it anew: closed, whatever lease was running."""
    hand = stage.gate()
    assert hand.renew(30_000).ok
    with in_namespace(stage.inside):
        assert gate.clear(stage.tag) == ""
    assert stage.nft("list", "tables") == ""
    assert hand.renew(30_000).ok
    stage.gate()
    assert "expires" not in stage.nft("list", "ruleset")


def test_a_trial_leaves_nothing_and_disturbs_nobody(stage: Stage) -> None:
    """Also beside a gate of the same name that is on."""
    hand = stage.gate()
    assert hand.renew(30_000).ok
    before = stage.nft("list", "tables")
    with in_namespace(stage.inside):
        assert gate.trial((Vip("a", VIP, 24, 4, "v0"), Vip("b", VIP6, 64, 6, "none0")), "x") == ""
        assert gate.trial((Vip("a", VIP, 24, 4, "v0"),), stage.tag) == ""
    assert stage.nft("list", "tables") == before
    assert "expires" in stage.nft("list", "table", "inet", stage.table)


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
