"""Kubeconfig: reading the upstream's address and our credential from a file, or from inside a pod.

    load_upstream(path, context) -> Upstream
        impersonating    target with our client certificate, if there is one
        passthrough      the same target without it: kube-apiserver checks certificates
                         first, so ours would make every user the proxy's own
        credential       our own token, password or exec plugin

The ``kubernetes`` package reads and merges the files and runs exec plugins; it
is imported only here, when it is needed. Of several ways to log in the first
of these applies: tokenFile, token, exec, username and password; a client certificate
is used besides them.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from auditproxy.kubeconfig.credentials import (
    Credential,
    CredentialError,
    FileCredential,
    UpstreamTarget,
)
from auditproxy.kubeconfig.document import (
    read_bytes,
    refuse_foreign,
    select,
    source_files,
    text_of,
    tls_material,
)
from auditproxy.kubeconfig.tls import TlsMaterial, new_ssl_context
from auditproxy.kubeconfig.user import check_credential, credential_of

_FIX = "set clusters[].cluster.server to one such as https://10.0.0.1:6443"

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class Upstream:
    """The upstream of one configuration; ``source`` says of which, for the start-up line.

    ``context`` is the name of the context that was taken, "" in a pod; ``by_certificate``
    says that its user logs in with a client certificate, ``certificate``. ``files``
    are those that were read, by whose content a change shows. ``tls`` is that of
    ``passthrough``; ``front_proxy`` is what kubeconfig/frontproxy.py makes of it.
    """

    impersonating: UpstreamTarget
    passthrough: UpstreamTarget
    credential: Credential
    source: str
    warnings: tuple[str, ...] = ()
    context: str = ""
    files: tuple[str, ...] = ()
    tls: TlsMaterial = field(default_factory=TlsMaterial, repr=False)
    front_proxy: UpstreamTarget | None = None
    by_certificate: bool = False
    certificate: bytes = field(default=b"", repr=False)


def load_upstream(
    path: str,
    context: str = "",
    *,
    environment: Mapping[str, str] | None = None,
    service_account: Path = SERVICE_ACCOUNT,
) -> Upstream:
    """Read the upstream from the kubeconfig at ``path``, or from the pod we run in when it is "".

    ``context`` "" is the file's current-context. Reads files and never connects;
    an exec plugin is run when its credential is first asked for. Raises CredentialError.
    """
    environment = os.environ if environment is None else environment
    return _from_file(path, context) if path else _in_cluster(environment, service_account)


def _in_cluster(environment: Mapping[str, str], service_account: Path) -> Upstream:
    host = environment.get("KUBERNETES_SERVICE_HOST", "")
    port = environment.get("KUBERNETES_SERVICE_PORT", "")
    if not host or not port:
        raise CredentialError(
            "no kubeconfig is given and KUBERNETES_SERVICE_HOST is not set: "
            "give --kubeconfig, or run inside a pod"
        )
    source = f"the service account in {service_account}"
    token_file, ca_file = service_account / "token", service_account / "ca.crt"
    try:
        has_token = token_file.is_file()
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        raise CredentialError(
            f"{source} cannot be read: {why}; let the proxy's user search this folder"
        ) from None
    if not has_token:
        raise CredentialError(
            f"{source} has no token: set automountServiceAccountToken, or give --kubeconfig"
        )
    name = f"[{host}]" if ":" in host else host
    ca = read_bytes(str(ca_file), source)
    tls = TlsMaterial(ca=ca)
    target = _target(f"https://{name}:{port}", "", source, tls)
    # The token is renewed by its credential, without a new pool.
    credential, files = FileCredential(token_file), (str(ca_file),)
    return Upstream(target, target, credential, source, files=files, tls=tls)


def _from_file(path: str, context: str) -> Upstream:
    source = f"kubeconfig {path}"
    cluster, user, context = select(path, context, source, "--kubeconfig")
    source = f"kubeconfig {path}, context {context!r}"
    server = text_of(cluster, "server", source)
    if not server:
        raise CredentialError(f"{source}: the cluster has no server; set clusters[].cluster.server")
    if text_of(cluster, "proxy-url", source):
        raise CredentialError(
            f"{source}: proxy-url is not supported; reach the API server directly and remove it"
        )
    refuse_foreign(user, source)
    tls = tls_material(cluster, user, source)
    server_name = text_of(cluster, "tls-server-name", source)
    impersonating = _target(server, server_name, source, tls)
    plain_tls = tls.without_certificate()
    passthrough = _target(server, server_name, source, plain_tls)
    warnings = []
    if impersonating.ssl_context is None:
        warnings.append(f"{source}: the server is http://, credentials travel in clear text")
    elif not tls.verify:
        warnings.append(
            f"{source}: insecure-skip-tls-verify, any server can impersonate the API server"
        )
    credential = credential_of(user, cluster, impersonating.ssl_context, source)
    check_credential(credential, user, source)
    return Upstream(
        impersonating,
        passthrough,
        credential,
        source,
        warnings=tuple(warnings),
        context=context,
        files=source_files(path, cluster, user),
        tls=plain_tls,
        by_certificate=bool(tls.certificate),
        certificate=tls.certificate,
    )


def _target(server: str, server_name: str, source: str, tls: TlsMaterial) -> UpstreamTarget:
    if "://" not in server:
        server = f"https://{server}"
    try:
        url = urlsplit(server)
        port, host = url.port, url.hostname
    except ValueError:
        raise CredentialError(f"{source}: the server is not a URL; {_FIX}") from None
    if url.scheme not in ("http", "https") or not host or not host.isascii():
        raise CredentialError(f"{source}: the server is not an http or https URL; {_FIX}")
    if url.username is not None or url.query or url.fragment:
        raise CredentialError(
            f"{source}: the server's URL has a user, a query or a fragment; remove it"
        )
    if not re.fullmatch(r"[A-Za-z0-9/._~-]*", url.path):
        raise CredentialError(
            f"{source}: the path of the server's URL has unusual characters; {_FIX}"
        )
    secure = url.scheme == "https"
    return UpstreamTarget(
        host=host,
        port=port or (443 if secure else 80),
        scheme=url.scheme,
        server_name=server_name or host,
        base_path=url.path.rstrip("/"),
        ssl_context=new_ssl_context(tls, source) if secure else None,
    )
