"""The backends: what is in use, and what another one costs."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from auditproxy.options.backendfaults import backend_faults
from auditproxy.options.backendoptions import BackendOptions
from auditproxy.options.backends import (
    AuditLogOptions,
    BackendGroups,
    backends_in_use,
    describe_backends,
    without_effect,
)
from tests.fakes.options import options


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueOptions(BackendOptions):
    """A backend that somebody adds."""

    plugin: ClassVar[str] = "queue"
    connects: ClassVar[bool] = True

    address: str = ""
    mode: str = "batch"

    @property
    def is_configured(self) -> bool:
        """Whether there is a queue."""
        return bool(self.address)

    @property
    def place(self) -> str:
        """The queue's address."""
        return f"the queue {self.address}"

    def own_faults(self) -> list[str]:
        """An address that is none."""
        return [] if ":" in self.address else [f"{self.address} is no address"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MoreGroups(BackendGroups):
    """The groups with one more."""

    audit_queue: QueueOptions = field(default_factory=QueueOptions)


def test_another_backend() -> None:
    """A backend is its class and its field: use, place and faults follow."""
    none = MoreGroups()
    assert backends_in_use(none) == (none.audit_log,)
    assert describe_backends(none) == "standard output (blocking)"
    alone = MoreGroups(audit_queue=QueueOptions(address="far", mode="x"))
    assert backends_in_use(alone) == (alone.audit_queue,)
    assert describe_backends(alone) == "the queue far (x)"
    assert backend_faults(alone) == [
        '--audit-queue-mode: invalid audit queue mode x, allowed modes are "batch,blocking,blocking-strict"',
        "far is no address",
    ]
    both = MoreGroups(
        audit_log=AuditLogOptions(path="/a"), audit_queue=QueueOptions(address="far:1")
    )
    assert describe_backends(both) == "/a (blocking) and the queue far:1 (batch)"
    assert backend_faults(both) == []


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, ()),
        ({"audit_kafka_topic": "t"}, ("--audit-kafka-topic", "--audit-kafka-brokers")),
        ({"audit_kafka_topic": "t", "audit_kafka_brokers": ("tls://h:1",)}, ()),
        ({"audit_nats_spool_dir": "d"}, ("--audit-nats-spool-dir", "--audit-nats-servers")),
        ({"audit_otlp_ca_file": "c"}, ("--audit-otlp-ca-file", "--audit-otlp-endpoint")),
        (
            {"audit_webhook_spool_dir": "d"},
            ("--audit-webhook-spool-dir", "--audit-webhook-config-file"),
        ),
        ({"audit_webhook_mode": "blocking", "audit_kafka_policy_file": "p"}, ()),
    ],
)
def test_without_effect(given: dict[str, Any], named: tuple[str, ...]) -> None:
    """A receiver's settings without the receiver, each with the flag that asks for it."""
    expected = (
        (f"{named[0]} has no effect without {named[1]}; give both, or remove it",) if named else ()
    )
    assert without_effect(options(**given)) == expected
