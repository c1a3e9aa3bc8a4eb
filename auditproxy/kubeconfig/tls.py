"""The TLS side of the upstream: contexts as Go's client would have them.

HTTP/1.1 is the only protocol offered. Certificates without an Authority Key
Identifier are good, as they are for kube-apiserver's own clients.
"""

import re
import ssl
from dataclasses import dataclass

from auditproxy.kubeconfig.credentials import CredentialError
from auditproxy.tls.pem import load_pair

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


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
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # As Go, which does not ask for an Authority Key Identifier.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.set_alpn_protocols(["http/1.1"])
    if not tls.verify:
        if tls.ca:
            raise CredentialError(
                f"{source}: insecure-skip-tls-verify excludes certificate-authority; remove one"
            )
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif tls.ca:
        try:
            # Bundles have comments in any encoding between the certificates.
            bundle = b"\n".join(_CERTIFICATE.findall(tls.ca)) + b"\n"
            context.load_verify_locations(cadata=bundle.decode("ascii"))
        except (ssl.SSLError, ValueError):
            raise CredentialError(
                f"{source}: the certificate-authority holds no PEM certificate"
            ) from None
    else:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if tls.certificate or tls.key:
        if not (tls.certificate and tls.key):
            raise CredentialError(f"{source}: client-certificate and client-key must both be given")
        load_chain(context, tls.certificate, tls.key, source)
    return context


def load_chain(context: ssl.SSLContext, certificate: bytes, key: bytes, source: str) -> None:
    """Load our own certificate; raises CredentialError naming ``source``."""
    try:
        load_pair(context, certificate, key)
    except (ssl.SSLError, ValueError):
        raise CredentialError(
            f"{source}: the client certificate and its key are not a PEM pair without password"
        ) from None
    except OSError as error:
        raise CredentialError(
            f"{source}: the client certificate cannot be loaded: {error.strerror}"
        ) from None
