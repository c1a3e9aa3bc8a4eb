"""Reads --kubeconfig: where the upstream is and who we are to it."""

import datetime
import os
from collections.abc import Mapping
from pathlib import Path

from auditproxy.apis.faults import Unusable
from auditproxy.files.trustedfile import Remarks, TrustedFile, passes_through
from auditproxy.kubeconfig.credentials import UpstreamTarget
from auditproxy.kubeconfig.frontproxy import with_front_proxy
from auditproxy.kubeconfig.upstream import Upstream, load_upstream
from auditproxy.options import Options
from auditproxy.tls.validity import period_fault

NO_UPSTREAM = "there is no upstream"
"""What a fault begins with where nothing says where the upstream is."""


def read_upstream(options: Options, remarks: Remarks) -> Upstream:
    """The upstream of the kubeconfig, or of the pod that we run in; raises Unusable."""
    upstream = _load(options, options.upstream.context)
    remarks.notes.append(f"the upstream is {upstream.source}")
    remarks.notes += upstream.warnings
    why = period_fault(upstream.certificate, datetime.datetime.now(datetime.UTC))
    if why and not passes_through(options):
        remarks.warnings.append(
            f"{upstream.source}: the client certificate {why}, and the API server refuses it; make "
            "the kubeconfig again"
        )
    known = options.authentication.client_ca_file or passes_through(options)
    if upstream.by_certificate and not known:
        remarks.warnings.append(
            f"{upstream.source} has a client certificate, but without --client-ca-file clients "
            "with a certificate are anonymous: give the authority that signed theirs; for kind, "
            "minikube and kubeadm that is the certificate-authority of this very kubeconfig"
        )
    return upstream


def read_upstream_again(options: Options, remarks: Remarks, current: Upstream) -> Upstream:
    """The upstream as the kubeconfig says now: the same context, the same server.

    ``kubectl config use-context`` must not switch a running proxy to another cluster.
    Raises Unusable.
    """
    upstream = _load(options, current.context)
    if _address(current.impersonating) != _address(upstream.impersonating):
        raise Unusable(f"--kubeconfig: {upstream.source} names another server; restart to use it")
    return upstream


def default_kubeconfig(environment: Mapping[str, str]) -> str:
    """The kubeconfig that kubectl would use, or "" for the pod's service account.

    Inside a pod without $KUBECONFIG the service account wins, as for any controller.
    """
    named = environment.get("KUBECONFIG", "")
    if named:
        return next((path for path in named.split(os.pathsep) if path), "")
    if environment.get("KUBERNETES_SERVICE_HOST"):
        return ""
    return str(Path.home() / ".kube" / "config")


def _may_exist(path: str) -> bool:
    """Whether a file is there; true where its folder cannot be searched: reading says why."""
    try:
        return Path(path).exists()
    except OSError:
        return True


def _load(options: Options, context: str) -> Upstream:
    path = options.upstream.kubeconfig or default_kubeconfig(os.environ)
    if path and not options.upstream.kubeconfig and not _may_exist(path):
        raise Unusable(
            f"{NO_UPSTREAM}: {path} does not exist and this is not a pod of a cluster; "
            "give --kubeconfig"
        )
    upstream = load_upstream(path, context)
    if options.upstream.upstream_identity != "request-header":
        return upstream
    return with_front_proxy(
        upstream,
        options.upstream.proxy_client_cert_file,
        options.upstream.proxy_client_key_file,
    )


def _address(target: UpstreamTarget) -> tuple[str, str, int, str]:
    return target.scheme, target.host, target.port, target.base_path


UPSTREAM = TrustedFile(
    flag="kubeconfig",
    field="upstream",
    read=read_upstream,
    paths=lambda _, upstream: upstream.files,
    again=read_upstream_again,
)
