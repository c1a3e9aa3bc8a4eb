"""The listener's TLS settings, of the serving certificate and whose clients it lets pass."""

from auditproxy.files.files import Files
from auditproxy.options import Options
from auditproxy.tls.handshake import ServingContext
from auditproxy.tls.serving import new_serving_context


def listener_context(options: Options, files: Files) -> ServingContext | None:
    """The TLS settings of the listener; None without a certificate. Raises ServingError."""
    if files.certificate is None:
        return None
    authorities = [
        each.pem
        for each in (files.client_authorities, files.front_proxy_authorities)
        if each is not None
    ]
    return new_serving_context(
        files.certificate.pair,
        client_authorities=b"\n".join(authorities),
        minimum=options.serving.tls_min_version,
    )
