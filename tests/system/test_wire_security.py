"""What the network may learn, and who is let in: two real daemons, a wire tap, and strangers.

Each stranger tries the peer port of a running coordinator.  It must stay out, `quorumdog status`
must count it by kind and name its address, and the cluster must not notice: same coordinator,
same term, same holder of the VIP.
"""

import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest

from tests.support import REPOSITORY
from tests.system.attackers import Insider, Tape, dial, end_of, hello, shake, stranger, tapped
from tests.system.refusing import CLOSED_S, refused
from tests.system.yard import CLUSTER, PORT, Shape, Yard, make_key, opened, until

pytestmark = pytest.mark.root

MEMBERS: Final = ("alpha", "bravo", "charlie")
OUTSIDER: Final = "mallory"


def message_keys() -> set[str]:
    """Every key of every message, from the protocol's page; short ones occur by chance."""
    page = (REPOSITORY / "docs" / "protocol.md").read_text(encoding="utf-8")
    tables = page[page.index("## Messages") : page.index("## Limits")]
    return {key for key in re.findall(r"^\| `(\w+)` \|", tables, re.MULTILINE) if len(key) > 4}


SECRETS: Final = {*MEMBERS, CLUSTER, "STANDBY", "COORDINATOR", *message_keys()}
ENDLESS_RECORD: Final = bytes.fromhex("1603013fff")
"""Head of a TLS handshake record of 16 KiB."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A cluster, and the tape of its beginning."""

    yard: Yard
    tape: Tape

    @property
    def port(self) -> tuple[str, int]:
        """Where the coordinator listens."""
        return (self.yard.lab.places[self.yard.led()].address, PORT)

    def place(self, name: str) -> str:
        """The namespace of a node."""
        return self.yard.lab.places[name].namespace


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Alpha and bravo run; charlie is a member whose daemon has stopped; mallory is nobody."""
    root = tmp_path_factory.mktemp("wire")
    with opened(root, (*MEMBERS, OUTSIDER), Shape(MEMBERS)) as yard:
        with tapped(yard.lab.network) as tap:
            yard.form(MEMBERS)
            tape = tap.listen(1.0)
            assert yard.stop("charlie") == 0
        yield Scene(yard, tape)


def test_no_name_and_no_message_key_crosses_the_wire_in_clear(scene: Scene) -> None:
    """The tape holds whole sessions: handshakes, hellos, beacons and grants of a second."""
    assert scene.tape.bytes_heard() > 10_000
    assert len(SECRETS) > 30
    assert scene.tape.clear_words(SECRETS) == set()


def test_the_tap_would_hear_a_clear_text(scene: Scene) -> None:
    """The same ears and words, and a message in clear, cut into segments: it is heard.

    It comes within a TLS record that never ends, so that the daemon listens to all of it.
    """
    message = ENDLESS_RECORD + hello(CLUSTER, leader="alpha")
    kind = "handshake_timeout"
    with tapped(scene.yard.lab.network) as tap, refused(scene.yard, kind, "charlie"):
        with dial(scene.place("charlie"), scene.port) as sock:
            for at in range(0, len(message), 40):
                sock.sendall(message[at : at + 40])
            assert end_of(sock, CLOSED_S) is not None
        found = tap.listen(0.1).clear_words(SECRETS)
    assert {"alpha", "config_digests", "STANDBY", "promise_ms"} <= found


def test_a_plain_tcp_client_stays_out(scene: Scene) -> None:
    """There is no mode without TLS: somebody who speaks something else is cut off."""
    with (
        refused(scene.yard, "not_tls", OUTSIDER),
        dial(scene.place(OUTSIDER), scene.port) as sock,
    ):
        sock.sendall(b"GET / HTTP/1.1\r\nHost: quorumdog\r\n\r\n")
        answer = end_of(sock, CLOSED_S)
    assert answer is not None
    assert len(answer) < 16, "nothing but an alert of TLS"


def test_a_tls_1_2_client_stays_out(scene: Scene) -> None:
    """Old TLS is refused by version, whatever certificate would follow."""
    with (
        refused(scene.yard, "tls_version", OUTSIDER),
        dial(scene.place(OUTSIDER), scene.port) as sock,
    ):
        assert "version" in shake(stranger(version=ssl.TLSVersion.TLSv1_2), sock)


def test_a_client_without_a_certificate_stays_out(scene: Scene) -> None:
    """Both sides prove who they are."""
    with (
        refused(scene.yard, "no_certificate", OUTSIDER),
        dial(scene.place(OUTSIDER), scene.port) as sock,
    ):
        assert shake(stranger(), sock)


def test_a_replayed_session_stays_out(scene: Scene) -> None:
    """Every byte that a member sent in a session, once more: keys are fresh for each session."""
    stopped = scene.yard.lab.places["charlie"].address
    to_members = [flow for flow in scene.tape.flows if flow[3] == PORT and flow[2] != stopped]
    flow = max(to_members, key=lambda one: len(scene.tape.stream(one)))
    recorded = scene.tape.stream(flow)
    assert len(recorded) > 2_000, "a handshake and more"
    victim = next(n for n, p in scene.yard.lab.places.items() if p.address == flow[2])
    with (
        refused(scene.yard, "bad_record", "charlie", victim=victim),
        dial(scene.place("charlie"), (flow[2], PORT)) as sock,
    ):
        sock.sendall(recorded)
        assert end_of(sock, CLOSED_S) is not None


def test_the_right_key_with_a_name_of_nobody_stays_out(scene: Scene) -> None:
    """A real daemon whose file lists itself: the others' files do not."""
    wider = replace(scene.yard.shape, members=(*MEMBERS, OUTSIDER))
    with refused(scene.yard, "wrong_name", OUTSIDER):
        scene.yard.start(OUTSIDER, shape=wider)
        until("mallory is told", lambda: scene.yard.status(OUTSIDER).get("nodes"))
    assert not any(row["reachable"] for row in others(scene, OUTSIDER))
    assert scene.yard.stop(OUTSIDER) == 0


def test_the_right_key_with_another_members_name_stays_out(scene: Scene) -> None:
    """A name counts only at its own address."""
    with (
        refused(scene.yard, "wrong_name", OUTSIDER),
        dial(scene.place(OUTSIDER), scene.port) as sock,
    ):
        insider = Insider(sock, scene.yard.authkey, CLUSTER, "charlie")
        insider.say(hello(CLUSTER))
        assert insider.was_closed(CLOSED_S)


def test_a_daemon_with_another_authkey_stays_out(scene: Scene) -> None:
    """A real daemon, a member by name and address, whose key is not the cluster's."""
    other = make_key(scene.yard.home("charlie") / "authkey")
    with refused(scene.yard, "wrong_key", "charlie"):
        scene.yard.start("charlie", shape=replace(scene.yard.shape, authkey=other))
    leader = scene.yard.led()
    until("charlie says why", lambda: "authkey" in reason(scene, "charlie", leader), 30)
    until("the others say why", lambda: "authkey" in reason(scene, leader, "charlie"), 30)
    assert scene.yard.told("charlie")["coordinator"] is None
    assert scene.yard.stop("charlie") == 0


def reason(scene: Scene, name: str, other: str) -> str:
    """Why a daemon does not reach another one."""
    return "".join(row["reason"] for row in others(scene, name) if row["name"] == other)


def others(scene: Scene, name: str) -> list[dict[str, Any]]:
    """How a daemon sees the other nodes."""
    rows = scene.yard.status(name).get("nodes", [])
    return [row for row in rows if row["name"] != name]
