"""Options: the defaults are kube-apiserver's, and validate finds every fault at once."""

import dataclasses
from typing import Any

import pytest

from auditproxy.options import (
    AuditLogOptions,
    HealthOptions,
    Options,
    ServingOptions,
    UpstreamOptions,
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
    log, webhook = options.audit_log, options.audit_webhook
    assert (log.maxage, log.maxbackup, log.maxsize) == (366, 100, 100)
    assert (log.format, log.mode, log.version) == ("json", "blocking", "audit.k8s.io/v1")
    assert log.compress is False
    assert webhook.mode == "batch"
    assert webhook.initial_backoff == 10 * SECOND


def test_every_fault_at_once() -> None:
    """One run of the command shows all there is to repair, in the order of the flags."""
    found = faults(
        serving=ServingOptions(bind_address="x", secure_port=-1),
        upstream=UpstreamOptions(upstream_identity="x"),
        audit_log=AuditLogOptions(mode="x", format="x", maxage=-1),
        health=HealthOptions(bind_address="x"),
    )
    starts = (
        "--bind-address",
        "--secure-port",
        "invalid --upstream",
        "--audit-log-mode: invalid audit log mode",
        "--audit-log-format: invalid audit log format",
        "--audit-log-maxage",
        "--health-bind-address",
    )
    assert len(found) == len(starts)
    assert all(fault.startswith(start) for fault, start in zip(found, starts, strict=True))


def test_options_are_frozen() -> None:
    """Nobody changes a setting behind the others' backs."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        Options().audit_log.path = "-"  # type: ignore[misc]
