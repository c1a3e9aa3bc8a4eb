"""The TLS side of the listener: its certificate, and whose client certificates it asks for."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509

from auditproxy.apis.faults import Unusable
from auditproxy.tls.handshake import ServingContext
from auditproxy.tls.pem import load_pair
from auditproxy.tls.trust import trust

TLS_VERSIONS = {
    "VersionTLS10": ssl.TLSVersion.TLSv1,
    "VersionTLS11": ssl.TLSVersion.TLSv1_1,
    "VersionTLS12": ssl.TLSVersion.TLSv1_2,
    "VersionTLS13": ssl.TLSVersion.TLSv1_3,
}


class ServingError(Unusable):
    """The listener or its certificates cannot be used; the text says why and the fix."""


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A serving certificate with its intermediates, and its key; both are PEM."""

    certificate: bytes
    private_key: bytes = field(repr=False)


def read_key_pair(certificate: str, private_key: str) -> KeyPair:
    """Read both files and see that they belong together.

    Raises ServingError with the reason; the caller names the files.
    """
    try:
        pair = KeyPair(Path(certificate).read_bytes(), Path(private_key).read_bytes())
        load_pair(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), pair.certificate, pair.private_key)
    except (OSError, ValueError) as error:
        raise ServingError(_why_no_pair(error)) from None
    return pair


def _why_no_pair(error: OSError | ValueError) -> str:
    """Why a certificate and a key were not taken, with the fix where OpenSSL names only itself."""
    if isinstance(error, ssl.SSLError):
        if error.reason == "KEY_VALUES_MISMATCH":
            return "the key does not match the certificate; give the matching key"
        if not error.reason:  # what OpenSSL says of every PEM file that it cannot read
            return (
                "the first file has no PEM certificate, or the second no unencrypted PEM key; "
                "check that they are not swapped"
            )
    return str(getattr(error, "strerror", None) or error)


def certificate_end(pair: KeyPair) -> float | None:
    """When the certificate ends, seconds since the epoch; None for one that cannot be read."""
    try:
        return x509.load_pem_x509_certificate(pair.certificate).not_valid_after_utc.timestamp()
    except ValueError:
        return None


def new_serving_context(
    pair: KeyPair, *, client_authorities: bytes, minimum: str
) -> ServingContext:
    """The TLS settings of the client's side; raises ServingError.

    ``client_authorities`` are PEM bundles, together all that the handshake lets
    pass: which of them makes a user is the authenticators' matter. Tickets are
    off: a resumed session would carry a client certificate past a change of the
    authorities, and client-go does not resume anyway.
    """
    context = _context(pair, client_authorities, minimum)
    if client_authorities:
        context.name_authorities()

        def make_again() -> ServingContext:
            again = _context(pair, client_authorities, minimum)
            again.authorities = context.authorities
            again.authorities_source = context.authorities_source
            again.certificate_source = context.certificate_source
            return again

        context.make_again = make_again
    return context


def _context(pair: KeyPair, client_authorities: bytes, minimum: str) -> ServingContext:
    context = ServingContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = TLS_VERSIONS[minimum]
    context.set_alpn_protocols(["http/1.1"])
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    try:
        load_pair(context, pair.certificate, pair.private_key)
        if client_authorities:
            trust(context, client_authorities)
            context.verify_mode = ssl.CERT_OPTIONAL
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ServingError(f"the serving TLS settings cannot be used: {why}") from None
    return context
