"""The listener that clients connect to: address, certificate and deadlines."""

import ipaddress
from dataclasses import dataclass

from auditproxy.apis.gotext import go_quote
from auditproxy.apis.units import SECOND
from auditproxy.options.values import choice

PROXY_PROTOCOLS = ("off", "v1", "v2", "any")
TLS_VERSIONS = ("VersionTLS10", "VersionTLS11", "VersionTLS12", "VersionTLS13")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingOptions:
    """The listener that clients connect to."""

    bind_address: str = "0.0.0.0"  # noqa: S104 kube-apiserver's default
    """IP address to listen on; ``0.0.0.0`` or ``::`` for all interfaces."""
    secure_port: int = 6443
    """Port of the HTTPS listener, 1 to 65535."""
    cert_dir: str = "auditproxy.local.config/certificates"
    """Folder where a self-signed certificate is kept when no certificate is named."""
    tls_cert_file: str = ""
    """PEM file with the serving certificate and its intermediates, or ""."""
    tls_private_key_file: str = ""
    """PEM file with the key of ``tls_cert_file``; both are given or none."""
    tls_min_version: str = "VersionTLS12"
    """Oldest TLS version that is spoken, one of TLS_VERSIONS."""
    request_timeout: int = 60 * SECOND
    """Nanoseconds until a request that is not long-running is ended; also the longest wait for
    such requests at shutdown, as in kube-apiserver."""
    audit_grace: int = 30 * SECOND
    """Nanoseconds that the audit backends have at a shutdown to deliver what they hold."""
    shutdown_delay_duration: int = 0
    """Nanoseconds between a shutdown's failing /readyz and the end of accepting requests."""
    trusted_proxy_cidrs: tuple[str, ...] = ()
    """Networks of proxies whose X-Forwarded-For and X-Real-Ip count; () believes everybody."""
    proxy_protocol: str = "off"
    """Whether trusted proxies begin with a PROXY header, one of PROXY_PROTOCOLS."""
    max_connections: int = 10_000
    """Connections of all clients together; 0 is no limit."""
    max_connections_per_address: int = 0
    """Connections from one address that is no trusted proxy's; 0 is no limit."""


def serving_faults(serving: ServingOptions) -> list[str]:
    """Faults of the listener's settings, in the order of its flags."""
    faults = []
    try:
        ipaddress.ip_address(serving.bind_address)
    except ValueError:
        faults.append(
            f"--bind-address {go_quote(serving.bind_address)} is no IP address; "
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
        faults.append("--request-timeout 0s would end every request at once; give more, as 1m0s")
    if serving.audit_grace < 0:
        faults.append("--shutdown-audit-grace-period can not be negative value")
    if serving.shutdown_delay_duration < 0:
        faults.append("--shutdown-delay-duration can not be negative value")
    return faults + _connection_faults(serving)


def _connection_faults(serving: ServingOptions) -> list[str]:
    """Faults of the settings of proxies in front of us and of limits."""
    faults = []
    for cidr in serving.trusted_proxy_cidrs:
        try:
            ipaddress.ip_network(cidr)
        except ValueError:
            faults.append(
                f"--trusted-proxy-cidrs {go_quote(cidr)} is no network; "
                "give its address and length, as 10.0.0.0/8 or 10.1.2.3/32"
            )
    faults += choice("proxy-protocol", serving.proxy_protocol, PROXY_PROTOCOLS)
    if serving.proxy_protocol != "off" and not serving.trusted_proxy_cidrs:
        faults.append(
            f"--proxy-protocol={serving.proxy_protocol} needs --trusted-proxy-cidrs: "
            "whoever may send the header says who the client is"
        )
    for name, number in (
        ("max-connections", serving.max_connections),
        ("max-connections-per-address", serving.max_connections_per_address),
    ):
        if number < 0:
            faults.append(f"--{name} {number} can't be a negative number; 0 is no limit")
    return faults
