"""The listener's TLS settings, of the serving certificate and whose clients it lets pass."""

from auditproxy.files.files import Files
from auditproxy.options import Options
from auditproxy.tls.handshake import ServingContext
from auditproxy.tls.serving import new_serving_context


def listener_context(options: Options, files: Files) -> ServingContext | None:
    """The TLS settings of the listener; None without a certificate. Raises ServingError."""
    if files.certificate is None:
        return None
    authorities = {
        flag: each.pem
        for flag, each in (
            ("--client-ca-file", files.client_authorities),
            ("--requestheader-client-ca-file", files.front_proxy_authorities),
        )
        if each is not None
    }
    context = new_serving_context(
        files.certificate.pair,
        client_authorities=b"\n".join(authorities.values()),
        minimum=options.serving.tls_min_version,
    )
    context.authorities_source = " or ".join(authorities)
    context.certificate_source = "--tls-cert-file"
    return context
