"""app/sinks/backendmodes.py: the same deliverer in each mode, and how it fares."""

import pytest

from auditproxy.app.sinks.backendmodes import buffered_later, remote, truncated
from auditproxy.backends.buffered import BufferedBackend
from auditproxy.options import AuditWebhookOptions
from tests.fakes.backends import Recorder, Told, events


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (AuditWebhookOptions(), "buffered<webhook>"),
        (AuditWebhookOptions(mode="blocking"), "ignoreErrors<webhook>"),
        (AuditWebhookOptions(mode="blocking-strict"), "webhook"),
        (AuditWebhookOptions(truncate_enabled=True), "truncate<buffered<webhook>>"),
    ],
)
async def test_modes(options: AuditWebhookOptions, name: str) -> None:
    """As kube-apiserver wraps it, and one state for readiness and metrics."""
    told = Told("webhook")
    backend, state = remote(options, Recorder(), told.metrics, told.losses, in_order=False)
    assert str(backend) == name
    assert (state.backend, state.describe()) == ("webhook", ("audit-webhook: accepting events",))
    await backend.shutdown(1.0)


@pytest.mark.parametrize(("throttled", "batches"), [(False, 1), (True, 5)])
async def test_with_a_throttle_none_come_along(throttled: bool, batches: int) -> None:
    """The number of deliveries means something then."""
    told, recorder = Told(), Recorder()
    options = AuditWebhookOptions(
        batch_max_size=1,
        batch_throttle_enable=throttled,
        batch_throttle_qps=1e6,
        batch_throttle_burst=1_000,
    )
    backend, waiting = buffered_later(
        options, recorder, told.metrics, told.losses, in_order=True, along=256
    )
    assert isinstance(backend, BufferedBackend)
    backend.process_events(events(5))
    assert waiting() == 5
    await backend.shutdown(5.0)
    assert len(recorder.batches) == batches
    assert waiting() == 0


async def test_nothing_is_truncated_unasked() -> None:
    """The backend itself comes back."""
    told = Told()
    options = AuditWebhookOptions(mode="blocking-strict")
    backend, _ = remote(options, Recorder(), told.metrics, told.losses, in_order=True)
    assert truncated(options, backend, told.losses) is backend
    await backend.shutdown(1.0)
