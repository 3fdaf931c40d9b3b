"""Who is who: certificates derived from the authkey, checked in memory."""

import ssl

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.shell.handshakes import MEMBERS, OTHER_AUTHKEY, Side, node, shake
from watchdog.shell.identity import Identity, WrongNameError
from watchdog.shell.refusals import Refusal
from watchdog.shell.tls import Channel

SUFFIX = ".pg-prod.wd.invalid"


def naming(identity: Identity, *names: str) -> str:
    """The member among `names`."""
    return identity.member_among(names)


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
