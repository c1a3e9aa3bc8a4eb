"""Kubeconfig: reading the upstream's address and our credential from a file, or from inside a pod.

    load_upstream(path, context) -> Upstream
        impersonating    target with our client certificate, if there is one
        passthrough      the same target without it: a certificate of ours would turn
                         every user into us, as kube-apiserver looks at it first
        credential       our own token, password or exec plugin

The ``kubernetes`` package reads and merges the files and runs exec plugins; it
is imported only here, when it is needed. Of several ways to log in the first
counts: tokenFile, token, exec, username and password; a client certificate is
used beside them.
"""

import base64
import binascii
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from auditproxy.server.credentials import (
    Credential,
    CredentialError,
    ExecCredential,
    ExecResult,
    FileCredential,
    NoCredential,
    StaticCredential,
    UpstreamTarget,
    bearer,
    expiry,
)
from auditproxy.server.upstream_tls import TlsMaterial, load_chain, new_ssl_context

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class Upstream:
    """The upstream of one configuration; ``source`` says of which, for the start-up line.

    ``context`` is the name of the context that was taken, "" in a pod. ``files``
    are those that were read, by whose content a change shows. ``tls`` is that of
    ``passthrough``; ``front_proxy`` is what server/frontproxy.py makes of it.
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
    if not token_file.is_file():
        raise CredentialError(
            f"{source} has no token: set automountServiceAccountToken, or give --kubeconfig"
        )
    name = f"[{host}]" if ":" in host else host
    ca = _read_bytes(str(ca_file), source)
    tls = TlsMaterial(ca=ca)
    target = _target(f"https://{name}:{port}", "", source, tls)
    # The token is renewed by its credential, without a new pool.
    credential, files = FileCredential(token_file), (str(ca_file),)
    return Upstream(target, target, credential, source, files=files, tls=tls)


def _from_file(path: str, context: str) -> Upstream:
    source = f"kubeconfig {path}"
    cluster, user, context = _select(path, context, source)
    source = f"kubeconfig {path}, context {context!r}"
    server = _text(cluster, "server", source)
    if not server:
        raise CredentialError(f"{source}: the cluster has no server; set clusters[].cluster.server")
    if _text(cluster, "proxy-url", source):
        raise CredentialError(
            f"{source}: proxy-url is not supported; reach the API server directly and remove it"
        )
    for key in ("as", "as-uid", "as-groups", "as-user-extra"):
        if user.get(key):
            raise CredentialError(
                f"{source}: the user has {key!r}, auditproxy impersonates its clients; remove it"
            )
    if user.get("auth-provider"):
        raise CredentialError(
            f"{source}: auth-provider is gone from Kubernetes; use an exec plugin or a token"
        )
    tls = TlsMaterial(
        ca=_file_or_data(cluster, "certificate-authority", source),
        certificate=_file_or_data(user, "client-certificate", source),
        key=_file_or_data(user, "client-key", source),
        verify=not cluster.get("insecure-skip-tls-verify"),
    )
    server_name = _text(cluster, "tls-server-name", source)
    impersonating = _target(server, server_name, source, tls)
    plain_tls = tls.without_certificate()
    passthrough = _target(server, server_name, source, plain_tls)
    warnings = []
    if impersonating.ssl_context is None:
        warnings.append(f"{source}: the server is http://, credentials travel in clear text")
    elif not tls.verify:
        warnings.append(f"{source}: insecure-skip-tls-verify, anybody can pose as the API server")
    credential = _credential(user, cluster, impersonating, source)
    parts = (str(Path(part).expanduser()) for part in path.split(os.pathsep) if part)
    named = (
        str(entry.directory / entry[key])
        for entry, key in (
            (cluster, "certificate-authority"),
            (user, "client-certificate"),
            (user, "client-key"),
        )
        if entry.get(key) and not entry.get(f"{key}-data")
    )
    return Upstream(
        impersonating,
        passthrough,
        credential,
        source,
        warnings=tuple(warnings),
        context=context,
        files=(*parts, *named),
        tls=plain_tls,
    )


class _Entry(dict[str, Any]):
    """A cluster or user of a kubeconfig, and the file it stands in."""

    def __init__(self, value: Mapping[str, Any], path: str) -> None:
        super().__init__(value)
        self.directory = Path(path).absolute().parent


def _select(path: str, context: str, source: str) -> tuple[_Entry, _Entry, str]:
    """The cluster and the user of one context, and the context's name."""
    from kubernetes.config.config_exception import ConfigException
    from kubernetes.config.kube_config import KubeConfigMerger

    if not any(Path(part).expanduser().exists() for part in path.split(os.pathsep) if part):
        raise CredentialError(f"{source} does not exist; correct --kubeconfig")
    try:
        config = KubeConfigMerger(path).config  # type: ignore[no-untyped-call]
        if config is None:
            raise CredentialError(f"{source} is empty")
        context = context or config.safe_get("current-context")
        if not context or not isinstance(context, str):
            raise CredentialError(f"{source} has no current-context; give --context or set it")
        chosen = config["contexts"].get_with_name(context)["context"]
        cluster = config["clusters"].get_with_name(chosen["cluster"])
        name = chosen.safe_get("user")
        user = config["users"].get_with_name(name) if name else None
        return (
            _Entry(cluster.value["cluster"], cluster.path or path),
            _Entry((user.value["user"] or {}) if user else {}, (user and user.path) or path),
            context,
        )
    except ConfigException:
        # Its text may show parts of the file.
        raise CredentialError(
            f"{source}: the context {context!r}, its cluster or its user is not in the file "
            "exactly once; see `kubectl config view`"
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark is not None else ""
        raise CredentialError(f"{source} is not valid YAML{place}") from None
    except OSError as error:
        raise CredentialError(f"{source} cannot be read: {error.strerror}") from None
    except (AttributeError, KeyError, TypeError, ValueError):
        raise CredentialError(f"{source} is not a kubeconfig; see `kubectl config view`") from None


def _text(entry: Mapping[str, Any], key: str, source: str) -> str:
    value = entry.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise CredentialError(f"{source}: {key} is not a string")
    return value


def _file_or_data(entry: _Entry, key: str, source: str) -> bytes:
    """The bytes of ``<key>-data``, or of the file that ``<key>`` names, or none."""
    data = _text(entry, f"{key}-data", source)
    if data:
        try:
            return base64.b64decode("".join(data.split()), validate=True)
        except (binascii.Error, ValueError):
            raise CredentialError(f"{source}: {key}-data is not base64") from None
    name = _text(entry, key, source)
    return _read_bytes(str(entry.directory / name), source) if name else b""


def _read_bytes(path: str, source: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CredentialError(f"{source}: cannot read {path}: {error.strerror}") from None


def _credential(user: _Entry, cluster: _Entry, target: UpstreamTarget, source: str) -> Credential:
    token_file = _text(user, "tokenFile", source)
    if token_file:
        return FileCredential(user.directory / token_file)
    token = _text(user, "token", source)
    if token:
        return StaticCredential("token", bearer(token.encode(), source))
    if user.get("exec"):
        return _exec_credential(user, cluster, target, source)
    name, password = _text(user, "username", source), _text(user, "password", source)
    if name:
        pair = base64.b64encode(f"{name}:{password}".encode())
        return StaticCredential("basic", b"Basic " + pair)
    return NoCredential()


def _exec_credential(
    user: _Entry, cluster: _Entry, target: UpstreamTarget, source: str
) -> ExecCredential:
    from kubernetes.config.config_exception import ConfigException
    from kubernetes.config.exec_provider import ExecProvider
    from kubernetes.config.kube_config import ConfigNode

    node = ConfigNode("exec", user["exec"])  # type: ignore[no-untyped-call]
    try:
        command = str(node["command"])
        provider = ExecProvider(  # type: ignore[no-untyped-call]
            node,
            str(user.directory),
            ConfigNode("cluster", dict(cluster)),  # type: ignore[no-untyped-call]
        )
    except (ConfigException, AttributeError, KeyError, TypeError):
        raise CredentialError(
            f"{source}: exec needs command and apiVersion, args and env as lists"
        ) from None
    plugin = f"the exec plugin {command!r} of {source}"

    def run() -> ExecResult:
        try:
            status = provider.run()  # type: ignore[no-untyped-call]
        except OSError as error:
            raise CredentialError(
                f"{plugin} cannot be run: {error.strerror}; install it or correct exec.command"
            ) from None
        except ConfigException as error:
            # What follows may be the plugin's own output: a secret, perhaps.
            code = re.match(r"exec: process returned -?[0-9]+", str(error))
            why = code.group().removeprefix("exec: process ") if code else "gave no ExecCredential"
            raise CredentialError(f"{plugin} {why}; run it by hand to see why") from None
        except (KeyError, TypeError, ValueError):
            raise CredentialError(
                f"{plugin} gave no ExecCredential; run it by hand to see why"
            ) from None
        return _exec_result(status, plugin)

    def load_certificate(certificate: str, key: str) -> None:
        if target.ssl_context is not None:
            load_chain(target.ssl_context, certificate.encode(), key.encode(), plugin)

    return ExecCredential(command, run, load_certificate)


def _exec_result(status: Any, plugin: str) -> ExecResult:
    if not isinstance(status, dict):
        raise CredentialError(f"{plugin} gave no status")
    token = status.get("token") or ""
    certificate = status.get("clientCertificateData") or ""
    key = status.get("clientKeyData") or ""
    if not all(isinstance(text, str) for text in (token, certificate, key)):
        raise CredentialError(f"{plugin} gave a status whose members are not strings")
    if not token and not (certificate and key):
        raise CredentialError(f"{plugin} gave neither a token nor a certificate with its key")
    return ExecResult(token, certificate, key, expiry(status.get("expirationTimestamp"), plugin))


def _target(server: str, server_name: str, source: str, tls: TlsMaterial) -> UpstreamTarget:
    if "://" not in server:
        server = f"https://{server}"
    try:
        url = urlsplit(server)
        port, host = url.port, url.hostname
    except ValueError:
        raise CredentialError(f"{source}: the server is not a URL") from None
    if url.scheme not in ("http", "https") or not host or not host.isascii():
        raise CredentialError(f"{source}: the server is not an http or https URL")
    if url.username is not None or url.query or url.fragment:
        raise CredentialError(
            f"{source}: the server's URL has a user, a query or a fragment; remove it"
        )
    if not re.fullmatch(r"[A-Za-z0-9/._~-]*", url.path):
        raise CredentialError(f"{source}: the path of the server's URL has unusual characters")
    secure = url.scheme == "https"
    return UpstreamTarget(
        host=host,
        port=port or (443 if secure else 80),
        scheme=url.scheme,
        server_name=server_name or host,
        base_path=url.path.rstrip("/"),
        ssl_context=new_ssl_context(tls, source) if secure else None,
    )
