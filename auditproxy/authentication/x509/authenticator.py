"""X509Authenticator: the user of a client certificate, as kube-apiserver converts it.

Every request is checked against the current authorities and the current time, because a
connection may outlive the validity of either (apiserver
authentication/request/x509/x509.go).
"""

from dataclasses import dataclass
from typing import Protocol

from auditproxy.apis.memo import Memo
from auditproxy.apis.user import CREDENTIAL_ID, UserInfo
from auditproxy.authentication.authenticator import (
    AuthenticationError,
    AuthenticationRequest,
    Identity,
    identify,
    reserved_name,
)
from auditproxy.authentication.x509.peer import PeerCertificate


class CertificateError(AuthenticationError):
    """The client certificate is not valid at this time or for these authorities."""


REMEMBERED = 1024
"""Number of certificates whose identity is remembered."""


@dataclass(frozen=True, slots=True, eq=False)
class Verdict:
    """Whether authorities accept a certificate: ``fault`` is why not, "" if they do.

    It applies in a period, nanoseconds since the epoch, both ends inclusive: that in which every
    certificate of the chain is valid, or, for a refusal, a short one.
    """

    fault: str
    not_before: int
    not_after: int

    def holds(self, now: int) -> bool:
        """Return whether the certificate is accepted at ``now``."""
        return not self.fault and self.not_before <= now <= self.not_after


class Authorities(Protocol):
    """A set of certificate authorities: authorities.py's CertificateAuthorities."""

    def verdict(self, peer: PeerCertificate, now: int) -> Verdict:
        """Return whether the certificate is accepted at ``now``."""
        ...


class X509Authenticator:
    """Authenticates clients that presented a certificate of ``authorities``.

    ``allowed_system_groups`` enables the check of reserved names: a certificate for a
    ``system:`` user, or for a ``system:`` group not listed, is refused. None trusts the
    CA with these names, as kube-apiserver does.

    An identity is remembered by the DER of its certificate, for as long as the authorities give
    the same Verdict.
    """

    def __init__(
        self,
        authorities: Authorities,
        allowed_system_groups: frozenset[str] | None = None,
    ) -> None:
        self._authorities = authorities
        self._allowed_system_groups = allowed_system_groups
        self._known: Memo[bytes, Identity] = Memo(REMEMBERED)

    async def authenticate(self, request: AuthenticationRequest) -> Identity | None:
        """Return the certificate's user; None without a certificate or a CN in it."""
        certificate = request.peer_certificate
        if certificate is None:
            return None
        verdict = verify(certificate, self._authorities, request.now)
        if not certificate.common_name:
            return None
        known = self._known.get(certificate.der)
        if known is not None and known.proof is verdict:
            return known
        user = user_from(certificate)
        if self._allowed_system_groups is not None:
            fault = reserved_name(user, self._allowed_system_groups)
            if fault is not None:
                raise CertificateError(f"{_name(certificate)}: {fault}")
        identity = identify(user, method="x509", proof=verdict)
        return self._known.remember(certificate.der, identity)


def verify(certificate: PeerCertificate, authorities: Authorities, now: int) -> Verdict:
    """Raise CertificateError unless ``authorities`` accept this client at ``now``."""
    if certificate.fault:
        raise CertificateError(f"{_name(certificate)}: {certificate.fault}")
    verdict = authorities.verdict(certificate, now)
    if verdict.fault:
        raise CertificateError(f"{_name(certificate)}: {verdict.fault}")
    return verdict


def user_from(certificate: PeerCertificate) -> UserInfo:
    """Return CN as username, O as groups, the uid attribute as uid; raises CertificateError."""
    uid = ""
    if certificate.uids:
        if len(certificate.uids) > 1:
            raise CertificateError(f"{_name(certificate)}: expected 1 UID, but found multiple")
        uid = certificate.uids[0]
        if not uid:
            raise CertificateError(f"{_name(certificate)}: UID cannot be an empty string")
    return UserInfo(
        username=certificate.common_name,
        uid=uid,
        groups=certificate.organizations,
        extra={CREDENTIAL_ID: (f"X509SHA256={certificate.fingerprint}",)},
    )


def _name(certificate: PeerCertificate) -> str:
    return f"the client certificate {certificate.fingerprint[:16]}"
