"""The buffered backend (apiserver plugin/pkg/audit/buffered/buffered_test.go), and its bounds."""

import asyncio
from typing import Any

import pytest

from auditproxy.backends.buffered import BatchConfig, BufferedBackend
from auditproxy.backends.throttle import TokenBucket
from auditproxy.backends.weight import EVENT_WEIGHT, weight
from tests.fakes.backends import Recorder, Told, dropped, event, events, value
from tests.fakes.waiting import pause, turns

HOUR = 3600.0


def buffered(recorder: Recorder, told: Told, sleep: Any = pause, **config: Any) -> BufferedBackend:
    """A buffer of ten batches of four, that wait for an hour."""
    settings = {"buffer_size": 40, "max_size": 4, "max_wait": HOUR, **config}
    return BufferedBackend(
        recorder, BatchConfig(**settings), told.losses, clock=lambda: 0.0, sleep=sleep
    )


def told_webhook() -> Told:
    """Losses of a webhook."""
    return Told("webhook")


async def test_full_batch_goes_at_once() -> None:
    """A batch of the full size does not wait."""
    recorder, told = Recorder(), told_webhook()
    backend = buffered(recorder, told)
    assert backend.process_events(events(4)) is True
    await recorder.until(1)
    assert recorder.batches == [("0", "1", "2", "3")]
    assert str(backend) == "buffered<webhook>"
    await backend.shutdown(5.0)


async def test_partial_batch_waits_for_its_time() -> None:
    """What is there goes when the time is over."""
    recorder, told = Recorder(), told_webhook()
    backend = buffered(recorder, told, max_wait=0.01)
    backend.process_events(events(2))
    await recorder.until(1)
    assert recorder.batches == [("0", "1")]
    await backend.shutdown(5.0)


async def test_no_wait_at_all() -> None:
    """--audit-log-batch-max-wait 0s takes what is there, without spinning while nothing is."""
    recorder, told = Recorder(), told_webhook()
    backend = buffered(recorder, told, max_wait=0.0)
    backend.process_events(events(2))
    await recorder.until(1)
    backend.process_events(events(1))
    await recorder.until(2)
    assert recorder.batches == [("0", "1"), ("0",)]
    await backend.shutdown(5.0)


async def test_batch_size_one() -> None:
    """Each event by itself, in order."""
    recorder, told = Recorder(), told_webhook()
    backend = buffered(recorder, told, max_size=1, in_order=True)
    backend.process_events(events(5))
    await recorder.until(5)
    assert recorder.batches == [("0",), ("1",), ("2",), ("3",), ("4",)]
    await backend.shutdown(5.0)


async def test_stop_delivers_what_is_there() -> None:
    """A partial batch goes out at the stop, and the delegate is closed after it."""
    recorder, told = Recorder(), told_webhook()
    backend = buffered(recorder, told)
    backend.process_events(events(6))
    await backend.shutdown(5.0)
    assert sorted(recorder.batches) == [("0", "1", "2", "3"), ("4", "5")]
    assert recorder.is_shut
    assert backend.waiting == 0


async def test_after_the_stop() -> None:
    """Events that come after the stop are dropped, counted and told in kube-apiserver's words."""
    recorder, told = Recorder(), told_webhook()
    backend = buffered(recorder, told)
    await backend.shutdown(5.0)
    assert backend.process_events(events(2)) is True
    assert recorder.batches == []
    assert dropped(told.metrics, "shutdown", "webhook") == 2
    assert value(told.metrics, "apiserver_audit_error_total", plugin="buffered") == 2
    assert told.lines == [
        "lost 2 audit events (audit plugin 'buffered'): audit backend shut down; "
        "raise --shutdown-audit-grace-period, and the pod's grace period with it"
    ]


async def test_full_buffer() -> None:
    """Of two events a buffer of one keeps one; the request hears nothing of it."""
    recorder, told = Recorder(), told_webhook()
    backend = buffered(recorder, told, buffer_size=1)
    assert backend.process_events(events(2)) is True
    assert backend.waiting == 1
    assert dropped(told.metrics, "buffer-full", "webhook") == 1
    assert told.lines == [
        "lost 1 audit event (audit plugin 'buffered'): audit buffer queue blocked; "
        "raise --audit-webhook-batch-buffer-size, or make its receiver faster"
    ]
    await backend.shutdown(5.0)
    assert recorder.batches == [("0",)]


async def test_bytes_are_bounded() -> None:
    """T248: large bodies fill a buffer before their number does; one alone always fits."""
    recorder, told = Recorder(), told_webhook()
    backend = buffered(recorder, told, maximum_bytes=3 * EVENT_WEIGHT)
    large = event("large", level="Request", body=b'"' + b"x" * 10 * EVENT_WEIGHT + b'"')
    assert weight(large) > 10 * EVENT_WEIGHT
    backend.process_events((large,))
    backend.process_events((event("small"),))
    assert dropped(told.metrics, "buffer-full", "webhook") == 1
    await backend.shutdown(5.0)
    assert recorder.batches == [("large",)]


@pytest.mark.parametrize("in_order", [True, False])
async def test_shutdown_waits_for_deliveries(in_order: bool) -> None:
    """Five batches, in order or many at once: all are delivered before the shutdown returns."""
    recorder, told = Recorder(), told_webhook()
    recorder.gate.clear()
    backend = buffered(recorder, told, in_order=in_order)
    backend.process_events(events(20))
    stopping = asyncio.create_task(backend.shutdown(10.0))
    await turns(10)
    assert not stopping.done()
    assert recorder.under_way == (1 if in_order else 5)
    recorder.gate.set()
    await stopping
    assert len(recorder.batches) == 5
    assert recorder.most_under_way == (1 if in_order else 5)


async def test_deliveries_at_once_are_bounded() -> None:
    """T245: a slow receiver cannot pile up deliveries; the rest waits in the buffer."""
    recorder, told = Recorder(), told_webhook()
    recorder.gate.clear()
    backend = buffered(recorder, told, maximum_sends=2)
    backend.process_events(events(40))
    await turns(20)
    assert recorder.under_way == 2
    recorder.gate.set()
    await backend.shutdown(10.0)
    assert recorder.most_under_way == 2
    assert len(recorder.batches) == 10


async def test_shutdown_is_bounded() -> None:
    """T266: what is not delivered in time is dropped and counted, to the last event."""
    recorder, told = Recorder(), told_webhook()
    recorder.gate.clear()
    backend = buffered(recorder, told, in_order=True)
    backend.process_events(events(10))
    await turns(2)
    await backend.shutdown(0.0)
    # The batch under way is its deliverer's to count.
    assert dropped(told.metrics, "shutdown", "webhook") == 6
    assert backend.waiting == 0
    assert recorder.is_shut


async def test_throttle() -> None:
    """One token a batch; the waits are the bucket's."""
    recorder, told = Recorder(), told_webhook()
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    backend = buffered(recorder, told, sleep=sleep, bucket=TokenBucket(10.0, 2), in_order=True)
    backend.process_events(events(20))
    await backend.shutdown(10.0)
    assert slept == pytest.approx([0.1, 0.2, 0.3])


async def test_crash_of_the_delegate() -> None:
    """It loses its batch, counted; kube-apiserver would end. The next batch goes on."""
    recorder, told = Recorder(), told_webhook()
    recorder.crash = ValueError("canary")
    backend = buffered(recorder, told)
    backend.process_events(events(4))
    await recorder.until(1)
    recorder.crash = None
    backend.process_events(events(4))
    await backend.shutdown(10.0)
    assert dropped(told.metrics, "crash", "webhook") == 4
    assert len(recorder.batches) == 2
    assert "canary" not in "".join(told.lines)


async def test_events_that_wait_go_along() -> None:
    """A log takes what waits in one go, for it has no batches."""
    recorder, told = Recorder(), Told()
    backend = buffered(recorder, told, max_size=1, in_order=True, along=8)
    backend.process_events(events(10))
    await recorder.until(2)
    assert [len(batch) for batch in recorder.batches] == [8, 2]
    await backend.shutdown(10.0)


@pytest.mark.parametrize("rounds", range(6))
@pytest.mark.parametrize("in_order", [True, False])
async def test_no_event_is_forgotten_at_a_sudden_end(rounds: int, in_order: bool) -> None:
    """R16: wherever the worker is when there is no time left, each event is delivered or dropped."""
    recorder, told = Recorder(), told_webhook()
    backend = buffered(recorder, told, in_order=in_order, maximum_sends=2)
    recorder.gate.clear()
    backend.process_events(events(22))
    await turns(rounds)
    under_way = recorder.under_way
    await backend.shutdown(0.0)
    # What had begun is its deliverer's to count; this one counts nothing.
    begun = 4 * recorder.most_under_way
    assert dropped(told.metrics, "shutdown", "webhook") == 22 - begun
    assert under_way <= recorder.most_under_way
    assert backend.waiting == 0


async def test_sudden_end_while_a_batch_forms() -> None:
    """Events of a batch that is not full yet are dropped and counted, not forgotten."""
    recorder, told = Recorder(), told_webhook()
    backend = buffered(recorder, told)
    backend.process_events(events(2))
    await turns(5)
    recorder.gate.clear()
    await backend.shutdown(0.0)
    counted = dropped(told.metrics, "shutdown", "webhook") + 2 * recorder.most_under_way
    assert counted == 2
