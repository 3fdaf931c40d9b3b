"""The gate's tables beside everything else on a machine: rules of others, changes, interfaces."""

import time
from collections.abc import Iterator

import pytest

from tests.support import REPOSITORY
from tests.system.gated import KINDS, PACKED6, VIP, VIP6, Ears, Stage, Talk, staged
from tests.system.guardian.bench import in_namespace, ip, wait_for
from watchdog.guardian import actions as act
from watchdog.guardian import gate
from watchdog.guardian.plan import Vip

pytestmark = pytest.mark.root
FOREIGN = """
table ip translated {
  chain pre {
    type nat hook prerouting priority dstnat; policy accept;
    udp dport 10000 dnat to 10.78.0.2:9999
  }
}
"""


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


def test_nobody_elses_rules_are_touched(stage: Stage) -> None:
    """Own tables only, from the start to the end; handles tell."""
    stage.nft("-f", "-", text=FOREIGN)
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
    assert "v0 has gone" in hand.hear(act.GateChecked).why
    hand.gate.check()
    hand.close()
    assert hand.others == [], "an interface that is absent is told once"
    stage.wire()
    hand.gate.check()
    assert "v0 has come" in hand.hear(act.GateChecked).why
    ears = Ears(stage.outside, "v1")
    with Talk(stage):
        time.sleep(0.3)
        assert ears.heard() == []
        assert hand.renew(30_000).ok
        wait_for("heard again", lambda: {frame.kind for frame in ears.heard()} == KINDS)
    ears.close()
    assert "v0" in stage.nft("list", "table", "netdev", stage.table)
    assert hand.others == []


def test_an_interface_that_comes_back_before_anybody_looks_is_guarded_again(stage: Stage) -> None:
    """Whatever the kernel did to its chains: they are made anew, and closed."""
    hand = stage.gate()
    assert hand.renew(30_000).ok
    ip("-n", stage.inside, "link", "del", "v0")
    stage.wire()
    hand.gate.check()
    checked = hand.hear(act.GateChecked)
    assert checked.ok
    assert "v0 has gone and come back" in checked.why
    assert "expires" not in stage.nft("list", "ruleset")
    assert "v0" in stage.nft("list", "table", "netdev", stage.table)
    hand.gate.check()
    assert hand.renew(30_000).ok
    assert hand.others == []


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
