"""Reads --egress-selector-config-file: the proxy through which the audit webhook is reached.

Validated as kube-apiserver validates it (apiserver server/egressselector/config.go), with all
faults at once. The selections ``cluster`` and ``etcd`` are validated, and their files are not read:
nothing of ours goes there.
"""

import re
import ssl
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from auditproxy.apis.faults import Unusable
from auditproxy.audit.policy.reading import (
    TEXT,
    FieldType,
    distinct,
    list_of,
    not_one_of,
    read_document,
)
from auditproxy.files.trustedfile import Remarks, TrustedFile, content_of, parsed
from auditproxy.options import Options
from auditproxy.tls.client import client_context
from auditproxy.tls.pem import load_pair

if TYPE_CHECKING:
    from auditproxy.clients.egress import Egress

FLAG = "--egress-selector-config-file"
KIND = "EgressSelectorConfiguration"
VERSIONS = ("apiserver.k8s.io/v1beta1", "apiserver.k8s.io/v1alpha1")
MAXIMUM_UDSNAME = 107
"""Bytes of the path of a Unix socket on Linux."""

CONTROL_PLANE = "controlplane"
_NAMES = ("cluster", CONTROL_PLANE, "etcd")
_PROTOCOLS = ("Direct", "GRPC", "HTTPConnect")


def _struct(**members: FieldType) -> FieldType:
    return FieldType("struct", members=members)


_TLS = _struct(caBundle=TEXT, clientKey=TEXT, clientCert=TEXT, tlsServerName=TEXT)
_TRANSPORT = _struct(tcp=_struct(url=TEXT, tlsConfig=_TLS), uds=_struct(udsName=TEXT))
_CONNECTION = _struct(proxyProtocol=TEXT, transport=_TRANSPORT)
_DOCUMENT = _struct(
    apiVersion=TEXT,
    kind=TEXT,
    egressSelections=list_of(_struct(name=TEXT, connection=_CONNECTION)),
)

Members = Mapping[str, Any]


def load_egress(text: bytes) -> "Egress | None":
    """Return the proxy of the selection ``controlplane``; None where it is direct, or missing.

    Reads the files of its TLS. Raises Unusable with all faults.
    """
    members, faults = read_document(text, _DOCUMENT, api_version=VERSIONS, kind=KIND)
    seen: set[str] = set()
    egress = None
    for index, selection in enumerate(members.get("egressSelections", ())):
        path = f"egressSelections[{index}]"
        name = selection.get("name", "")
        # The deprecated name, which kube-apiserver converts where it is spelt like this.
        name = CONTROL_PLANE if name == "master" else name.lower()
        if name not in _NAMES:
            faults.append(f"{path}.name: {not_one_of(name, _NAMES)}")
        elif name in seen:
            faults.append(f"{path}.name: {name} is there twice; remove one")
        seen.add(name)
        connection = selection.get("connection", {})
        found = _connection_faults(connection, f"{path}.connection")
        if name == CONTROL_PLANE and not found:
            if connection["proxyProtocol"] == "GRPC":
                found.append(
                    f"{path}.connection.proxyProtocol: GRPC is not supported for {name}; use "
                    "HTTPConnect, which konnectivity-server has too (--mode=http-connect)"
                )
            elif connection["proxyProtocol"] == "HTTPConnect":
                egress, found = _egress(connection["transport"], f"{path}.connection.transport")
        faults += found
    if faults:
        raise Unusable(*distinct(faults))
    return egress


def _connection_faults(connection: Members, path: str) -> list[str]:
    protocol = connection.get("proxyProtocol")
    if protocol not in _PROTOCOLS:
        return [f"{path}.proxyProtocol: {not_one_of(protocol, _PROTOCOLS)}"]
    transport = connection.get("transport")
    if protocol == "Direct":
        return [f"{path}.transport: must be absent with Direct"] if transport is not None else []
    if transport is None:
        return [f"{path}.transport: is missing; {protocol} needs it"]
    path = f"{path}.transport"
    tcp, uds = transport.get("tcp"), transport.get("uds")
    if protocol == "GRPC":
        return [f"{path}.uds: is missing; GRPC needs it"] if uds is None else _uds_faults(uds, path)
    if tcp is not None and uds is not None:
        return [f"{path}: tcp and uds exclude each other; remove one"]
    if uds is not None:
        return _uds_faults(uds, path)
    if tcp is not None:
        return _tcp_faults(tcp, f"{path}.tcp")
    return [f"{path}: one of tcp and uds must be set"]


def _uds_faults(uds: Members, path: str) -> list[str]:
    name = uds.get("udsName", "")
    if not name:
        return [f"{path}.uds.udsName: is missing; give the path of the socket"]
    if len(name.encode("utf-8", "replace")) > MAXIMUM_UDSNAME or "\0" in name:
        return [f"{path}.uds.udsName: is not the path of a socket, {MAXIMUM_UDSNAME} bytes at most"]
    return []


def _tcp_faults(tcp: Members, path: str) -> list[str]:
    url, tls = tcp.get("url", ""), tcp.get("tlsConfig")
    faults = []
    if _place(url) is None:
        faults.append(
            f"{path}.url: must be http:// or https:// with a host and a port, such as "
            "https://127.0.0.1:8131"
        )
    if url.startswith("http://") and tls is not None:
        faults.append(f"{path}.tlsConfig: must be absent with http://")
    elif url.startswith("https://") and tls is None:
        faults.append(f"{path}.tlsConfig: is missing; https:// needs it")
    elif url.startswith("https://") and tls is not None:
        faults += (
            f"{path}.tlsConfig.{key}: is missing; TLS needs it"
            for key in ("clientCert", "clientKey")
            if not tls.get(key)
        )
    return faults


def _place(url: str) -> tuple[str, int] | None:
    """Host and port of a proxy's URL; None for what is not one."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not re.fullmatch(r"https?://[!-~]+", url) or "@" in parts.netloc or not host or not port:
        return None
    return host, port


def _egress(transport: Members, path: str) -> "tuple[Egress | None, list[str]]":
    """The proxy of a sound transport, and faults of the files that it names."""
    from auditproxy.clients.egress import Egress

    if "uds" in transport:
        name = transport["uds"]["udsName"]
        return Egress(name, udsname=name), []
    tcp = transport["tcp"]
    url = tcp["url"]
    host, port = _place(url) or ("", 0)
    place = f"{urlsplit(url).scheme}://{urlsplit(url).netloc}"
    if url.startswith("http://"):
        return Egress(place, host, port), []
    tls = tcp["tlsConfig"]
    context, faults = _context(tls, f"{path}.tcp.tlsConfig")
    return Egress(place, host, port, "", context, tls.get("tlsServerName", "")), faults


def _context(tls: Members, path: str) -> tuple[ssl.SSLContext | None, list[str]]:
    content: dict[str, bytes] = {}
    faults: list[str] = []
    for key in ("caBundle", "clientCert", "clientKey"):
        if name := tls.get(key):
            try:
                content[key] = content_of(name, f"{path}.{key}:")
            except Unusable as error:
                faults += error.faults
    context = None
    try:
        if "caBundle" in content or not tls.get("caBundle"):
            context = client_context(content.get("caBundle", b""))
            if tls.get("caBundle") and not content["caBundle"].strip():
                raise ValueError
    except (ssl.SSLError, ValueError):
        faults.append(
            f"{path}.caBundle: {tls['caBundle']} has no PEM certificate; name a PEM bundle"
        )
    if context is not None and "clientCert" in content and "clientKey" in content:
        try:
            load_pair(context, content["clientCert"], content["clientKey"])
        except (ssl.SSLError, ValueError, OSError):
            faults.append(
                f"{path}.clientCert: {tls['clientCert']} and clientKey {tls['clientKey']} are not "
                "a PEM pair without password; give the key of this certificate"
            )
    return context, faults


def _read(options: Options, remarks: Remarks) -> "Egress | None":
    path = options.egress.selector_config_file
    if not path:
        return None
    (egress,) = parsed((path,), FLAG, load_egress)
    if not options.audit_webhook.is_configured:
        remarks.warnings.append(
            f"{FLAG} has no effect without --audit-webhook-config-file: only the audit webhook is "
            "reached through it"
        )
    return egress


EGRESS_SELECTOR = TrustedFile(
    flag="egress-selector-config-file",
    field="egress",
    read=_read,
    paths=None,
)
