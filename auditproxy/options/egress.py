"""Which way the proxy's own connections leave its network."""

from dataclasses import dataclass
from typing import Annotated

from auditproxy.options.declared import Declared


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressOptions:
    """Proxies that connections of ours go through."""

    selector_config_file: Annotated[
        str,
        Declared(
            "egress-selector-config-file",
            "path",
            "EgressSelectorConfiguration file of apiserver.k8s.io, as kube-apiserver reads it: the "
            "HTTP CONNECT proxy, over TCP with TLS or on a Unix socket, through which the audit "
            "webhook is reached (selection controlplane). Empty means directly.",
        ),
    ] = ""
