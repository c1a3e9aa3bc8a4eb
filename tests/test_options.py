"""Options: the defaults are kube-apiserver's, and validate finds every fault at once."""

import ast
import dataclasses
import inspect
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy import options as options_module
from auditproxy.options import (
    AuditOptions,
    AuthenticationOptions,
    HealthOptions,
    LoggingOptions,
    Options,
    ServingOptions,
    UpstreamOptions,
    parse_address,
    validate,
)

SECOND = 1_000_000_000


def faults(**groups: Any) -> tuple[str, ...]:
    """The faults of options with some groups replaced."""
    return validate(Options(**groups))


def test_defaults_are_sound() -> None:
    """``auditproxy serve`` alone has nothing to complain about."""
    assert validate(Options()) == ()


def test_defaults_are_those_of_kube_apiserver() -> None:
    """What kube-apiserver has too has its default."""
    options = Options()
    assert options.serving.bind_address == "0.0.0.0"
    assert options.serving.secure_port == 6443
    assert options.serving.request_timeout == 60 * SECOND
    assert options.serving.shutdown_delay_duration == 0
    assert options.authentication.anonymous_auth is True
    audit = options.audit
    assert (audit.log_maxage, audit.log_maxbackup, audit.log_maxsize) == (366, 100, 100)
    assert (audit.log_format, audit.log_mode, audit.log_version) == (
        "json",
        "blocking",
        "audit.k8s.io/v1",
    )
    assert audit.log_compress is False


AUDIT_ROWS = [
    (
        {"log_mode": "async"},
        'invalid audit log mode async, allowed modes are "batch,blocking,blocking-strict"',
    ),
    (
        {"log_mode": "batch"},
        "--audit-log-mode batch: this version of auditproxy does not have it yet; "
        "give blocking or blocking-strict",
    ),
    ({"log_version": "a/b/c"}, "unexpected GroupVersion string: a/b/c"),
    (
        {"log_version": "audit.k8s.io/v1beta1"},
        'invalid group version, allowed versions are ["audit.k8s.io/v1"]',
    ),
    ({"log_version": ""}, 'invalid group version, allowed versions are ["audit.k8s.io/v1"]'),
    (
        {"log_format": "text"},
        'invalid audit log format text, allowed formats are "legacy,json"',
    ),
    ({"log_maxage": -1}, "--audit-log-maxage -1 can't be a negative number"),
    ({"log_maxbackup": -2}, "--audit-log-maxbackup -2 can't be a negative number"),
    ({"log_maxsize": -3}, "--audit-log-maxsize -3 can't be a negative number"),
    (
        {"authorization_annotations": "guess"},
        'invalid --audit-authorization-annotations "guess", allowed values are "infer,review,off"',
    ),
    ({"capture_request_limit": 0}, "--audit-capture-request-limit 0 must be a positive number"),
    ({"capture_response_limit": -1}, "--audit-capture-response-limit -1 must be a positive number"),
]


@pytest.mark.parametrize(("fields", "fault"), AUDIT_ROWS)
def test_audit_faults(fields: dict[str, Any], fault: str) -> None:
    """kube-apiserver's exact texts where it has one."""
    assert faults(audit=AuditOptions(**fields)) == (fault,)


SERVING_ROWS = [
    (
        {"bind_address": "localhost"},
        '--bind-address "localhost" is no IP address; '
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
        "--request-timeout 0s would end every request at once; give more, as 1m0s",
    ),
    ({"shutdown_delay_duration": -1}, "--shutdown-delay-duration can not be negative value"),
]


@pytest.mark.parametrize(("fields", "fault"), SERVING_ROWS)
def test_serving_faults(fields: dict[str, Any], fault: str) -> None:
    """Each names the flag and the fix."""
    assert faults(serving=ServingOptions(**fields)) == (fault,)


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        (
            {"anonymous_auth": False, "token_review": False},
            "nobody could log in: --anonymous-auth and --authentication-token-review are false "
            "and neither --client-ca-file nor --token-auth-file is given; allow one of them",
        ),
        (
            {"token_review_cache_success_ttl": -1},
            "--authentication-token-review-cache-success-ttl can't be negative; "
            "0s turns this cache off",
        ),
        (
            {"token_review_cache_failure_ttl": -1},
            "--authentication-token-review-cache-failure-ttl can't be negative; "
            "0s turns this cache off",
        ),
    ],
)
def test_authentication_faults(fields: dict[str, Any], fault: str) -> None:
    """Settings under which nobody could log in are a fault, too."""
    assert faults(authentication=AuthenticationOptions(**fields)) == (fault,)


@pytest.mark.parametrize("given_file", ["client_ca_file", "token_auth_file"])
def test_one_way_to_log_in_is_enough(given_file: str) -> None:
    """Anonymous access and reviews may both be off when there is another way."""
    sound = AuthenticationOptions(
        anonymous_auth=False, token_review=False, **{given_file: "some-file"}
    )
    assert faults(authentication=sound) == ()


def test_other_faults() -> None:
    """Upstream identity, verbosity and log format."""
    assert faults(upstream=UpstreamOptions(upstream_identity="trust-me")) == (
        'invalid --upstream-identity "trust-me", allowed values are "impersonate,passthrough"',
    )
    assert faults(logging=LoggingOptions(verbosity=-1, format="xml")) == (
        "-v -1 can't be a negative number",
        'invalid --logging-format "xml", allowed values are "json,text"',
    )


def test_every_fault_at_once() -> None:
    """One run of the command shows all there is to repair, in the order of the flags."""
    found = faults(
        serving=ServingOptions(bind_address="x", secure_port=-1),
        upstream=UpstreamOptions(upstream_identity="x"),
        audit=AuditOptions(log_mode="x", log_format="x", log_maxage=-1),
        health=HealthOptions(bind_address="x"),
    )
    starts = (
        "--bind-address",
        "--secure-port",
        "invalid --upstream",
        "invalid audit log mode",
        "invalid audit log format",
        "--audit-log-maxage",
        "--health-bind-address",
    )
    assert len(found) == len(starts)
    assert all(fault.startswith(start) for fault, start in zip(found, starts, strict=True))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:8081", ("127.0.0.1", 8081)),
        (":8081", ("", 8081)),
        ("[::1]:80", ("::1", 80)),
        ("localhost:0", ("localhost", 0)),
        ("", None),
        ("0", None),
    ],
)
def test_addresses(text: str, address: tuple[str, int] | None) -> None:
    """host:port as Go reads it; nothing or 0 is no listener."""
    assert HealthOptions(bind_address=text).address() == address


@pytest.mark.parametrize(
    "text",
    [
        "8081",
        "localhost",
        "a:",
        "a:b",
        "a:65536",
        "a:-1",
        "a:+1",
        "::1:80",
        "[::1:80",
        "a b:1",
        "http://a:1",
        "[a]:1",
        "a:99999999999999",
        "a:\u0661",
    ],
)
def test_no_addresses(text: str) -> None:
    """The fault names the flag and says how an address is written."""
    (fault,) = faults(health=HealthOptions(bind_address=text))
    assert fault.startswith(f'--health-bind-address "{text}": ')
    assert fault.endswith('; give host:port, or "" for no listener')


@given(st.text())
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    """What is accepted has a port that can be bound and a host without separators."""
    try:
        address = parse_address(text)
    except ValueError:
        return
    if address is not None:
        host, port = address
        assert 0 <= port <= 65535
        assert not any(char.isspace() or char in "/@[]" for char in host)


@pytest.mark.parametrize(
    ("bind_address", "health", "clash"),
    [
        ("0.0.0.0", "127.0.0.1:6443", True),
        ("10.0.0.1", ":6443", True),
        ("10.0.0.1", "10.0.0.1:6443", True),
        ("10.0.0.1", "127.0.0.1:6443", False),
        ("0.0.0.0", "127.0.0.1:6444", False),
    ],
)
def test_health_needs_an_address_of_its_own(bind_address: str, health: str, clash: bool) -> None:
    """Two listeners on one address are found before the second cannot be opened."""
    found = faults(
        serving=ServingOptions(bind_address=bind_address),
        health=HealthOptions(bind_address=health),
    )
    assert found == (
        (
            f"--health-bind-address {health} is the address of the proxy itself "
            "(--secure-port 6443); give another port",
        )
        if clash
        else ()
    )


def test_options_are_frozen() -> None:
    """Nobody changes a setting behind the others' backs."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        Options().audit.log_path = "-"  # type: ignore[misc]


def test_every_field_has_a_docstring() -> None:
    """Each field is followed by the sentence that says what it is."""
    tree = ast.parse(inspect.getsource(options_module))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    assert len(classes) == 7
    for group in classes:
        for statement, following in zip(group.body, [*group.body[1:], None], strict=True):
            if isinstance(statement, ast.AnnAssign):
                assert isinstance(following, ast.Expr), ast.unparse(statement)
                assert isinstance(following.value, ast.Constant), ast.unparse(statement)
