"""Options: every setting of the proxy in frozen groups, and validate(), which finds every fault.

    Options
    |-- serving          address, certificate and deadlines of the client's side
    |-- upstream         which kube-apiserver, and how it learns who asks
    |-- authentication   who may log in, and how
    |-- audit            policy, what is kept of bodies
    |-- audit_log, ...   a group for each backend (receivergroups.ReceiverGroups)
    |-- audit_chain      tamper evidence of the audit log
    |-- sessions         what is done inside exec, attach and port-forward
    |-- alerts           which rules alert, and where alerts go
    |-- egress           which proxies connections of ours go through
    |-- tracing          where spans of requests go
    |-- health           the listener of /livez, /readyz and /metrics
    +-- logging          what operators read

A group and its faults are in one file; the faults of authentication have
their own. A field declares its setting: flag, type, default and help
(``declared.Declared``). Its docstring says only what help does not. Paths are
text; "" means that the setting is not given. Durations are nanoseconds, sizes
are bytes.
"""

from dataclasses import dataclass, field

from auditproxy.options.alerts import AlertOptions, alert_faults
from auditproxy.options.audit import AuditOptions, audit_faults
from auditproxy.options.auditchain import AuditChainOptions, chain_faults
from auditproxy.options.authentication import AuthenticationOptions
from auditproxy.options.authenticationfaults import authentication_faults
from auditproxy.options.backendfaults import backend_faults
from auditproxy.options.backends import (
    AuditLogOptions,
    AuditWebhookOptions,
)
from auditproxy.options.egress import EgressOptions
from auditproxy.options.health import HealthOptions, health_faults
from auditproxy.options.kafka import AuditKafkaOptions
from auditproxy.options.logging import LoggingOptions, logging_faults
from auditproxy.options.receivergroups import ReceiverGroups
from auditproxy.options.receivers import AuditNatsOptions, AuditOtlpOptions
from auditproxy.options.serving import ServingOptions, serving_faults
from auditproxy.options.sessions import SessionOptions, session_faults
from auditproxy.options.tracing import TracingOptions
from auditproxy.options.upstream import UpstreamOptions, upstream_faults
from auditproxy.options.workerfaults import worker_faults

__all__ = [
    "AlertOptions",
    "AuditChainOptions",
    "AuditKafkaOptions",
    "AuditLogOptions",
    "AuditNatsOptions",
    "AuditOptions",
    "AuditOtlpOptions",
    "AuditWebhookOptions",
    "AuthenticationOptions",
    "EgressOptions",
    "HealthOptions",
    "LoggingOptions",
    "Options",
    "ServingOptions",
    "SessionOptions",
    "TracingOptions",
    "UpstreamOptions",
    "validate",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options(ReceiverGroups):
    """Every setting; a group and field for each flag of ``auditproxy serve``."""

    serving: ServingOptions = field(default_factory=ServingOptions)
    """The listener that clients connect to."""
    upstream: UpstreamOptions = field(default_factory=UpstreamOptions)
    """The kube-apiserver behind the proxy."""
    authentication: AuthenticationOptions = field(default_factory=AuthenticationOptions)
    """How a client proves who it is."""
    audit: AuditOptions = field(default_factory=AuditOptions)
    """What is recorded."""
    audit_chain: AuditChainOptions = field(default_factory=AuditChainOptions)
    """Tamper evidence of the audit log."""
    sessions: SessionOptions = field(default_factory=SessionOptions)
    """What is done inside exec, attach and port-forward."""
    alerts: AlertOptions = field(default_factory=AlertOptions)
    """Alerts about events and sessions."""
    egress: EgressOptions = field(default_factory=EgressOptions)
    """Proxies that connections of ours go through."""
    tracing: TracingOptions = field(default_factory=TracingOptions)
    """Traces of requests."""
    health: HealthOptions = field(default_factory=HealthOptions)
    """The listener of probes and metrics."""
    logging: LoggingOptions = field(default_factory=LoggingOptions)
    """The lines for operators."""


def validate(options: Options) -> tuple[str, ...]:
    """Every fault that shows without reading a file, in the order of the flags; () when sound.

    Texts are kube-apiserver's where it has one, else they name the flag and the fix.
    """
    return (
        *serving_faults(options.serving),
        *upstream_faults(options.upstream),
        *authentication_faults(options.authentication),
        *backend_faults(options),
        *chain_faults(options.audit_chain, options),
        *audit_faults(options.audit),
        *session_faults(options.sessions),
        *alert_faults(options.alerts),
        *health_faults(options.health, options.serving),
        *logging_faults(options.logging),
        *worker_faults(options.serving, options, options.sessions),
    )
