"""Chains of client certificates, by Go's rules (crypto/x509 verify.go; kube's x509_test.go)."""

import datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from auditproxy.authentication.x509.authorities import BundleError, CertificateAuthorities
from auditproxy.authentication.x509.peer import PeerCertificate
from tests.fakes.authority import CLIENT, HOUR, Authority, nanoseconds

NOW = datetime.datetime.now(datetime.UTC)
SERVER = (ExtendedKeyUsageOID.SERVER_AUTH,)
ANY = (ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,)
UNKNOWN = x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00")
ROOT = Authority("root")
OTHER = Authority("other")
IMPOSTOR = Authority("root")
MIDDLE = ROOT.authority("middle")


def peer(leaf: x509.Certificate, *sent: Authority) -> PeerCertificate:
    """A client that sends this leaf and these authorities' certificates."""
    return PeerCertificate.from_der(
        leaf.public_bytes(Encoding.DER), tuple(authority.der for authority in sent)
    )


def fault(
    bundle: bytes, leaf: x509.Certificate, *sent: Authority, now: datetime.datetime = NOW
) -> str:
    """What a fresh set of authorities says."""
    return CertificateAuthorities(bundle).verdict(peer(leaf, *sent), nanoseconds(now)).fault


@pytest.mark.parametrize("usages", [None, CLIENT, ANY, (*SERVER, *CLIENT)])
def test_good(usages: Any) -> None:
    """T048: signed by an authority, with no usages, any usage, or client auth among them."""
    assert fault(ROOT.pem, ROOT.leaf("alice", usages=usages)) == ""


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ({"usages": SERVER}, "client auth"),
        ({"not_before": NOW + HOUR / 2}, "not valid yet"),
        ({"not_after": NOW - HOUR / 2}, "expired"),
        ({"extensions": ((UNKNOWN, True),)}, "critical extension"),
    ],
)
def test_bad_leaf(shape: dict[str, Any], text: str) -> None:
    """T048, T049: usages, period and critical extensions of the leaf count."""
    assert text in fault(ROOT.pem, ROOT.leaf("alice", **shape))


def test_unknown_extension_that_is_not_critical() -> None:
    """What is not critical may be unknown."""
    assert fault(ROOT.pem, ROOT.leaf("alice", extensions=((UNKNOWN, False),))) == ""


def test_other_authorities() -> None:
    """T049: another authority, and another one of the same name, vouch for nobody."""
    assert fault(ROOT.pem, OTHER.leaf("alice")) == "no authority of the bundle has signed it"
    assert fault(ROOT.pem, IMPOSTOR.leaf("alice")) == "no authority of the bundle has signed it"
    # Both are there: the right one is found behind the impostor.
    assert fault(IMPOSTOR.pem + ROOT.pem, ROOT.leaf("alice")) == ""


def test_self_signed() -> None:
    """A leaf that signed itself is nobody, unless it stands in the bundle (Go)."""
    alone = Authority("alice", ca=None)
    assert fault(ROOT.pem, alone.certificate)
    assert fault(ROOT.pem + alone.pem, alone.certificate) == ""


def test_authority_as_leaf() -> None:
    """T054: an authority of the bundle may itself be a client, as in Go."""
    assert fault(ROOT.pem, ROOT.certificate) == ""
    assert fault(ROOT.pem, MIDDLE.certificate) == ""


def test_intermediates() -> None:
    """T054: an intermediate that the client sent, or that is itself an anchor, makes the chain."""
    leaf = MIDDLE.leaf("alice")
    assert fault(ROOT.pem, leaf)
    assert fault(ROOT.pem, leaf, MIDDLE) == ""
    assert fault(ROOT.pem, leaf, OTHER, MIDDLE, ROOT) == ""
    assert fault(MIDDLE.pem, leaf) == ""


@pytest.mark.parametrize(
    ("shape", "text"),
    [
        ({"ca": False}, "is not a certificate authority"),
        ({"ca": None}, "is not a certificate authority"),
        ({"usages": SERVER}, "client auth"),
        ({"not_after": NOW - HOUR / 2}, "its authority has expired"),
        (
            {"extensions": ((x509.KeyUsage(True, *[False] * 8), True),)},
            "may not sign",
        ),
        (
            {"extensions": ((x509.NameConstraints([x509.DNSName("example.com")], None), True),)},
            "name constraints",
        ),
    ],
)
def test_bad_intermediates(shape: dict[str, Any], text: str) -> None:
    """What cannot vouch for others does not, wherever it stands."""
    middle = ROOT.authority("middle", **shape)
    assert text in fault(ROOT.pem, middle.leaf("alice"), middle)
    anchor = Authority("anchor", **shape)
    assert text in fault(anchor.pem, anchor.leaf("alice"))


def test_path_length() -> None:
    """An authority that allows no further authorities is obeyed."""
    short = Authority("short", path_length=0)
    assert fault(short.pem, short.leaf("alice")) == ""
    below = short.authority("below")
    assert "more intermediates" in fault(short.pem, below.leaf("alice"), below)


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65537, 2048),
        ed25519.Ed25519PrivateKey.generate(),
    ],
    ids=["p384", "rsa", "ed25519"],
)
def test_keys(key: Any) -> None:
    """Authorities with other keys than P-256."""
    root = Authority.__new__(Authority)
    root.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "root")])
    root.key = key
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA384()
    builder = (
        x509.CertificateBuilder()
        .issuer_name(root.name)
        .serial_number(1)
        .not_valid_before(NOW - HOUR)
        .not_valid_after(NOW + HOUR)
    )
    certificate = (
        builder.subject_name(root.name)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, digest)
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "alice")])
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    leaf = builder.subject_name(subject).public_key(public).sign(key, digest)
    assert fault(certificate.public_bytes(Encoding.PEM), leaf) == ""


def test_cross_signed_loop_ends() -> None:
    """T054, T328: authorities that sign one another cost a bounded number of signatures."""
    key = ec.generate_private_key(ec.SECP256R1())
    crowd = [
        Authority("crowd", IMPOSTOR, key=ec.generate_private_key(ec.SECP256R1())) for _ in range(4)
    ]
    loops = [
        Authority("crowd", signer, key=ec.generate_private_key(ec.SECP256R1()))
        for signer in crowd
        for _ in range(4)
    ]
    leaf = Authority("crowd", key=key).leaf("alice")
    assert fault(ROOT.pem, leaf, *crowd, *loops)


def test_verdict_is_kept_within_its_period() -> None:
    """T051: one set of authorities remembers, and still sees when any of the chain expires."""
    middle = ROOT.authority("middle", not_after=NOW + HOUR / 4)
    authorities = CertificateAuthorities(ROOT.pem)
    client = peer(middle.leaf("alice"), middle)
    for minutes, text in ((0, ""), (14, ""), (16, "expired"), (1, "")):
        now = nanoseconds(NOW + datetime.timedelta(minutes=minutes))
        assert text in authorities.verdict(client, now).fault
        assert bool(authorities.verdict(client, now).fault) is bool(text)


def test_refusals_are_not_kept_for_long() -> None:
    """A certificate that becomes valid is accepted."""
    authorities = CertificateAuthorities(ROOT.pem)
    client = peer(ROOT.leaf("alice", not_before=NOW + HOUR / 4))
    assert authorities.verdict(client, nanoseconds(NOW)).fault
    assert authorities.verdict(client, nanoseconds(NOW + HOUR / 2)).fault == ""


def test_a_certificate_is_good_from_its_first_moment_on() -> None:
    """A refusal just before is not remembered beyond it."""
    authorities = CertificateAuthorities(ROOT.pem)
    client = peer(ROOT.leaf("alice", not_before=NOW + HOUR / 4))
    begin = nanoseconds(NOW + HOUR / 4)
    assert "not valid yet" in authorities.verdict(client, begin - 1).fault
    assert authorities.verdict(client, begin).fault == ""


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The least used verdict goes first."""
    monkeypatch.setattr("auditproxy.authentication.x509.authorities.REMEMBERED", 2)
    authorities = CertificateAuthorities(ROOT.pem)
    for name in ("a", "b", "c"):
        assert authorities.verdict(peer(ROOT.leaf(name)), nanoseconds(NOW)).fault == ""
    assert len(authorities._verdicts) == 2


def test_bundles() -> None:
    """Comments and keys between certificates are skipped; an unreadable certificate is a fault."""
    noise = b"# comment \xff\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
    assert len(CertificateAuthorities(noise + ROOT.pem + noise + OTHER.pem)) == 2
    for bundle, text in (
        (b"", "holds no PEM certificate"),
        (noise, "holds no PEM certificate"),
        (ROOT.pem + ROOT.pem[:-40], "cut off"),
        (ROOT.pem + ROOT.pem.replace(b"M", b"A", 1), "number 2 cannot be read"),
    ):
        with pytest.raises(BundleError, match=text):
            CertificateAuthorities(bundle)


LEAF = ROOT.leaf("alice")
GOOD = LEAF.public_bytes(Encoding.DER)
UNUSED_BITS = len(GOOD) - len(LEAF.signature) - 1
"""The count of a signature's bits that do not count; it says nothing about the signature."""


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255), st.binary(max_size=40))
def test_a_changed_byte_is_never_good(position: int, change: int, tail: bytes) -> None:
    """However one byte is changed, the certificate is refused and nothing is raised."""
    assume(position != UNUSED_BITS)
    raw = bytearray(GOOD)
    raw[position] ^= change
    authorities = CertificateAuthorities(ROOT.pem)
    now = nanoseconds(NOW)
    assert authorities.verdict(PeerCertificate(der=bytes(raw), fingerprint=""), now).fault
    assert authorities.verdict(
        PeerCertificate(der=tail, fingerprint="", intermediates=(tail,)), now
    ).fault
