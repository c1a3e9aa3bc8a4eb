"""ReceiverGroups: the groups of all backends, receivers last."""

from dataclasses import dataclass, field

from auditproxy.options.backends import BackendGroups
from auditproxy.options.kafka import AuditKafkaOptions
from auditproxy.options.receivers import AuditNatsOptions, AuditOtlpOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiverGroups(BackendGroups):
    """The groups of all backends; Options has them all, in this order."""

    audit_nats: AuditNatsOptions = field(default_factory=AuditNatsOptions)
    """The NATS backend."""
    audit_kafka: AuditKafkaOptions = field(default_factory=AuditKafkaOptions)
    """The Kafka backend."""
    audit_otlp: AuditOtlpOptions = field(default_factory=AuditOtlpOptions)
    """The OTLP backend."""
