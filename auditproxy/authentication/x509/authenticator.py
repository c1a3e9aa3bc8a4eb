"""X509Authenticator: the user of a client certificate, as kube-apiserver converts it.

Every request is checked against the current authorities and the current time, because a
connection may outlive the validity of either (apiserver
authentication/request/x509/x509.go).
"""

from typing import Protocol

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


class Authorities(Protocol):
    """A set of certificate authorities: authorities.py's CertificateAuthorities."""

    def fault(self, peer: PeerCertificate, now: int) -> str:
        """Return why the certificate is not accepted at ``now``, "" if it is."""
        ...


class X509Authenticator:
    """Authenticates clients that presented a certificate of ``authorities``.

    ``allowed_system_groups`` enables the check of reserved names: a certificate for a
    ``system:`` user, or for a ``system:`` group not listed, is refused. None trusts the
    CA with these names, as kube-apiserver does.
    """

    def __init__(
        self,
        authorities: Authorities,
        allowed_system_groups: frozenset[str] | None = None,
    ) -> None:
        self._authorities = authorities
        self._allowed_system_groups = allowed_system_groups

    async def authenticate(self, request: AuthenticationRequest) -> Identity | None:
        """Return the certificate's user; None without a certificate or a CN in it."""
        certificate = request.peer_certificate
        if certificate is None:
            return None
        verify(certificate, self._authorities, request.now)
        if not certificate.common_name:
            return None
        user = user_from(certificate)
        if self._allowed_system_groups is not None:
            fault = reserved_name(user, self._allowed_system_groups)
            if fault is not None:
                raise CertificateError(f"{_name(certificate)}: {fault}")
        return identify(user, method="x509")


def verify(certificate: PeerCertificate, authorities: Authorities, now: int) -> None:
    """Raise CertificateError unless ``authorities`` accept this client at ``now``."""
    if certificate.fault:
        raise CertificateError(f"{_name(certificate)}: {certificate.fault}")
    fault = authorities.fault(certificate, now)
    if fault:
        raise CertificateError(f"{_name(certificate)}: {fault}")


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
