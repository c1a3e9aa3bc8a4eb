"""The kube-apiserver behind the proxy, and how it learns who asks."""

from dataclasses import dataclass

from auditproxy.options.values import choice

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


def upstream_faults(upstream: UpstreamOptions) -> list[str]:
    """Faults of the settings of the upstream."""
    return choice("upstream-identity", upstream.upstream_identity, UPSTREAM_IDENTITIES)
