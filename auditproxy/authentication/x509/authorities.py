"""CertificateAuthorities: verifies client certificates by the rules of Go's crypto/x509.

    leaf -> [intermediates that the client sent] -> one of the authorities

The handshake has also verified a chain, but against the authorities at that time and by
OpenSSL's rules. Here the current set applies. As in Go, every certificate of the bundle is
a trust anchor, self-signed or not; a leaf that is itself in the bundle is accepted; and
each certificate of the chain, including the anchor, must be valid at that time and allow
client authentication.

Stricter than Go: an authority with name constraints is not accepted (Go compares them
with the names of the leaf), and names are compared as encoded.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from auditproxy.apis.faults import Unusable
from auditproxy.apis.units import SECOND
from auditproxy.authentication.x509.authenticator import REMEMBERED, Verdict
from auditproxy.authentication.x509.peer import PeerCertificate
from auditproxy.serializer.pem import certificates, is_cut_off

SIGNATURES = 100
"""Signatures checked per certificate, as in Go; bounds the cost of a chain."""

REFUSAL_REMEMBERED = 10 * SECOND
"""Nanoseconds for which a refusal is cached."""

_USAGES = (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)
_BROKEN_HASHES = frozenset({"md5", "sha1"})
_UNREADABLE = (
    ValueError,
    TypeError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
"""What cryptography raises for bytes that are not a certificate, or not a supported one."""
_HANDLED = frozenset(
    {
        ExtensionOID.KEY_USAGE,
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.CRL_DISTRIBUTION_POINTS,
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_KEY_IDENTIFIER,
        ExtensionOID.CERTIFICATE_POLICIES,
        ExtensionOID.POLICY_MAPPINGS,
        ExtensionOID.POLICY_CONSTRAINTS,
        ExtensionOID.INHIBIT_ANY_POLICY,
        ExtensionOID.AUTHORITY_INFORMATION_ACCESS,
    }
)
"""Extensions that may be critical: those that Go handles."""


class BundleError(Unusable):
    """A bundle of authorities cannot be used; the text gives the reason and quotes nothing."""


@dataclass(frozen=True, slots=True)
class _Member:
    """A certificate that may be part of a chain; ``fault`` is the reason if it may not.

    ``authority_fault`` is the reason if it may not issue others. Times are nanoseconds
    since the epoch, both ends inclusive.
    """

    certificate: x509.Certificate
    der: bytes
    issuer: bytes
    subject: bytes
    identity: tuple[bytes, bytes] = field(repr=False)
    not_before: int = 0
    not_after: int = 0
    client_auth: bool = False
    path_length: int | None = None
    fault: str = ""
    authority_fault: str = ""


class CertificateAuthorities:
    """An immutable set of authorities; results are cached per set and never outlive it."""

    def __init__(self, pem: bytes) -> None:
        """Read a PEM bundle; raises BundleError unless every certificate can be used."""
        self.pem = pem
        self._anchors = tuple(_member(each) for each in _read_bundle(pem))
        self._verdicts: OrderedDict[tuple[bytes, tuple[bytes, ...]], Verdict] = OrderedDict()

    def __len__(self) -> int:
        return len(self._anchors)

    def overlaps(self, other: "CertificateAuthorities") -> bool:
        """Return whether the bundles have a certificate in common."""
        theirs = {anchor.der for anchor in other._anchors}
        return any(anchor.der in theirs for anchor in self._anchors)

    def why_nobody(self, now: int) -> str:
        """Why no client can have a certificate of this bundle at ``now``; "" where one can.

        The reason is the first certificate's; an expired one beside its successor is none.
        """
        faults = [_issuing_fault(anchor, now) for anchor in self._anchors]
        return faults[0] if all(faults) else ""

    def verdict(self, peer: PeerCertificate, now: int) -> Verdict:
        """Return whether the client certificate is accepted at ``now`` (nanoseconds).

        The chain is searched once; later calls only compare the cached period.
        """
        key = (peer.der, peer.intermediates)
        verdict = self._verdicts.get(key)
        if verdict is None or not verdict.not_before <= now <= verdict.not_after:
            verdict = self._verify(peer, now)
            self._verdicts[key] = verdict
            if len(self._verdicts) > REMEMBERED:
                self._verdicts.popitem(last=False)
        self._verdicts.move_to_end(key)
        return verdict

    def _verify(self, peer: PeerCertificate, now: int) -> Verdict:
        try:
            leaf = _member(_load(peer.der))
            others = tuple(_member(_load(der)) for der in peer.intermediates)
        except BundleError as error:
            return Verdict(str(error), now, now + REFUSAL_REMEMBERED)
        search = _Search(self._anchors, others, now)
        chain = search.find(leaf)
        if chain is None:
            until = now + REFUSAL_REMEMBERED
            if leaf.not_before > now:
                # It is accepted as soon as it becomes valid.
                until = min(until, leaf.not_before - 1)
            return Verdict(search.why, now, until)
        return Verdict(
            "", max(each.not_before for each in chain), min(each.not_after for each in chain)
        )


class _Search:
    """The search for one chain; ``why`` is the first reason found if there is none."""

    def __init__(
        self, anchors: tuple[_Member, ...], intermediates: tuple[_Member, ...], now: int
    ) -> None:
        self._anchors = anchors
        self._intermediates = intermediates
        self._now = now
        self._left = SIGNATURES
        self.why = ""

    def find(self, leaf: _Member) -> tuple[_Member, ...] | None:
        """Return a chain from the leaf to an anchor, None if there is none."""
        fault = self._own_fault(leaf)
        if fault:
            self.why = f"it {fault}"
            return None
        if any(anchor.der == leaf.der for anchor in self._anchors):
            return (leaf,)
        chain = self._climb((leaf,))
        if chain is None and not self.why:
            self.why = "no authority of the bundle has signed it"
        return chain

    def _climb(self, chain: tuple[_Member, ...]) -> tuple[_Member, ...] | None:
        for pool, complete in ((self._anchors, True), (self._intermediates, False)):
            for candidate in pool:
                if candidate.subject != chain[-1].issuer:
                    continue
                if any(candidate.identity == each.identity for each in chain):
                    continue
                fault = self._step_fault(chain, candidate)
                if fault:
                    self.why = self.why or fault
                    continue
                longer = (*chain, candidate)
                found = longer if complete else self._climb(longer)
                if found is not None:
                    return found
        return None

    def _step_fault(self, chain: tuple[_Member, ...], issuer: _Member) -> str:
        """Return why this issuer cannot continue the chain."""
        if issuer.authority_fault:
            return f"its authority {issuer.authority_fault}"
        fault = self._own_fault(issuer)
        if fault:
            return f"its authority {fault}"
        if issuer.path_length is not None and len(chain) - 1 > issuer.path_length:
            return "there are more intermediates than its authority allows"
        self._left -= 1
        if self._left < 0:
            return "its chain needs too many signatures"
        child = chain[-1].certificate
        try:
            digest = child.signature_hash_algorithm
            if digest is not None and digest.name in _BROKEN_HASHES:
                return "it is signed with a broken hash algorithm"
            child.verify_directly_issued_by(issuer.certificate)
        except (InvalidSignature, *_UNREADABLE):
            return "no authority of the bundle has signed it"
        return ""

    def _own_fault(self, member: _Member) -> str:
        if member.fault:
            return member.fault
        if self._now < member.not_before:
            return "is not valid yet"
        if self._now > member.not_after:
            return "has expired"
        if not member.client_auth:
            return "has usages that do not include client auth"
        return ""


def _read_bundle(pem: bytes) -> tuple[x509.Certificate, ...]:
    """Return every certificate of a PEM bundle; skip text and other blocks."""
    found = []
    for number, block in enumerate(certificates(pem), 1):
        try:
            found.append(x509.load_pem_x509_certificate(block + b"\n"))
        except _UNREADABLE:
            raise BundleError(f"its certificate number {number} cannot be read") from None
    if is_cut_off(pem):
        raise BundleError("its last certificate is cut off")
    if not found:
        raise BundleError("it holds no PEM certificate")
    return tuple(found)


def _load(der: bytes) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(der)
    except _UNREADABLE:
        raise BundleError("it cannot be read") from None


def _member(certificate: x509.Certificate) -> _Member:
    """Return what a chain needs of a certificate; an inconsistent one gets a fault."""
    try:
        subject = certificate.subject.public_bytes()
        key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        extensions = {each.oid: each for each in certificate.extensions}
        return _Member(
            certificate=certificate,
            der=certificate.public_bytes(Encoding.DER),
            issuer=certificate.issuer.public_bytes(),
            subject=subject,
            identity=(subject, key),
            not_before=_nanoseconds(certificate.not_valid_before_utc),
            not_after=_nanoseconds(certificate.not_valid_after_utc),
            client_auth=_allows_clients(extensions),
            path_length=_path_length(extensions),
            fault=_critical_fault(extensions),
            authority_fault=_authority_fault(certificate, extensions),
        )
    except _UNREADABLE:
        raise BundleError("a certificate cannot be read") from None


_Extensions = dict[x509.ObjectIdentifier, x509.Extension[x509.ExtensionType]]


def _allows_clients(extensions: _Extensions) -> bool:
    extension = extensions.get(ExtensionOID.EXTENDED_KEY_USAGE)
    if extension is None:
        return True
    usages = extension.value
    return isinstance(usages, x509.ExtendedKeyUsage) and any(each in usages for each in _USAGES)


def _path_length(extensions: _Extensions) -> int | None:
    extension = extensions.get(ExtensionOID.BASIC_CONSTRAINTS)
    value = extension.value if extension is not None else None
    return value.path_length if isinstance(value, x509.BasicConstraints) else None


def _critical_fault(extensions: _Extensions) -> str:
    for oid, extension in extensions.items():
        if extension.critical and oid not in _HANDLED and oid != ExtensionOID.NAME_CONSTRAINTS:
            return "has an unknown critical extension"
    return ""


def _authority_fault(certificate: x509.Certificate, extensions: _Extensions) -> str:
    """Return why this certificate may not sign others (Go's Certificate.CheckSignatureFrom)."""
    basic = extensions.get(ExtensionOID.BASIC_CONSTRAINTS)
    if basic is None:
        if certificate.version is x509.Version.v3:
            return "is not a certificate authority"
    elif not isinstance(basic.value, x509.BasicConstraints) or not basic.value.ca:
        return "is not a certificate authority"
    usage = extensions.get(ExtensionOID.KEY_USAGE)
    if usage is not None and not (
        isinstance(usage.value, x509.KeyUsage) and usage.value.key_cert_sign
    ):
        return "may not sign certificates"
    if ExtensionOID.NAME_CONSTRAINTS in extensions:
        return "has name constraints, which are not supported"
    return ""


def _issuing_fault(anchor: _Member, now: int) -> str:
    """Return why a certificate of the bundle cannot have issued one that is accepted at ``now``."""
    if anchor.not_before > now:
        return "is not valid yet"
    if anchor.not_after < now:
        return "has expired"
    return anchor.fault or anchor.authority_fault


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * SECOND
