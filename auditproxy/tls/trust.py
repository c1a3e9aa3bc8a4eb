"""The certificates that our TLS connections trust, by the rules of Go's crypto/x509."""

import ssl

from auditproxy.serializer.pem import certificates


def trust(context: ssl.SSLContext, bundle: bytes) -> None:
    """Verify peers against each certificate of a PEM bundle, self-signed or not.

    The bundle may have comments in any encoding. Raises ssl.SSLError and ValueError for one
    that has no certificate or one that cannot be read.
    """
    trust_as_go(context)
    found = certificates(bundle)
    if not found:
        raise ValueError("no PEM certificate among the authorities")
    # One by one: loading a large bundle in one call would keep the interpreter's lock for tens of
    # milliseconds.
    for certificate in found:
        context.load_verify_locations(cadata=(certificate + b"\n").decode("ascii"))
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN


def trust_as_go(context: ssl.SSLContext) -> None:
    """Accept certificates without an Authority Key Identifier, as Go does and Python 3.13 not."""
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
