"""TLS contexts of our own requests, as a Go client's would be."""

import ssl

from auditproxy.tls.sslobject import LeanSSLObject
from auditproxy.tls.trust import trust, trust_as_go


def client_context(bundle: bytes = b"", *, verify: bool = True) -> ssl.SSLContext:
    """TLS 1.2 or later, only HTTP/1.1 offered; the server's name and certificate are verified.

    ``bundle`` are the authorities as PEM, b"" for the system's. Without ``verify`` any
    certificate will do. Raises ssl.SSLError and ValueError for an invalid bundle.
    """
    context = trusting_nobody()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif bundle:
        trust(context, bundle)
    else:
        trust_as_go(context)
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    return context


def trusting_nobody() -> ssl.SSLContext:
    """The same without any authority: every handshake fails."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslobject_class = LeanSSLObject
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
