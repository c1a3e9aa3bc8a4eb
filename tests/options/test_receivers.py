"""Receivers: what their flags mean, and every fault of them."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.options import AuditNatsOptions, AuditOtlpOptions, Options, validate
from auditproxy.options.backends import backends_in_use, describe_backends
from auditproxy.options.receivers import nats_server, otlp_endpoint, shown

NATS = AuditNatsOptions(servers=("tls://a:4222", "tls://b"))


def faults(**changes: Any) -> list[str]:
    """Faults of a NATS backend that is sound but for these."""
    return replace(NATS, **changes).own_faults()


def test_in_use() -> None:
    """A server makes it a backend, in place of standard output."""
    options = Options(audit_nats=NATS)
    assert backends_in_use(options) == (options.audit_nats,)
    assert describe_backends(options) == "the subject audit.events of NATS (batch)"
    assert not AuditNatsOptions().is_configured
    assert faults() == []
    assert not any("nats" in fault for fault in validate(options))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"servers": ("http://a",)}, '--audit-nats-servers "http://a" is not a server'),
        ({"servers": ("nats://u:pw@a:1",)}, '--audit-nats-servers "nats://a:1" is not a server'),
        ({"subject": "audit.>"}, '--audit-nats-subject "audit.>" is not one subject'),
        ({"subject": ""}, "is not one subject"),
        ({"stream": "a b"}, '--audit-nats-stream "a b" is not the name of a stream'),
        ({"username": "a"}, "--audit-nats-username and --audit-nats-password-file need each other"),
        ({"cert_file": "a"}, "--audit-nats-cert-file needs --audit-nats-key-file"),
        ({"key_file": "a"}, "--audit-nats-key-file needs --audit-nats-cert-file"),
        ({"initial_backoff": -1}, "--audit-nats-initial-backoff can't be negative"),
        (
            {"credentials_file": "a", "token_file": "b"},
            "--audit-nats-credentials-file and --audit-nats-token-file exclude each other",
        ),
    ],
)
def test_faults(changes: dict[str, Any], text: str) -> None:
    """One line with the flag and what to do; a password is not in it."""
    (fault,) = faults(**changes)
    assert text in fault
    assert "; " in fault
    assert "pw" not in fault


def test_all_at_once() -> None:
    """Each fault has its line."""
    assert len(faults(servers=("x",), subject="*", stream="*", initial_backoff=-1)) == 4


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("nats://a", ("a", 4222)),
        ("tls://a:1/", ("a", 1)),
        ("nats://[::1]:2", ("::1", 2)),
        ("a:4222", None),
        ("nats://", None),
        ("nats://a:99999", None),
        ("nats://a/b", None),
        ("nats://a?b", None),
        ("nats://u@a", None),
        ("nats://a b", None),
        ("nats://ä", None),
    ],
)
def test_servers(text: str, server: tuple[str, int] | None) -> None:
    """A scheme and a host, and perhaps a port."""
    assert nats_server(text) == server


@given(st.text())
def test_any_server(text: str) -> None:
    """Never an exception, and never what stands before an @."""
    nats_server(text)
    assert "@" not in shown(f"nats://{text}@host")


def test_encrypted() -> None:
    """TLS by the scheme, or by certificates that only it has a use for."""
    plain = AuditNatsOptions(servers=("nats://a",))
    assert not plain.is_encrypted
    assert NATS.is_encrypted
    assert replace(plain, ca_file="ca.crt").is_encrypted


OTLP = AuditOtlpOptions(endpoint="https://collector:4318/v1/logs")


def test_a_collector() -> None:
    """A URL makes it a backend; none is no fault."""
    options = Options(audit_otlp=OTLP)
    assert backends_in_use(options) == (options.audit_otlp,)
    assert describe_backends(options) == "the collector https://collector:4318/v1/logs (batch)"
    assert AuditOtlpOptions().own_faults() == OTLP.own_faults() == []
    assert not any("otlp" in fault for fault in validate(options))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"endpoint": "collector:4318"}, '--audit-otlp-endpoint "collector:4318" is not a URL'),
        ({"endpoint": "https://u:pw@a/v1/logs"}, '"https://a/v1/logs" is not a URL'),
        ({"endpoint": "https://a/v1/logs?key=pw"}, '"https://a/v1/logs" is not a URL'),
        ({"endpoint": "http://a", "ca_file": "ca"}, "--audit-otlp-cert-file need TLS"),
        (
            {"key_file": "a"},
            "--audit-otlp-key-file needs --audit-otlp-cert-file",
        ),
        ({"initial_backoff": -1}, "--audit-otlp-initial-backoff can't be negative"),
    ],
)
def test_faults_of_a_collector(changes: dict[str, Any], text: str) -> None:
    """One line with the flag and what to do; a password is not in it."""
    (fault,) = replace(OTLP, **changes).own_faults()
    assert text in fault
    assert "; " in fault
    assert "pw" not in fault


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("http://a", "http://a/v1/logs"),
        ("HTTPS://a:4318/", "https://a:4318/v1/logs"),
        ("https://[::1]:1/otlp/v1/logs", "https://[::1]:1/otlp/v1/logs"),
        ("https://a/b c", None),
        ("https://a/v1/logs#x", None),
        ("https://a?b", None),
        ("grpc://a:4317", None),
        ("https://", None),
        ("https:///v1/logs", None),
        ("https://a..b/v1/logs", None),
        ("https://a:99999/", None),
        ("", None),
    ],
)
def test_endpoints(text: str, url: str | None) -> None:
    """A path is as it is given; without one it is that of the protocol."""
    assert otlp_endpoint(text) == url


@given(st.text())
def test_any_endpoint(text: str) -> None:
    """Never an exception."""
    otlp_endpoint(f"https://{text}")
