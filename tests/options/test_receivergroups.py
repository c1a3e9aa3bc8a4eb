"""ReceiverGroups: every receiver is a backend once it is configured."""

from auditproxy.options import AuditKafkaOptions, AuditNatsOptions, Options
from auditproxy.options.backends import backends_in_use


def test_both_receivers() -> None:
    """In the order of the fields."""
    nats = AuditNatsOptions(servers=("tls://a",))
    kafka = AuditKafkaOptions(brokers=("tls://a",))
    assert backends_in_use(Options(audit_nats=nats, audit_kafka=kafka)) == (nats, kafka)
