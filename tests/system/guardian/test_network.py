"""What the neighbours see and say: announcements, probes, and another machine with our VIP."""

import socket
import time

from tests.system.guardian.bench import VIP, VIP6, Bench, in_namespace, ip, wait_for
from watchdog.guardian import arp
from watchdog.guardian_protocol import ProbeFinished, ProbeVip


def test_the_vips_are_announced_when_they_come(bench: Bench) -> None:
    """Neighbours that still send to the old holder learn of it at once."""
    with in_namespace(bench.outside):
        ears = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    ears.bind(("v1", 0))
    ears.settimeout(5)
    try:
        bench.start()
        node = bench.node()
        node.greet()
        node.escalate(epoch=1)
        wanted = {socket.inet_pton(socket.AF_INET, VIP), socket.inet_pton(socket.AF_INET6, VIP6)}
        end = time.monotonic() + 5
        while wanted and time.monotonic() < end:
            claim = arp.parse_claim(ears.recv(2048))
            if claim:
                wanted.discard(claim.packed)
        assert not wanted
    finally:
        ears.close()


def test_a_probe_finds_another_holder_and_only_then(bench: Bench) -> None:
    """A new leader that still hears the VIP answered must know."""
    bench.start()
    node = bench.node()
    node.greet()
    node.say(ProbeVip(1, 60))
    assert not node.hear(ProbeFinished).answered
    ip("-n", bench.outside, "addr", "add", f"{VIP}/24", "dev", "v1")
    node.say(ProbeVip(2, 2000))
    found = node.hear(ProbeFinished)
    assert (found.rid, found.answered) == (2, True)
    assert VIP in found.detail
    ip("-n", bench.outside, "addr", "del", f"{VIP}/24", "dev", "v1")
    ip("-n", bench.outside, "addr", "add", f"{VIP6}/64", "dev", "v1", "nodad")
    node.say(ProbeVip(3, 2000))
    found = node.hear(ProbeFinished)
    assert found.answered
    assert VIP6 in found.detail


def test_another_machine_that_claims_the_vip_is_contradicted_and_named(bench: Bench) -> None:
    """G9: announce again at once, at most five times a second, and say who it is."""
    bench.start()
    node = bench.node()
    node.greet()
    node.escalate(epoch=1)
    node.keep_on(epoch=1, seconds=0.1)
    assert not bench.logged("vip_claimed"), "our own announcements are no claims"
    with in_namespace(bench.outside):
        mouth = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    try:
        mouth.bind(("v1", 0))
        mac = mouth.getsockname()[4]
        for frame in arp.announcements(mac, socket.inet_pton(socket.AF_INET, VIP)):
            mouth.send(frame)
        wait_for("named", lambda: bench.logged(mac.hex(":")))
    finally:
        mouth.close()


def test_an_interface_that_goes_away_takes_the_node_off(bench: Bench) -> None:
    """A VIP that is nowhere is no service: the refresh fails, and another node may lead."""
    bench.start()
    node = bench.node()
    node.greet()
    node.escalate(epoch=1)
    ip("-n", bench.inside, "link", "del", "v0")
    for _ in range(100):
        if not node.extend(epoch=1):
            break
        time.sleep(0.05)
    assert bench.logged("vip_failed")
