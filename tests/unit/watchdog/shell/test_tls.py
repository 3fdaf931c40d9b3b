"""Every way in which a handshake fails has its own name, on both sides."""

import ssl

import pytest

from tests.shell.handshakes import Side, converse, node, shake, stranger
from watchdog.shell.refusals import Refusal
from watchdog.shell.tls import Channel, TlsFaultError

GARBAGE = {
    "text": b"GET / HTTP/1.1\r\nHost: alpha\r\n\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n" * 3,
    "zeros": bytes(100),
    "ones": b"\xff" * 100,
    "bad hello": b"\x16\x03\x01\x00\x05hello",
    "long record": b"\x16\x03\x01\x48\x05" + bytes(20_000),
    "alert first": b"\x15\x03\x03\x00\x02\x02\x28",
    "data first": b"\x17\x03\x03\x00\x20" + b"y" * 32,
    "pgpool": b"4" + b"\x00\x00\x00\x10" + b'{"state":"x"}' * 9,
}


def listener() -> Side:
    """A node that is being dialled."""
    return Side(Channel(node("alpha").server_context, is_server=True))


def linked() -> tuple[Side, Side]:
    """Two ends that are up."""
    return shake(node("alpha").server_context, node("beta").client_context)


def test_what_is_sealed_here_is_read_there() -> None:
    """Also when it is larger than one record."""
    server, client = linked()
    client.channel.seal(b"x" * 60_000)
    server.channel.seal(b"y")
    converse(server, client)
    assert (server.heard, client.heard) == (b"x" * 60_000, b"y")


def test_bytes_may_be_cut_anywhere() -> None:
    """TCP does."""
    server, client = linked()
    client.channel.seal(b"one")
    for byte in client.channel.outgoing():
        server.feed(bytes([byte]))
    assert server.heard == b"one"


def test_a_goodbye_is_heard_as_the_end() -> None:
    """An orderly stop is told apart from a reset."""
    server, client = linked()
    client.channel.say_goodbye()
    server.feed(client.channel.outgoing())
    assert server.has_ended
    assert server.fault is None


def test_saying_goodbye_is_harmless_before_the_handshake() -> None:
    """A connection may end in any state."""
    side = listener()
    side.channel.say_goodbye()
    assert side.channel.outgoing() == b""


def test_a_foreign_certificate_is_a_wrong_key_also_when_the_client_trusts_us() -> None:
    """A prober accepts any server; we must be the ones to refuse."""
    server, client = shake(node("alpha").server_context, stranger())
    assert server.fault is not None
    assert server.fault.kind is Refusal.WRONG_KEY
    assert client.fault is not None
    assert client.fault.kind is Refusal.WRONG_KEY, "in TLS 1.3 the client learns it later"


def test_a_client_without_certificate_is_named() -> None:
    """Every TLS scanner looks like this."""
    server, _ = shake(node("alpha").server_context, stranger(certificate=False))
    assert server.fault is not None
    assert server.fault.kind is Refusal.NO_CERTIFICATE


def test_an_older_tls_is_refused_by_version() -> None:
    """There is nothing to fall back to."""
    old = stranger(version=ssl.TLSVersion.TLSv1_2)
    server, client = shake(node("alpha").server_context, old)
    assert server.fault is not None
    assert server.fault.kind is Refusal.TLS_VERSION
    assert client.fault is not None
    assert client.fault.kind is Refusal.TLS_VERSION


def test_another_application_is_refused_after_the_handshake() -> None:
    """PKI mode: the same CA may serve other programs."""
    client = node("beta").client_context
    client.set_alpn_protocols(["h2"])
    server, _ = shake(node("alpha").server_context, client)
    assert server.fault is not None
    assert server.fault.kind is Refusal.PROTOCOL


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_is_not_tls(name: str) -> None:
    """Whatever knocks that is no TLS has one name, and no answer but an alert."""
    side = listener()
    side.feed(GARBAGE[name])
    assert side.fault is not None
    assert side.fault.kind is Refusal.NOT_TLS
    assert len(side.channel.outgoing()) <= 7


def test_a_replayed_recording_stays_out() -> None:
    """The server's share of the key is new each time, so old records do not decrypt."""
    alpha, beta = node("alpha"), node("beta")
    server = Side(Channel(alpha.server_context, is_server=True))
    client = Side(Channel(beta.client_context, is_server=False))
    client.channel.start()
    flights = []
    for _ in range(3):
        flights.append(client.channel.outgoing())
        server.feed(flights[-1])
        client.feed(server.channel.outgoing())
    assert server.channel.is_up
    again = Side(Channel(alpha.server_context, is_server=True))
    for flight in flights:
        if again.fault is None:
            again.feed(flight)
    assert not again.channel.is_up
    assert again.fault is not None
    assert again.fault.kind is Refusal.BAD_RECORD


def test_an_altered_record_ends_a_link() -> None:
    """One flipped bit."""
    server, client = linked()
    client.channel.seal(b"vote for me")
    record = bytearray(client.channel.outgoing())
    record[-1] ^= 1
    server.feed(bytes(record))
    assert server.fault is not None
    assert server.fault.kind is Refusal.BAD_RECORD
    assert server.heard == b""


def test_a_fault_says_what_happened_in_words() -> None:
    """`status` prints it as it is."""
    server, _ = shake(node("alpha").server_context, stranger())
    assert isinstance(server.fault, TlsFaultError)
    assert (
        server.fault.text
        == "certificate: signed with another authkey or CA, or for another cluster.name"
    )
    side = listener()
    side.feed(GARBAGE["text"])
    assert side.fault is not None
    assert side.fault.text == "TLS: http request"
