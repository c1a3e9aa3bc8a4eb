"""The kube-apiserver behind the proxy, and how it learns who asks."""

import re
from dataclasses import dataclass

from auditproxy.apis.gotext import go_quote
from auditproxy.apis.units import SECOND
from auditproxy.options.values import choice

_EXTRA_KEY = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?/[a-z0-9]([a-z0-9._-]*[a-z0-9])?")

UPSTREAM_IDENTITIES = ("impersonate", "passthrough", "request-header")


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamOptions:
    """The kube-apiserver behind the proxy."""

    kubeconfig: str = ""
    """Path of the kubeconfig that names the upstream and our credential; "" stands for
    $KUBECONFIG, else the service account inside a pod, else ~/.kube/config."""
    context: str = ""
    """Context of the kubeconfig; "" is its current-context."""
    upstream_identity: str = "impersonate"
    """How the upstream learns who asks, one of UPSTREAM_IDENTITIES."""
    proxy_client_cert_file: str = ""
    """PEM file with our certificate as a front proxy, for request-header, or ""."""
    proxy_client_key_file: str = ""
    """PEM file with the key of ``proxy_client_cert_file``."""
    impersonation_original_user_extra: str = ""
    """Key of the extra field in which the upstream learns who impersonates, or ""."""
    impersonation_marker_extra: str = ""
    """``key=value`` of an extra that every forwarded request has beside its user's own, so that
    the API server can tell what came through the proxy; "" is none."""

    check_period: int = 30 * SECOND
    """Nanoseconds between two questions whether the upstream can serve; 0 asks none."""
    required: bool = False
    """Whether an upstream that cannot serve at the start ends the process."""

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
"""Domains whose extra keys kube-apiserver itself sets and believes."""


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
                "--proxy-client-key-file, a certificate of the authority that the kube-apiserver "
                "has as --requestheader-client-ca-file"
            )
    elif any(files):
        faults.append(
            "--proxy-client-cert-file and --proxy-client-key-file are used with "
            "--upstream-identity=request-header only; remove them, or give it"
        )
    if upstream.check_period < 0:
        faults.append("--upstream-check-period can not be negative value; 0 asks nothing")
    key = upstream.impersonation_original_user_extra
    if key and not _EXTRA_KEY.fullmatch(key):
        faults.append(
            f"--impersonation-original-user-extra {go_quote(key)} is no key of an extra field; "
            "give a name of yours below a domain, in lower case, as example.com/original-user"
        )
    elif key and upstream.upstream_identity == "passthrough":
        faults.append(
            "--impersonation-original-user-extra: with --upstream-identity=passthrough the "
            "kube-apiserver itself knows who impersonates; remove it"
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
            "server takes no extra of an impersonation from the proxy"
        )
    return faults
