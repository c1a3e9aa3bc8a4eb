"""The kube-apiserver behind the proxy, and how it learns who asks."""

import re
from dataclasses import dataclass

from auditproxy.options.values import choice, quote

UPSTREAM_IDENTITIES = ("impersonate", "passthrough")


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
    impersonation_marker_extra: str = ""
    """``key=value`` of an extra that every forwarded request has beside its user's own, so that
    the API server can tell what came through the proxy; "" is none."""

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
    return [
        *choice("upstream-identity", upstream.upstream_identity, UPSTREAM_IDENTITIES),
        *_marker_faults(upstream),
    ]


def _marker_faults(upstream: UpstreamOptions) -> list[str]:
    """Faults of the marker."""
    marker = upstream.impersonation_marker_extra
    if not marker:
        return []
    faults = []
    if not _MARKER.fullmatch(marker):
        faults.append(
            f"invalid --impersonation-marker-extra {quote(marker)}, must be key=value with a key "
            "such as auditproxy.io/via in lower case and a value of visible ASCII characters"
        )
    elif _RESERVED.match(marker):
        faults.append(
            f"invalid --impersonation-marker-extra {quote(marker)}, keys below k8s.io and "
            "kubernetes.io are kube-apiserver's own"
        )
    if upstream.upstream_identity != "impersonate":
        faults.append(
            "--impersonation-marker-extra needs --upstream-identity=impersonate: with the client's "
            "own token the API server takes no extra from the proxy"
        )
    return faults
