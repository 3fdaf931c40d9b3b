"""Who is who: certificates derived from the authkey, checked in memory."""

import datetime as dt
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.shell.handshakes import (
    AUTHKEY,
    CLUSTER_ID,
    MEMBERS,
    OTHER_AUTHKEY,
    Side,
    node,
    shake,
)
from watchdog.shell import identity as shell_identity
from watchdog.shell.identity import Identity, WrongNameError
from watchdog.shell.refusals import Refusal
from watchdog.shell.secret import Secret
from watchdog.shell.tls import Channel
from watchdog.wire import seal

SUFFIX = ".pg-prod.wd.invalid"


def naming(identity: Identity, *names: str) -> str:
    """The member among `names`."""
    return identity.member_among(names)


def dated(name: str, begins: dt.datetime, ends: dt.datetime) -> Identity:
    """A node by the authkey whose certificate has these dates."""
    ca_key = Ed25519PrivateKey.from_private_bytes(seal.derive(AUTHKEY.reveal(), "ca", CLUSTER_ID))
    key = Ed25519PrivateKey.generate()
    san = f"{name}{SUFFIX}"
    leaf = shell_identity._mint_leaf(ca_key, key.public_key(), san, begins, ends)
    chain = Secret(shell_identity._pem(leaf) + shell_identity._pem_key(key))
    identity = node(name)
    for context in (identity.server_context, identity.client_context):
        shell_identity._load_chain(context, chain)
    return identity


def test_two_nodes_with_one_authkey_authenticate_each_other() -> None:
    """Each derives the CA by itself; nothing but the key is shared."""
    alpha, beta = node("alpha"), node("beta")
    listener, dialler = shake(alpha.server_context, beta.client_context)
    assert listener.channel.is_up
    assert dialler.channel.is_up
    assert alpha.name_of(listener.channel.tls) == "beta"
    assert beta.name_of(dialler.channel.tls) == "alpha"
    assert dialler.channel.tls.version() == "TLSv1.3"


def test_another_authkey_is_another_cluster() -> None:
    """The only thing that separates clusters on the wire."""
    listener, dialler = shake(
        node("alpha").server_context, node("beta", OTHER_AUTHKEY).client_context
    )
    assert listener.fault is not None
    assert dialler.fault is not None
    assert listener.fault.kind is dialler.fault.kind is Refusal.WRONG_KEY


def test_the_same_authkey_under_another_cluster_name_is_another_key() -> None:
    """A key copied into a second cluster does not join the two."""
    listener, _ = shake(
        node("alpha").server_context, node("beta", cluster_id=b"x" * 32).client_context
    )
    assert listener.fault is not None
    assert listener.fault.kind is Refusal.WRONG_KEY


def test_a_leaf_satisfies_strict_verification_for_both_roles() -> None:
    """Python 3.13 verifies strictly by default: key ids and usages must be there."""
    alpha, beta = node("alpha"), node("beta")
    listener, _ = shake(alpha.server_context, beta.client_context)
    assert alpha.server_context.verify_flags & ssl.VERIFY_X509_STRICT
    der = listener.channel.tls.getpeercert(binary_form=True)
    assert der is not None
    leaf = x509.load_der_x509_certificate(der)
    usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usage) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    for kind in (x509.AuthorityKeyIdentifier, x509.SubjectKeyIdentifier):
        assert not leaf.extensions.get_extension_for_class(kind).critical


@pytest.mark.parametrize("days", [-800, 800], ids=["expired", "not yet valid"])
def test_no_date_keeps_nodes_with_one_authkey_apart(days: int) -> None:
    """A peer up for years, or started by a wrong clock: the key says who is a node, no clock."""
    begins = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
    odd, beta = dated("alpha", begins, begins + dt.timedelta(days=365)), node("beta")
    for server, client in ((odd, beta), (beta, odd)):
        listener, dialler = shake(server.server_context, client.client_context)
        assert (listener.fault, dialler.fault) == (None, None)
        assert {server.name_of(listener.channel.tls), client.name_of(dialler.channel.tls)} == {
            "alpha",
            "beta",
        }


def test_a_leaf_has_the_dates_of_its_ca() -> None:
    """Peers of an older version do look at them."""
    listener, dialler = shake(node("alpha").server_context, node("beta").client_context)
    for side in (listener, dialler):
        der = side.channel.tls.getpeercert(binary_form=True)
        assert der is not None
        leaf = x509.load_der_x509_certificate(der)
        assert leaf.not_valid_before_utc == dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
        assert leaf.not_valid_after_utc == dt.datetime(2120, 1, 1, tzinfo=dt.UTC)


def test_contexts_offer_one_version_and_no_tickets() -> None:
    """Nothing to negotiate, nothing to resume."""
    identity = node("alpha")
    for context in (identity.server_context, identity.client_context):
        assert context.minimum_version == context.maximum_version == ssl.TLSVersion.TLSv1_3
        assert context.verify_mode is ssl.CERT_REQUIRED
    assert identity.server_context.num_tickets == 0


def test_no_name_is_sent_in_clear() -> None:
    """A recording must not say who talks; SNI or a name in the CA's subject would."""
    server = Side(Channel(node("alpha").server_context, is_server=True))
    client = Side(Channel(node("beta").client_context, is_server=False))
    client.channel.start()
    recorded = b""
    for _ in range(3):
        there = client.channel.outgoing()
        server.feed(there)
        back = server.channel.outgoing()
        client.feed(back)
        recorded += there + back
    assert server.channel.is_up
    assert b"quorumdog/1" in recorded, "ALPN is in clear: this is the recording"
    for name in (b"alpha", b"beta", b"pg-prod", b"wd.invalid"):
        assert name not in recorded


def test_a_certificate_must_name_exactly_one_member() -> None:
    """None would be a stranger, two could be either."""
    identity = node("alpha")
    assert naming(identity, f"beta{SUFFIX}") == "beta"
    assert naming(identity, "db7.example.org", "gamma") == "gamma"
    for names in ((), ("mallory",), (f"mallory{SUFFIX}",), ("alpha.other.wd.invalid",)):
        with pytest.raises(WrongNameError):
            naming(identity, *names)
    with pytest.raises(WrongNameError, match="alpha, beta"):
        naming(identity, "alpha", "beta")


def test_every_start_mints_another_leaf() -> None:
    """A leaf key that leaked is worth as long as the process that had it."""
    ders = []
    for _ in range(2):
        listener, _ = shake(node("alpha").server_context, node("beta").client_context)
        ders.append(listener.channel.tls.getpeercert(binary_form=True))
    assert ders[0] != ders[1]
    assert frozenset({"alpha", "beta", "gamma"}) == MEMBERS
