"""The listener's settings: each fault names the flag and the fix."""

from typing import Any

import pytest

from auditproxy.options.serving import ServingOptions, serving_faults

SERVING_ROWS = [
    (
        {"bind_address": "localhost"},
        '--bind-address "localhost" is not a valid IP address; '
        "give one of this machine, or 0.0.0.0 for all interfaces",
    ),
    (
        {"secure_port": 0},
        "--secure-port 0 must be between 1 and 65535, inclusive. It cannot be turned off with 0",
    ),
    (
        {"secure_port": 65536},
        "--secure-port 65536 must be between 1 and 65535, inclusive. "
        "It cannot be turned off with 0",
    ),
    (
        {"tls_cert_file": "tls.crt"},
        "--tls-cert-file is given without --tls-private-key-file; give both, "
        "or neither for a self-signed certificate",
    ),
    (
        {"tls_private_key_file": "tls.key"},
        "--tls-private-key-file is given without --tls-cert-file; give both, "
        "or neither for a self-signed certificate",
    ),
    (
        {"cert_dir": ""},
        "--cert-dir is empty and no certificate is named; name a folder, "
        "or give --tls-cert-file and --tls-private-key-file",
    ),
    (
        {"tls_min_version": "TLS1.2"},
        'invalid --tls-min-version "TLS1.2", allowed values are '
        '"VersionTLS10,VersionTLS11,VersionTLS12,VersionTLS13"',
    ),
    ({"request_timeout": -1}, "--request-timeout can not be negative value"),
    (
        {"request_timeout": 0},
        "--request-timeout 0s would end every request at once; give a longer time such as 1m0s",
    ),
    (
        {"trusted_proxy_cidrs": ("10.0.0.1/8",)},
        '--trusted-proxy-cidrs "10.0.0.1/8" is not a valid network; '
        "give an address and prefix length such as 10.0.0.0/8 or 10.1.2.3/32",
    ),
    (
        {"proxy_protocol": "v3", "trusted_proxy_cidrs": ("10.0.0.0/8", "::1/128")},
        'invalid --proxy-protocol "v3", allowed values are "off,v1,v2,any"',
    ),
    (
        {"proxy_protocol": "any"},
        "--proxy-protocol=any needs --trusted-proxy-cidrs: "
        "a peer that sends the header can claim any client address",
    ),
    (
        {"max_connections": -1},
        "--max-connections -1 can't be a negative number; 0 means no limit",
    ),
    (
        {"max_connections_per_address": -1},
        "--max-connections-per-address -1 can't be a negative number; 0 means no limit",
    ),
    ({"shutdown_delay_duration": -1}, "--shutdown-delay-duration can not be negative value"),
    ({"session_grace": -1}, "--shutdown-session-grace-period can not be negative value"),
]


@pytest.mark.parametrize(("fields", "fault"), SERVING_ROWS)
def test_serving_faults(fields: dict[str, Any], fault: str) -> None:
    """Each names the flag and the fix."""
    assert serving_faults(ServingOptions(**fields)) == [fault]
