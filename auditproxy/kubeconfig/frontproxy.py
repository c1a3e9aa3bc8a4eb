"""The upstream as a front proxy speaks to it: with a certificate that proves to be one."""

from dataclasses import replace
from pathlib import Path

from auditproxy.apis.faults import why_unread
from auditproxy.kubeconfig.credentials import CredentialError, UpstreamTarget
from auditproxy.kubeconfig.tls import new_ssl_context
from auditproxy.kubeconfig.upstream import Upstream


def with_front_proxy(upstream: Upstream, certificate: str, key: str) -> Upstream:
    """The upstream with a target of its own for --upstream-identity=request-header.

    Its connections authenticate the front proxy and nothing else: the
    kubeconfig's own certificate and token stay away from them. Reads both files; raises
    CredentialError.
    """
    source = f"--proxy-client-cert-file {certificate} and --proxy-client-key-file {key}"
    plain = upstream.passthrough
    if plain.ssl_context is None:
        raise CredentialError(
            "--upstream-identity=request-header needs an https:// server: "
            "without TLS the API server cannot authenticate the front proxy"
        )
    pair = []
    for flag, path in (("--proxy-client-cert-file", certificate), ("--proxy-client-key-file", key)):
        try:
            pair.append(Path(path).read_bytes())
        except OSError as error:
            raise CredentialError(f"{flag} {path} cannot be read: {why_unread(error)}") from None
    tls = replace(upstream.tls, certificate=pair[0], key=pair[1])
    target: UpstreamTarget = replace(plain, ssl_context=new_ssl_context(tls, source))
    return replace(upstream, front_proxy=target, files=(*upstream.files, certificate, key))
