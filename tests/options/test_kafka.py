"""The Kafka backend: what its flags mean, and every fault of them."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditproxy.options import AuditKafkaOptions, Options, validate
from auditproxy.options.backends import backends_in_use, describe_backends
from auditproxy.options.kafka import kafka_broker

KAFKA = AuditKafkaOptions(brokers=("tls://a:9093", "tls://b"))


def test_in_use() -> None:
    """A broker makes it a backend, in place of standard output."""
    options = Options(audit_kafka=KAFKA)
    assert backends_in_use(options) == (options.audit_kafka,)
    assert describe_backends(options) == "the topic audit.events of Kafka (batch)"
    assert not AuditKafkaOptions().is_configured
    assert KAFKA.own_faults() == []
    assert not any("kafka" in fault for fault in validate(options))


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"brokers": ("a:9092",)}, '--audit-kafka-brokers "a:9092" is not a broker'),
        ({"brokers": ("tls://u:pw@a:1",)}, '--audit-kafka-brokers "tls://a:1" is not a broker'),
        ({"topic": "audit/x"}, '--audit-kafka-topic "audit/x" is not the name of a topic'),
        ({"topic": ".."}, '--audit-kafka-topic ".." is not the name of a topic'),
        ({"topic": "x" * 250}, "is not the name of a topic"),
        ({"sasl_mechanism": "GSSAPI"}, '--audit-kafka-sasl-mechanism "GSSAPI" is not known'),
        ({"username": "a"}, "--audit-kafka-username and --audit-kafka-password-file need each"),
        ({"password_file": "a"}, "--audit-kafka-username and --audit-kafka-password-file need"),
        ({"cert_file": "a"}, "--audit-kafka-cert-file needs --audit-kafka-key-file"),
        ({"initial_backoff": -1}, "--audit-kafka-initial-backoff can't be negative"),
    ],
)
def test_faults(changes: dict[str, Any], text: str) -> None:
    """One line with the flag and what to do; a password is not in it."""
    (fault,) = replace(KAFKA, **changes).own_faults()
    assert text in fault
    assert "; " in fault
    assert "pw" not in fault


@pytest.mark.parametrize(
    ("text", "broker"),
    [
        ("plaintext://a", ("a", 9092)),
        ("TLS://a:1", ("a", 1)),
        ("tls://[::1]:2", ("::1", 2)),
        ("nats://a", None),
        ("tls://a/b", None),
    ],
)
def test_brokers(text: str, broker: tuple[str, int] | None) -> None:
    """A scheme and a host, and perhaps a port."""
    assert kafka_broker(text) == broker


@given(st.text())
def test_any_broker(text: str) -> None:
    """Never an exception."""
    kafka_broker(f"tls://{text}")


def test_encrypted() -> None:
    """TLS by the scheme, or by certificates that only it has a use for."""
    plain = AuditKafkaOptions(brokers=("plaintext://a",))
    assert not plain.is_encrypted
    assert KAFKA.is_encrypted
    assert replace(plain, brokers=("TLS://a",)).is_encrypted
    assert replace(plain, ca_file="ca.crt").is_encrypted
