"""The tables in a real kernel, one call after the other, in a network of their own."""

import errno
import subprocess
import time
from collections.abc import Iterator

import pytest

from tests.shell.namespaces import private_network
from watchdog.guardian.nft import attributes as attribute
from watchdog.guardian.nft import batch, leasing, tables
from watchdog.guardian.nft.kernel import Kernel
from watchdog.guardian.plan import Vip

pytestmark = pytest.mark.root
VIPS = (Vip("a", "10.8.0.100", 24, 4, "lo"), Vip("b", "fd00::100", 64, 6, "lo"))
WIRED = (Vip("a", "10.8.0.100", 24, 4, "v0"), Vip("b", "fd00::100", 64, 6, "v1"))
NAME = "quorumdog_test"


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    """A socket in a network of its own."""
    with private_network():
        made = Kernel()
        yield made
        made.close()


@pytest.fixture
def made(kernel: Kernel) -> tables.Tables:
    """Tables that are there, closed."""
    found = tables.Tables(NAME, VIPS, kernel)
    found.make()
    return found


@pytest.fixture
def wired(kernel: Kernel) -> tables.Tables:
    """Tables of two interfaces that can go, with a lease."""
    add_wire()
    found = tables.Tables(NAME, WIRED, kernel)
    found.make()
    found.open(1, 1, 5000)
    assert found.arm(1, 1, 600_000) == tables.Outcome("")
    return found


def link(words: str) -> None:
    """Run ip link."""
    subprocess.run(["ip", "link", *words.split()], check=True)


def add_wire() -> None:
    """Both interfaces; one end cannot go without the other."""
    link("add v0 type veth peer name v1")


def nft(words: str) -> str:
    """Run nft; what it prints."""
    command = ["nft", *words.split()]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def has_lease() -> bool:
    """Whether every table has a lease; none or all."""
    found = nft("list ruleset").count("timeout 900ms")
    assert found in {0, 3}
    return found == 3


def test_a_ticket_arms_once(made: tables.Tables) -> None:
    """It is spent by that, and its absence changes nothing."""
    assert not has_lease()
    assert made.open(1, 1, 5000) == tables.Outcome("")
    assert made.arm(1, 1, 900) == tables.Outcome("")
    assert has_lease()
    again = made.arm(1, 1, 900)
    assert again == tables.Outcome("the ticket of round 1 has expired or was spent")
    assert has_lease()


def test_only_the_ticket_of_that_round_and_tenure_arms(made: tables.Tables) -> None:
    """Also when others are open."""
    made.open(2, 7, 5000)
    for no, number in ((2, 8), (1, 7), (7, 2)):
        assert made.arm(no, number, 900).why
    assert not has_lease()
    assert not made.arm(2, 7, 900).why


def test_an_expired_ticket_arms_nothing(made: tables.Tables) -> None:
    """By the kernel's clock."""
    made.open(1, 1, 20)
    time.sleep(0.1)
    assert "expired" in made.arm(1, 1, 900).why
    assert not has_lease()


def test_a_ticket_of_the_same_number_is_a_new_one(made: tables.Tables) -> None:
    """A new node process begins its numbers anew; what its predecessor left does not count."""
    made.open(1, 1, 50)
    assert made.open(1, 1, 5000) == tables.Outcome("")
    time.sleep(0.15)
    assert not made.arm(1, 1, 900).why
    assert made.arm(1, 1, 900).why


def test_closing_ends_everything_and_may_be_repeated(made: tables.Tables) -> None:
    """Leases, and tickets that nobody has used."""
    for number in (1, 2, 3):
        made.open(1, number, 5000)
    made.arm(1, 1, 900)
    for _ in range(2):
        assert made.close() == tables.Outcome("")
        assert not has_lease()
    assert made.arm(1, 2, 900).why


def expires_ms(kernel: Kernel) -> list[int]:
    """What is left of the lease in each table."""
    found = []
    for family in (batch.INET, batch.ARP, batch.NETDEV):
        (answer,) = kernel.ask(leasing.question(NAME, family))
        listed = attribute.only(attribute.parse(answer.attributes), 3)
        element = attribute.parse(attribute.parse(listed)[0][1])
        found.append(attribute.number(attribute.only(element, 5)))
    return found


def test_every_renewal_begins_a_new_time(made: tables.Tables, kernel: Kernel) -> None:
    """Also one of the same length: in no table does what was left count."""
    made.open(1, 1, 5000)
    made.arm(1, 1, 600_000)
    for number, timeout_ms in ((2, 600_000), (3, 500_000)):
        time.sleep(0.5)
        before = expires_ms(kernel)
        made.open(1, number, 5000)
        made.arm(1, number, timeout_ms)
        after = expires_ms(kernel)
        for old, new in zip(before, after, strict=True):
            assert old - (600_000 - timeout_ms) < new <= timeout_ms


def test_the_first_lease_of_a_time_is_read_back(made: tables.Tables) -> None:
    """What the kernel acknowledged must be there: here it is taken away in between."""
    made.open(1, 1, 5000)
    transact = made._transact

    def transact_and_lose(how: leasing.Template) -> None:
        transact(how)
        nft(f"flush set arp {NAME} lease")

    made._transact = transact_and_lose  # type: ignore[method-assign]
    assert "does not read back from arp" in made.arm(1, 1, 900).why


def test_looking_costs_one_question_while_nobody_changed_anything(made: tables.Tables) -> None:
    """Own renewals are not changes; those of others make it look closer, and be content."""
    asked: list[batch.Request] = []
    ask = made._kernel.ask

    def counted(request: batch.Request) -> list[batch.Answer]:
        asked.append(request)
        return ask(request)

    made._kernel.ask = counted  # type: ignore[method-assign]
    for number in range(1, 4):
        made.open(1, number, 5000)
        made.arm(1, number, 900)
        made.arm(1, number, 900)
    asked.clear()
    assert made.check() == tables.Outcome("")
    assert len(asked) == 1
    nft("add table inet foreign")
    assert made.check() == tables.Outcome("")
    assert len(asked) > 10
    asked.clear()
    assert made.check() == tables.Outcome("")
    assert len(asked) == 1
    assert has_lease()


def test_an_interface_that_came_back_between_two_looks_has_another_number(
    wired: tables.Tables,
) -> None:
    """Its chains went with it where the kernel does not hook a name, and no generation tells."""
    link("del v0")
    add_wire()
    assert wired.check().remade == "interface v0 has gone and come back; it was made anew, closed"
    assert "timeout 600s" not in nft("list ruleset")
    assert wired.check() == tables.Outcome("")


def test_an_interface_that_is_absent_makes_the_tables_anew_once(wired: tables.Tables) -> None:
    """And once more when it is back; a gate that is made anew at every look never opens."""
    link("del v0")
    assert "interface v0 has gone" in wired.check().remade
    for number in range(2, 5):
        assert wired.check() == tables.Outcome("")
        wired.open(1, number, 5000)
        assert wired.arm(1, number, 600_000) == tables.Outcome("")
    add_wire()
    assert "interface v0 has come" in wired.check().remade
    assert wired.check() == tables.Outcome("")
    assert nft(f"list table netdev {NAME}").count("devices = { v0, v1 }") == 2


def test_an_interface_that_was_renamed_has_gone(wired: tables.Tables) -> None:
    """What is configured is a name; the other interface stays guarded."""
    link("set v0 name other0")
    assert "interface v0 has gone" in wired.check().remade
    assert wired.check() == tables.Outcome("")
    assert nft(f"list table netdev {NAME}").count('device "v1"') == 2


def test_a_change_after_closing_what_was_closed_is_seen(made: tables.Tables) -> None:
    """The kernel commits nothing for it: counted as one, it would hide what somebody else did."""
    assert made.close() == tables.Outcome("")
    nft(f"delete chain netdev {NAME} egress")
    assert "its netdev chain egress is gone" in made.check().remade
    assert made.close() == tables.Outcome("")
    nft("add table inet foreign")
    assert made.check() == tables.Outcome("")


def test_a_change_after_something_was_refused_is_seen(made: tables.Tables) -> None:
    """Only what the kernel took counts: not a ticket that is there, not an arm without one."""
    for _ in range(2):
        made.open(1, 1, 5000)
    for number in (2, 3):
        assert made.arm(1, number, 900).why
    nft(f"delete chain netdev {NAME} egress")
    assert "its netdev chain egress is gone" in made.check().remade


def test_what_cannot_be_made_says_what_and_why(kernel: Kernel) -> None:
    """And is said again at every look, until it can."""
    found = tables.Tables(NAME, VIPS, kernel)
    found.make()
    families, found._families = found._families, ()
    nft("flush ruleset")
    too_long = "x" * 300
    found._table = too_long
    outcome = found.check()
    assert "cannot be made anew" in outcome.why
    assert "inet table" in outcome.why
    assert found.check().why
    found._table, found._families = NAME, families
    assert found.check().remade
    assert found.check() == tables.Outcome("")


def test_a_look_that_is_not_answered_loses_nothing_but_five_in_a_row_do(
    made: tables.Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who reloads rules all the time can hold off a listing; the VIP must not move."""

    def busy() -> str:
        raise OSError(errno.EAGAIN, "the rules change all the time")

    with monkeypatch.context() as patched:
        patched.setattr(made, "_missing", busy)
        seen = [made.check() for _ in range(tables.BLIND_MAX)]
    assert [one.is_lost for one in seen] == [False] * (tables.BLIND_MAX - 1) + [True]
    assert all("change all the time" in one.why for one in seen)
    assert made.check() == tables.Outcome("")


def test_removal_leaves_nothing_and_needs_nothing(made: tables.Tables, kernel: Kernel) -> None:
    """Some of them, or none, may be gone already."""
    nft(f"delete table arp {NAME}")
    nft("add table ip foreign")
    made.remove()
    assert nft("list tables") == "table ip foreign\n"
    made.remove()
    kernel.close()


def test_a_transaction_that_is_refused_for_another_reason_is_told(made: tables.Tables) -> None:
    """As the kernel says it; nothing is made anew for it."""

    def refuse(how: leasing.Template) -> None:
        raise OSError(errno.ENOBUFS, "No buffer space available")

    made._transact = refuse  # type: ignore[method-assign]
    for outcome in (made.open(1, 1, 900), made.arm(1, 1, 900), made.close()):
        assert outcome == tables.Outcome("nf_tables: No buffer space available")
