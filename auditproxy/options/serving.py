"""The listener that clients connect to: address, certificate and deadlines."""

import ipaddress
from dataclasses import dataclass

from auditproxy.options.values import SECOND, choice, quote

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


def serving_faults(serving: ServingOptions) -> list[str]:
    """Faults of the listener's settings, in the order of its flags."""
    faults = []
    try:
        ipaddress.ip_address(serving.bind_address)
    except ValueError:
        faults.append(
            f"--bind-address {quote(serving.bind_address)} is no IP address; "
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
    return faults
