"""Kubeconfig files: one context's cluster and user, and the members of each.

Errors are CredentialErrors and show no part of a file.
"""

import base64
import binascii
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from auditproxy.apis.faults import why_unread
from auditproxy.kubeconfig.credentials import CredentialError
from auditproxy.kubeconfig.merging import EmptyError, Named, merge, read
from auditproxy.kubeconfig.tls import TlsMaterial


class Entry(dict[str, Any]):
    """A cluster or user of a kubeconfig, and the file that it is from."""

    def __init__(self, value: Mapping[str, Any], path: str) -> None:
        super().__init__(value)
        self.directory = Path(path).absolute().parent


def select(path: str, context: str, source: str, flag: str) -> tuple[Entry, Entry, str]:
    """The cluster and the user of one context, and the context's name.

    ``context`` "" is the file's own; ``flag`` is what named the file. Raises CredentialError.
    """
    named = [str(Path(part).expanduser()) for part in path.split(os.pathsep) if part]
    try:
        paths = [part for part in named if Path(part).exists()]
    except OSError as error:
        why = (error.strerror or type(error).__name__).lower()
        raise CredentialError(
            f"{source} cannot be read: {why}; let the proxy's user search its folder"
        ) from None
    if not paths:
        raise CredentialError(f"{source} does not exist; create the file or name another")
    try:
        config = merge([read(each) for each in paths])
        context = context or config.current_context
        if not context or not isinstance(context, str):
            fix = "give --context or set it" if flag == "--kubeconfig" else "set it"
            raise CredentialError(f"{source} has no current-context; {fix}")
        chosen = _entry(config.contexts, "context", context, source)
        cluster = _entry(config.clusters, "cluster", chosen.get("cluster"), source)
        user = chosen.get("user")
        entry = _entry(config.users, "user", user, source) if user else Entry({}, paths[0])
        return cluster, entry, context
    except EmptyError:
        raise CredentialError(f"{source} is empty; see `kubectl config view`") from None
    except yaml.YAMLError as error:
        # Its text may show parts of the file.
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark is not None else ""
        raise CredentialError(
            f"{source} is not valid YAML{place}; see `kubectl config view`"
        ) from None
    except OSError as error:
        raise CredentialError(f"{source} cannot be read: {why_unread(error)}") from None
    except RecursionError:
        raise CredentialError(
            f"{source} is nested too deeply; correct the file that {flag} names"
        ) from None
    except (TypeError, ValueError):
        raise CredentialError(f"{source} is not a kubeconfig; see `kubectl config view`") from None


def _entry(entries: Mapping[str, Named], kind: str, name: object, source: str) -> Entry:
    """The content of an entry; raises CredentialError for none, TypeError for no mapping."""
    if not name or not isinstance(name, str):
        raise CredentialError(f"{source}: the context names no {kind}; see `kubectl config view`")
    named = entries.get(name)
    if named is None:
        raise CredentialError(
            f"{source}: the {kind} {name!r} is not in the file; see `kubectl config view`"
        )
    if not isinstance(named.content, dict):
        raise TypeError(kind)
    return Entry(named.content, named.path)


def text_of(entry: Mapping[str, Any], key: str, source: str) -> str:
    """A member that is text, "" when it is not there; raises CredentialError."""
    value = entry.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise CredentialError(f"{source}: {key} is not a string; write it in quotes")
    return value


def file_or_data(entry: Entry, key: str, source: str) -> bytes:
    """The bytes of ``<key>-data``, or of the file that ``<key>`` names, or none."""
    data = text_of(entry, f"{key}-data", source)
    if data:
        try:
            return base64.b64decode("".join(data.split()), validate=True)
        except (binascii.Error, ValueError):
            raise CredentialError(
                f"{source}: {key}-data is not base64; make it with base64 -w0 of the PEM file"
            ) from None
    name = text_of(entry, key, source)
    if not name:
        return b""
    content = read_bytes(str(entry.directory / name), source)
    if not content.strip():
        raise CredentialError(f"{source}: {key} {name} is empty; name a PEM file")
    return content


def read_bytes(path: str, source: str) -> bytes:
    """A file's bytes; raises CredentialError naming ``source``."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CredentialError(f"{source}: cannot read {path}: {why_unread(error)}") from None


def source_files(path: str, cluster: Entry, user: Entry) -> tuple[str, ...]:
    """The files that a kubeconfig was read from, those it names for TLS among them."""
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
    return (*parts, *named)


def refuse_foreign(user: Entry, source: str) -> None:
    """Refuse settings that change the user of the proxy, and those that Kubernetes has dropped."""
    for key in ("as", "as-uid", "as-groups", "as-user-extra"):
        if user.get(key):
            raise CredentialError(
                f"{source}: the user has {key!r}, auditproxy impersonates its clients; remove it"
            )
    if user.get("auth-provider"):
        raise CredentialError(
            f"{source}: auth-provider was removed from Kubernetes; use an exec plugin or a token"
        )


def tls_material(cluster: Entry, user: Entry, source: str) -> TlsMaterial:
    """What the file says about TLS."""
    return TlsMaterial(
        ca=file_or_data(cluster, "certificate-authority", source),
        certificate=file_or_data(user, "client-certificate", source),
        key=file_or_data(user, "client-key", source),
        verify=not cluster.get("insecure-skip-tls-verify"),
    )
