"""The backends: what is in use, and what another one costs."""

from dataclasses import dataclass, field
from typing import ClassVar

from auditproxy.options.backendfaults import backend_faults
from auditproxy.options.backendoptions import BackendOptions
from auditproxy.options.backends import (
    AuditLogOptions,
    BackendGroups,
    backends_in_use,
    describe_backends,
)


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
