"""Whom our TLS connections trust, by the rules of Go's crypto/x509."""

import ssl

from auditproxy.serializer.pem import certificates


def trust(context: ssl.SSLContext, bundle: bytes) -> None:
    """Verify peers against each certificate of a PEM bundle, self-signed or not.

    The bundle may have comments in any encoding. Raises ssl.SSLError and ValueError for one
    that has no certificate or one that cannot be read.
    """
    trust_as_go(context)
    text = b"\n".join((*certificates(bundle), b""))
    context.load_verify_locations(cadata=text.decode("ascii"))
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN


def trust_as_go(context: ssl.SSLContext) -> None:
    """Accept certificates without an Authority Key Identifier, as Go does and Python 3.13 not."""
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
