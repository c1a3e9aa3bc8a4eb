"""The listener that clients connect to: address, certificate and deadlines."""

import ipaddress
from dataclasses import dataclass
from typing import Annotated

from auditproxy.apis.gotext import go_quote
from auditproxy.apis.units import SECOND
from auditproxy.options.declared import Declared
from auditproxy.options.values import choice

PROXY_PROTOCOLS = ("off", "v1", "v2", "any")
MAXIMUM_WORKERS = 64
TLS_VERSIONS = ("VersionTLS10", "VersionTLS11", "VersionTLS12", "VersionTLS13")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingOptions:
    """The listener that clients connect to."""

    bind_address: Annotated[
        str,
        Declared(
            "bind-address",
            "ip",
            "IP address to serve clients on; 0.0.0.0 or :: means all interfaces.",
        ),
    ] = "0.0.0.0"  # noqa: S104 kube-apiserver's default
    secure_port: Annotated[
        int,
        Declared(
            "secure-port",
            "int",
            "Port to serve clients on with HTTPS. It cannot be turned off with 0.",
        ),
    ] = 6443
    cert_dir: Annotated[
        str,
        Declared(
            "cert-dir",
            "path",
            "Folder of the self-signed serving certificate, which is generated there at the first "
            "start. Ignored when --tls-cert-file and --tls-private-key-file are given.",
        ),
    ] = "auditproxy.local.config/certificates"
    tls_cert_file: Annotated[
        str,
        Declared(
            "tls-cert-file",
            "path",
            "PEM file with the serving certificate, followed by its intermediates. Without it "
            "and --tls-private-key-file a self-signed certificate is made in --cert-dir.",
        ),
    ] = ""
    tls_private_key_file: Annotated[
        str,
        Declared(
            "tls-private-key-file", "path", "PEM file with the private key of --tls-cert-file."
        ),
    ] = ""
    tls_min_version: Annotated[
        str,
        Declared(
            "tls-min-version",
            "string",
            "Oldest TLS version that clients may speak: VersionTLS10, VersionTLS11, VersionTLS12 "
            "or VersionTLS13.",
            choices=TLS_VERSIONS,
        ),
    ] = "VersionTLS12"
    """One of TLS_VERSIONS."""
    request_timeout: Annotated[
        int,
        Declared(
            "request-timeout",
            "duration",
            "How long a request may take before it is answered with a timeout. Does not apply to "
            "long-running requests such as watch, exec and logs -f.",
        ),
    ] = 60 * SECOND
    """Also the longest wait for requests at shutdown, as in kube-apiserver."""
    audit_grace: Annotated[
        int,
        Declared(
            "shutdown-audit-grace-period",
            "duration",
            "How long the audit backends may take at shutdown, after the last request has ended, "
            "to deliver the events they hold. Undelivered events are dropped, counted and logged, "
            "and the exit code is 3.",
        ),
    ] = 30 * SECOND
    shutdown_delay_duration: Annotated[
        int,
        Declared(
            "shutdown-delay-duration",
            "duration",
            "How long requests are still served after a signal to stop, while /readyz already "
            "fails, so that load balancers can remove the proxy.",
        ),
    ] = 0
    session_grace: Annotated[
        int,
        Declared(
            "shutdown-session-grace-period",
            "duration",
            "How long exec, attach, port-forward and other tunnels may continue at shutdown, once "
            "--shutdown-delay-duration is over. Terminals of recorded or logged sessions show it "
            "at its beginning and a minute before its end. 0 ends them at once, as kube-apiserver "
            "does. Example: 10m.",
        ),
    ] = 0
    workers: Annotated[
        int,
        Declared(
            "workers",
            "int",
            "Number of processes that serve clients on the port. With more than 1 each writes an "
            "audit log and a session log of its own, with -worker1, -worker2, ... before the "
            "extension of the file's name, and limits of connections and memory hold for each.",
        ),
    ] = 1
    """At most MAXIMUM_WORKERS."""
    trusted_proxy_cidrs: Annotated[
        tuple[str, ...],
        Declared(
            "trusted-proxy-cidrs",
            "strings",
            "Networks of the proxies in front of this one. If given, X-Forwarded-For and "
            "X-Real-Ip are used only as far as these proxies report them. Empty accepts them "
            "from every client, as kube-apiserver does; the last of an event's sourceIPs is "
            "always the peer.",
        ),
    ] = ()
    proxy_protocol: Annotated[
        str,
        Declared(
            "proxy-protocol",
            "string",
            "Whether connections from --trusted-proxy-cidrs begin with a PROXY protocol header, "
            "which carries the client's address: off, v1, v2 or any. Connections without the "
            "header are closed.",
            choices=PROXY_PROTOCOLS,
        ),
    ] = "off"
    """One of PROXY_PROTOCOLS."""
    max_connections: Annotated[
        int,
        Declared(
            "max-connections",
            "int",
            "Maximum number of client connections; more are closed at once. 0, or more than the "
            "limit of open files allows, means as many as that allows.",
        ),
    ] = 10_000
    max_connections_per_address: Annotated[
        int,
        Declared(
            "max-connections-per-address",
            "int",
            "Maximum number of client connections from one address; more are closed at once. "
            "Does not apply to addresses in --trusted-proxy-cidrs. 0 means no limit.",
        ),
    ] = 0


def serving_faults(serving: ServingOptions) -> list[str]:
    """Faults of the listener's settings, in the order of its flags."""
    faults = []
    try:
        ipaddress.ip_address(serving.bind_address)
    except ValueError:
        faults.append(
            f"--bind-address {go_quote(serving.bind_address)} is not a valid IP address; "
            "give one of this machine, or 0.0.0.0 for all interfaces"
        )
    if not 1 <= serving.secure_port <= 65535:
        faults.append(
            f"--secure-port {serving.secure_port} must be between 1 and 65535, inclusive. "
            "It cannot be turned off with 0"
        )
    certificate, key = serving.tls_cert_file, serving.tls_private_key_file
    if bool(certificate) != bool(key):
        given, missing = "--tls-cert-file", "--tls-private-key-file"
        if key:
            given, missing = missing, given
        faults.append(
            f"{given} is given without {missing}; give both, "
            "or neither for a self-signed certificate"
        )
    if not (certificate or key or serving.cert_dir):
        faults.append(
            "--cert-dir is empty and no certificate is named; name a folder, "
            "or give --tls-cert-file and --tls-private-key-file"
        )
    faults += choice("tls-min-version", serving.tls_min_version, TLS_VERSIONS)
    if serving.request_timeout < 0:
        faults.append("--request-timeout can not be negative value")
    elif serving.request_timeout == 0:
        faults.append(
            "--request-timeout 0s would end every request at once; give a longer time such as 1m0s"
        )
    if serving.audit_grace < 0:
        faults.append("--shutdown-audit-grace-period can not be negative value")
    if serving.shutdown_delay_duration < 0:
        faults.append("--shutdown-delay-duration can not be negative value")
    if serving.session_grace < 0:
        faults.append("--shutdown-session-grace-period can not be negative value")
    if not 1 <= serving.workers <= MAXIMUM_WORKERS:
        faults.append(
            f"--workers {serving.workers} must be between 1 and {MAXIMUM_WORKERS}, inclusive; "
            "give the number of cores at most"
        )
    return faults + _connection_faults(serving)


def _connection_faults(serving: ServingOptions) -> list[str]:
    """Faults of the settings of proxies in front of us and of limits."""
    faults = []
    for cidr in serving.trusted_proxy_cidrs:
        try:
            ipaddress.ip_network(cidr)
        except ValueError:
            faults.append(
                f"--trusted-proxy-cidrs {go_quote(cidr)} is not a valid network; give an address "
                f"and prefix length such as 10.0.0.0/8 or 10.1.2.3/32"
            )
    faults += choice("proxy-protocol", serving.proxy_protocol, PROXY_PROTOCOLS)
    if serving.proxy_protocol in PROXY_PROTOCOLS[1:] and not serving.trusted_proxy_cidrs:
        faults.append(
            f"--proxy-protocol={serving.proxy_protocol} needs --trusted-proxy-cidrs: "
            "a peer that sends the header can claim any client address"
        )
    for name, number in (
        ("max-connections", serving.max_connections),
        ("max-connections-per-address", serving.max_connections_per_address),
    ):
        if number < 0:
            faults.append(f"--{name} {number} can't be a negative number; 0 means no limit")
    return faults
