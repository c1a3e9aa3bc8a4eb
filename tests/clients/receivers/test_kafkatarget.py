"""KafkaTarget: the protocol that follows from it, and what it shows."""

import pytest

from auditproxy.clients.receivers.kafkatarget import KafkaTarget
from auditproxy.tls.client import client_context


@pytest.mark.parametrize(
    ("encrypted", "mechanism", "protocol"),
    [
        (False, "", "PLAINTEXT"),
        (True, "", "SSL"),
        (False, "PLAIN", "SASL_PLAINTEXT"),
        (True, "SCRAM-SHA-512", "SASL_SSL"),
    ],
)
def test_protocols(encrypted: bool, mechanism: str, protocol: str) -> None:
    """Kafka's four words."""
    context = client_context() if encrypted else None
    target = KafkaTarget((("a", 1),), "audit", mechanism, ssl_context=context)
    assert target.protocol == protocol


def test_no_secret_is_shown() -> None:
    """A password is not in the repr."""
    assert "pass-word" not in repr(KafkaTarget((("a", 1),), "audit", "PLAIN", "u", "pass-word"))
