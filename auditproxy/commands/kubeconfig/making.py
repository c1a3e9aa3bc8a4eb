"""Makes a kubeconfig that sends a context's user to the proxy.

    context NAME = user of an existing context, copied + cluster NAME = the proxy and its CA

The user is copied as it is (token, tokenFile, exec, auth-provider, client
certificate), with relative paths made absolute, so that the result works from
any folder. The text holds whatever secret the user's entry holds.
"""

import base64
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from auditproxy.apis.faults import Unusable, why_unread
from auditproxy.commands.kubeconfig.command import CERTIFICATE_NAME, FLAGS
from auditproxy.kubeconfig.merging import LISTS, Document, MalformedError, Named, merge, read
from auditproxy.serializer.pem import certificates

_USER_FILES = ("client-certificate", "client-key")


class KubeconfigError(Unusable):
    """Settings or files that cannot be used; the text names the flag or the file, and the fix."""


@dataclass(frozen=True, slots=True)
class ProxyKubeconfig:
    """The kubeconfig as YAML, and lines to print beside it: warnings, and what is to be known."""

    text: str
    warnings: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Entry:
    """One named entry and the folder its relative paths are relative to."""

    value: Mapping[str, Any]
    folder: Path


def make_kubeconfig(
    values: Mapping[str, Any], environment: Mapping[str, str], home: Path
) -> ProxyKubeconfig:
    """The kubeconfig that the flags in ``values`` ask for; reads files, writes none.

    Raises KubeconfigError.
    """
    settings = {flag.name: values.get(flag.name, flag.default) for flag in FLAGS}
    server, name = settings["server"], settings["name"]
    _check_server(server)
    if not name:
        raise KubeconfigError("--name is empty; give the new context a name")
    paths = _paths(settings["kubeconfig"], environment, home)
    kubeconfig = _read_all(paths)
    context_name = settings["context"] or kubeconfig.current_context
    if not context_name:
        raise KubeconfigError(
            f"{_names(paths)} has no current-context; give --context, "
            f"one of {_listing(kubeconfig.contexts)}"
        )
    context = kubeconfig.contexts.get(context_name)
    if context is None:
        raise KubeconfigError(
            f"--context {context_name!r} is not in {_names(paths)}; "
            f"give one of {_listing(kubeconfig.contexts)}"
        )
    user_name = context.value.get("user")
    user = kubeconfig.users.get(user_name) if isinstance(user_name, str) else None
    if user is None:
        raise KubeconfigError(
            f"the user of context {context_name!r} is not in {_names(paths)}; "
            "see kubectl config get-users"
        )
    cluster, warnings = _cluster(settings)
    notes: tuple[str, ...] = ()
    if any(user.value.get(key) for name in _USER_FILES[:1] for key in (name, f"{name}-data")):
        notes = (_certificate_note(context_name, paths),)
    namespace = context.value.get("namespace")
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": cluster}],
        "users": [{"name": user_name, "user": _user(user, settings["embed-certs"])}],
        "contexts": [
            {
                "name": name,
                "context": {"cluster": name, "user": user_name}
                | ({"namespace": namespace} if namespace else {}),
            }
        ],
        "current-context": name,
    }
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1 << 20)
    return ProxyKubeconfig(text, warnings, notes)


def _certificate_note(context: str, paths: Sequence[Path]) -> str:
    """What the proxy must have for a user with a client certificate; whether it has is not known.

    No warning: in most cases all is well.
    """
    command = (
        f"KUBECONFIG={shlex.quote(os.pathsep.join(map(str, paths)))} kubectl config view "
        f"--raw --minify --flatten --context={shlex.quote(context)} "
        "-o jsonpath='{.clusters[0].cluster.certificate-authority-data}' | base64 -d > FILE"
    )
    return (
        "the user has a client certificate: nothing is to be done if the first lines of "
        '`auditproxy serve` say "clients are recognised by client certificates '
        '(--client-ca-file)". If not, start it with --client-ca-file=FILE, the authority that '
        "signed the certificate; for kind, minikube and kubeadm make FILE with: "
        f"{command}"
    )


def _check_server(server: str) -> None:
    try:
        url = urlsplit(server)
        sound = url.scheme in ("https", "http") and bool(url.hostname) and url.port != 0
    except ValueError:
        sound = False
    if not sound or any(char.isspace() for char in server):
        raise KubeconfigError(
            f"--server {server!r} is not a valid URL; give one such as https://auditproxy.example.com:6443"
        )


def _paths(kubeconfig: str, environment: Mapping[str, str], home: Path) -> tuple[Path, ...]:
    """The files to read, as kubectl chooses them."""
    if kubeconfig:
        path = Path(kubeconfig)
        if not path.is_file():
            raise KubeconfigError(f"--kubeconfig {kubeconfig} does not exist; correct the path")
        return (path,)
    listed = [part for part in environment.get("KUBECONFIG", "").split(os.pathsep) if part]
    candidates = [Path(part) for part in listed] or [home / ".kube" / "config"]
    paths = tuple(path for path in candidates if path.is_file())
    if not paths:
        raise KubeconfigError(f"{_names(candidates)} does not exist; give --kubeconfig")
    return paths


@dataclass(frozen=True, slots=True)
class _Kubeconfig:
    """Several files as one."""

    current_context: str
    contexts: Mapping[str, _Entry]
    users: Mapping[str, _Entry]


def _read_all(paths: Sequence[Path]) -> _Kubeconfig:
    """The files as one; raises KubeconfigError."""
    try:
        merged = merge([_load(path) for path in paths])
    except MalformedError as error:
        why = f": {error.why}" if error.why else " is not a kubeconfig"
        raise KubeconfigError(f"{error.path}{why}; see kubectl config view") from None
    return _Kubeconfig(
        str(merged.current_context),
        _entries(merged.contexts, "contexts"),
        _entries(merged.users, "users"),
    )


def _load(path: Path) -> Document:
    """One file; raises KubeconfigError and MalformedError."""
    try:
        return read(str(path))
    except OSError as error:
        raise KubeconfigError(f"{path} cannot be read: {why_unread(error)}") from None
    except MalformedError:
        raise
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        # Its text may show parts of the file.
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        raise KubeconfigError(f"{path}{line}: not valid YAML; see kubectl config view") from None


def _entries(entries: Mapping[str, Named], each: str) -> dict[str, _Entry]:
    """The entries of one list; raises KubeconfigError unless their contents are mappings."""
    found: dict[str, _Entry] = {}
    for name, named in entries.items():
        if not isinstance(named.content, dict):
            raise KubeconfigError(
                f"{named.path}: {each} is not a list of name and {LISTS[each]}; "
                "see kubectl config view"
            )
        found[name] = _Entry(named.content, Path(named.path).absolute().parent)
    return found


def _cluster(settings: Mapping[str, Any]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The proxy as a cluster."""
    server = settings["server"]
    authority = settings["certificate-authority"]
    if server.startswith("http://"):
        if authority:
            raise KubeconfigError(
                "--certificate-authority is given but --server is http://; remove one"
            )
        return {"server": server}, ("--server is http://: credentials travel in clear text",)
    if not authority:
        made = Path(settings["cert-dir"]) / CERTIFICATE_NAME
        if not made.is_file():
            return {"server": server}, (
                f"no --certificate-authority is given and {made} does not exist: "
                "clients will trust the authorities of their own machine only; start auditproxy "
                "serve in this folder first, or name its --cert-dir or the certificate's authority",
            )
        authority = str(made)
    content = _read(Path(authority), "--certificate-authority")
    if b"PRIVATE KEY-----" in content:
        raise KubeconfigError(
            f"--certificate-authority {authority} has a private key; "
            "give a file with certificates only"
        )
    if not certificates(content):
        raise KubeconfigError(
            f"--certificate-authority {authority} has no PEM certificate; name a PEM bundle"
        )
    if settings["embed-certs"]:
        data = base64.b64encode(content).decode("ascii")
        return {"server": server, "certificate-authority-data": data}, ()
    return {"server": server, "certificate-authority": str(Path(authority).absolute())}, ()


def _user(entry: _Entry, embed: bool) -> dict[str, Any]:
    """A copy of the user that works from any folder."""
    user = dict(entry.value)
    for key in (*_USER_FILES, "tokenFile"):
        path = user.get(key)
        if isinstance(path, str) and path:
            user[key] = str(entry.folder / path)
    if embed:
        for key in _USER_FILES:
            path = user.pop(key, None)
            # The contents take precedence over the path, as in kubectl.
            if path and not user.get(f"{key}-data"):
                content = _read(Path(path), f"the user's {key}")
                user[f"{key}-data"] = base64.b64encode(content).decode("ascii")
    plugin = user.get("exec")
    if isinstance(plugin, dict):
        command = plugin.get("command")
        # A bare name is looked up in PATH; only a path is relative to the kubeconfig.
        if isinstance(command, str) and os.sep in command:
            user["exec"] = plugin | {"command": str(entry.folder / command)}
    return user


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KubeconfigError(f"{what} {path} cannot be read: {why_unread(error)}") from None


def _names(paths: Sequence[Path]) -> str:
    return " and ".join(str(path) for path in paths)


def _listing(entries: Mapping[str, _Entry]) -> str:
    return ", ".join(entries) or "none: it has no contexts"
