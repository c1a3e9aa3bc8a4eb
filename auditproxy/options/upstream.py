"""The kube-apiserver behind the proxy, and how it learns who asks."""

import re
from dataclasses import dataclass
from typing import Annotated

from auditproxy.apis.gotext import go_quote
from auditproxy.apis.units import SECOND
from auditproxy.options.declared import Declared
from auditproxy.options.values import choice

_EXTRA_KEY = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?/[a-z0-9]([a-z0-9._-]*[a-z0-9])?")

UPSTREAM_IDENTITIES = ("impersonate", "passthrough", "request-header")


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamOptions:
    """The kube-apiserver behind the proxy."""

    kubeconfig: Annotated[
        str,
        Declared(
            "kubeconfig",
            "path",
            "Kubeconfig with the address of the kube-apiserver and the proxy's own credential. "
            "Empty means $KUBECONFIG, else the service account inside a pod, else ~/.kube/config.",
        ),
    ] = ""
    context: Annotated[
        str,
        Declared(
            "context",
            "string",
            "Context of the kubeconfig to use. Empty means its current-context.",
        ),
    ] = ""
    upstream_identity: Annotated[
        str,
        Declared(
            "upstream-identity",
            "string",
            "How the proxy names the user to the kube-apiserver: impersonate (the proxy's "
            "credential with Impersonate-* headers), passthrough (the client's own bearer token) "
            "or request-header (X-Remote-* headers of a front proxy, with the certificate in "
            "--proxy-client-cert-file).",
            choices=UPSTREAM_IDENTITIES,
        ),
    ] = "impersonate"
    """One of UPSTREAM_IDENTITIES."""
    proxy_client_cert_file: Annotated[
        str,
        Declared(
            "proxy-client-cert-file",
            "path",
            "PEM file with the proxy's certificate as a front proxy, for "
            "--upstream-identity=request-header, issued by the authority in the kube-apiserver's "
            "--requestheader-client-ca-file.",
        ),
    ] = ""
    proxy_client_key_file: Annotated[
        str,
        Declared(
            "proxy-client-key-file",
            "path",
            "PEM file with the private key of --proxy-client-cert-file.",
        ),
    ] = ""
    impersonation_original_user_extra: Annotated[
        str,
        Declared(
            "impersonation-original-user-extra",
            "string",
            "Key of an extra field, such as example.com/original-user, that names the "
            "impersonating user to the kube-apiserver. Clients cannot set it. Empty sends none.",
        ),
    ] = ""
    impersonation_marker_extra: Annotated[
        str,
        Declared(
            "impersonation-marker-extra",
            "string",
            "Extra field, as key=value, on every forwarded request, such as "
            "auditproxy.io/via=auditproxy, so that an admission policy can refuse requests that "
            "bypassed the proxy. Clients that send this key themselves are refused. Empty means "
            "none.",
        ),
    ] = ""
    check_period: Annotated[
        int,
        Declared(
            "upstream-check-period",
            "duration",
            "How often the proxy checks that the kube-apiserver answers, accepts its credential "
            "and allows impersonation; /readyz follows the result. Checked sooner after "
            "failures. At least 1s; 0 disables the check.",
        ),
    ] = 30 * SECOND
    required: Annotated[
        bool,
        Declared(
            "require-upstream",
            "bool",
            "Exit at once with code 1 if the kube-apiserver cannot serve requests at the start. "
            "Otherwise the proxy starts, is not ready, and keeps checking.",
        ),
    ] = False

    def marker(self) -> tuple[str, str] | None:
        """Key and value of the marker; raises ValueError where there is no ``=``."""
        if not self.impersonation_marker_extra:
            return None
        key, equals, value = self.impersonation_marker_extra.partition("=")
        if not equals:
            raise ValueError("the marker is not key=value")
        return key, value


_MARKER = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)/[a-z0-9._-]+=[!-~]+")
"""A key as of an annotation, with its domain: header names keep no case, so it has no capitals."""

_RESERVED = re.compile(r"(?:[^/]*\.)?(?:k8s|kubernetes)\.io/")
"""Domains whose extra keys kube-apiserver itself sets and trusts."""


def upstream_faults(upstream: UpstreamOptions) -> list[str]:
    """Faults of the settings of the upstream."""
    faults = [
        *choice("upstream-identity", upstream.upstream_identity, UPSTREAM_IDENTITIES),
        *_marker_faults(upstream),
    ]
    files = upstream.proxy_client_cert_file, upstream.proxy_client_key_file
    if upstream.upstream_identity == "request-header":
        if not all(files):
            faults.append(
                "--upstream-identity=request-header needs --proxy-client-cert-file and "
                "--proxy-client-key-file, a certificate from the authority in the "
                "kube-apiserver's --requestheader-client-ca-file"
            )
    elif any(files):
        faults.append(
            "--proxy-client-cert-file and --proxy-client-key-file are used with "
            "--upstream-identity=request-header only; remove them, or give it"
        )
    if upstream.check_period < 0:
        faults.append("--upstream-check-period can not be negative value; 0 disables the check")
    elif 0 < upstream.check_period < SECOND:
        faults.append("--upstream-check-period must be at least 1s, or 0 to disable the check")
    key = upstream.impersonation_original_user_extra
    if key and not _EXTRA_KEY.fullmatch(key):
        faults.append(
            f"--impersonation-original-user-extra {go_quote(key)} is not a valid key of an extra "
            f"field; give a lower-case name below your domain, such as example.com/original-user"
        )
    elif key and upstream.upstream_identity == "passthrough":
        faults.append(
            "--impersonation-original-user-extra: with --upstream-identity=passthrough the "
            "kube-apiserver itself knows the impersonating user; remove it"
        )
    return faults


def _marker_faults(upstream: UpstreamOptions) -> list[str]:
    """Faults of the marker."""
    marker = upstream.impersonation_marker_extra
    if not marker:
        return []
    faults = []
    if not _MARKER.fullmatch(marker):
        faults.append(
            f"invalid --impersonation-marker-extra {go_quote(marker)}, must be key=value with a "
            "key such as auditproxy.io/via in lower case and a value of visible ASCII characters"
        )
    elif _RESERVED.match(marker):
        faults.append(
            f"invalid --impersonation-marker-extra {go_quote(marker)}, keys below k8s.io and "
            "kubernetes.io are kube-apiserver's own"
        )
    key = marker.partition("=")[0]
    if key and key == upstream.impersonation_original_user_extra:
        faults.append(
            "--impersonation-marker-extra and --impersonation-original-user-extra have the same "
            "key; give each its own"
        )
    if upstream.upstream_identity != "impersonate":
        faults.append(
            "--impersonation-marker-extra needs --upstream-identity=impersonate: otherwise the API "
            "server accepts no extra fields from the proxy"
        )
    return faults
