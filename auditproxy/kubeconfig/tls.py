"""The TLS side of the upstream: what a kubeconfig says of it, and contexts made of that."""

import ssl
from dataclasses import dataclass

from auditproxy.kubeconfig.credentials import CredentialError
from auditproxy.tls.client import client_context
from auditproxy.tls.pem import load_pair


@dataclass(frozen=True, slots=True, repr=False)
class TlsMaterial:
    """What a TLS context is made of; PEM bytes, empty where there is none."""

    ca: bytes = b""
    certificate: bytes = b""
    key: bytes = b""
    verify: bool = True

    def without_certificate(self) -> "TlsMaterial":
        """The same, proving nothing about ourselves."""
        return TlsMaterial(ca=self.ca, verify=self.verify)


def new_ssl_context(tls: TlsMaterial, source: str) -> ssl.SSLContext:
    """A context for connections to the upstream; raises CredentialError naming ``source``."""
    if tls.ca and not tls.verify:
        raise CredentialError(
            f"{source}: insecure-skip-tls-verify excludes certificate-authority; remove one"
        )
    try:
        context = client_context(tls.ca, verify=tls.verify)
    except (ssl.SSLError, ValueError):
        raise CredentialError(
            f"{source}: the certificate-authority holds no PEM certificate; name a PEM bundle"
        ) from None
    if tls.certificate or tls.key:
        if not (tls.certificate and tls.key):
            raise CredentialError(
                f"{source}: client-certificate and client-key must both be given; add the other"
            )
        load_chain(context, tls.certificate, tls.key, source)
    return context


def load_chain(context: ssl.SSLContext, certificate: bytes, key: bytes, source: str) -> None:
    """Load our own certificate; raises CredentialError naming ``source``."""
    try:
        load_pair(context, certificate, key)
    except (ssl.SSLError, ValueError):
        raise CredentialError(
            f"{source}: the client certificate and its key are not a PEM pair without password; "
            "give the key of this certificate"
        ) from None
    except OSError as error:
        raise CredentialError(
            f"{source}: the client certificate cannot be loaded: {error.strerror}"
        ) from None
