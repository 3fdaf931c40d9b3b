"""TLS handshakes in memory: two channels, or a channel and a raw peer that misbehaves."""

import ssl
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from watchdog.shell import identity
from watchdog.shell.identity import ALPN, Identity
from watchdog.shell.secret import Secret
from watchdog.shell.tls import Channel, TlsEndedError, TlsFaultError

CLUSTER: Final = "pg-prod"
CLUSTER_ID: Final = b"c" * 32
MEMBERS: Final = frozenset({"alpha", "beta", "gamma"})
AUTHKEY: Final = Secret(b"k" * 32)
OTHER_AUTHKEY: Final = Secret(b"o" * 32)
ROUNDS_MAX: Final = 10


@dataclass
class Side:
    """One end: its channel, what it read, and the fault that ended it."""

    channel: Channel
    heard: bytes = b""
    fault: TlsFaultError | None = None
    has_ended: bool = False

    def feed(self, data: bytes) -> None:
        """Take in `data` and remember the outcome."""
        try:
            self.heard += self.channel.feed(data)
        except TlsFaultError as fault:
            self.fault = fault
        except TlsEndedError:
            self.has_ended = True


def node(name: str, authkey: Secret = AUTHKEY, cluster_id: bytes = CLUSTER_ID) -> Identity:
    """The identity of a node by its authkey."""
    return identity.from_authkey(authkey, CLUSTER, cluster_id, name, MEMBERS)


def shake(server: ssl.SSLContext, client: ssl.SSLContext) -> tuple[Side, Side]:
    """Let the two talk until neither has anything to say."""
    dialler = Side(Channel(client, is_server=False))
    listener = Side(Channel(server, is_server=True))
    dialler.channel.start()
    converse(listener, dialler)
    return listener, dialler


def converse(listener: Side, dialler: Side) -> None:
    """Carry bytes to and fro."""
    for _ in range(ROUNDS_MAX):
        there, back = dialler.channel.outgoing(), b""
        if there:
            listener.feed(there)
        back = listener.channel.outgoing()
        if back:
            dialler.feed(back)
        if not there and not back:
            return


def stranger(
    *, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3, certificate: bool = True, alpn: str = ALPN
) -> ssl.SSLContext:
    """A client that trusts everybody; its certificate, if any, is of a CA of its own."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    context.set_alpn_protocols([alpn])
    if certificate:
        ca_key, key = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
        leaf = identity._mint_leaf(ca_key, key.public_key(), f"beta.{CLUSTER}.wd.invalid")
        identity._load_chain(context, Secret(identity._pem(leaf) + identity._pem_key(key)))
    return context
