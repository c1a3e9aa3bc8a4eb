"""The truncate backend: what is dropped is counted, batches are split."""

from auditproxy.apis.audit import Event
from auditproxy.audit.encode import json_line
from auditproxy.backends.truncate import TruncateBackend
from tests.fakes.backends import Told, dropped, event, value


class Inner:
    """Keeps batches; its outcome is given."""

    def __init__(self, outcome: bool = True) -> None:
        self.outcome = outcome
        self.batches: list[tuple[Event, ...]] = []
        self.grace = -1.0

    def process_events(self, batch: tuple[Event, ...]) -> bool:
        """Keep a batch."""
        self.batches.append(batch)
        return self.outcome

    async def shutdown(self, grace: float) -> None:
        """Remember it."""
        self.grace = grace

    def __str__(self) -> str:
        return "buffered<webhook>"


async def test_dropped_and_split() -> None:
    """A dropped event is no failure of the call, as in kube-apiserver; the others go on."""
    told, inner = Told("webhook"), Inner()
    maximum = len(json_line(event("a")))
    backend = TruncateBackend(inner, told.losses, maximum_event_size=maximum, maximum_batch_size=1)
    large = event("larger than the others")
    assert backend.process_events((event("a"), large, event("b"))) is True
    assert [[one.audit_id for one in batch] for batch in inner.batches] == [["a"], ["b"]]
    assert dropped(told.metrics, "too-large", "webhook") == 1
    assert value(told.metrics, "apiserver_audit_error_total", plugin="truncate") == 1
    assert told.lines == [
        "lost 1 audit event (audit plugin 'truncate'): event is too large even after truncating; "
        "raise the limit, or record less of such requests in the policy"
    ]
    await backend.shutdown(2.0)
    assert inner.grace == 2.0
    assert str(backend) == "truncate<buffered<webhook>>"


def test_a_mode_that_refuses() -> None:
    """Mode durable: a request whose arrival is dropped here is not sent either."""
    told, inner = Told(), Inner()
    backend = TruncateBackend(
        inner, told.losses, maximum_event_size=10, maximum_batch_size=10, refuses=True
    )
    assert backend.process_events((event(),)) is False
    assert backend.process_events(()) is True


def test_failure_of_the_backend() -> None:
    """That one is told on; an empty call is none for the backend."""
    told, inner = Told(), Inner(outcome=False)
    backend = TruncateBackend(inner, told.losses, maximum_event_size=1000, maximum_batch_size=1000)
    assert backend.process_events((event(),)) is False
    assert backend.process_events(()) is True
    assert len(inner.batches) == 1
