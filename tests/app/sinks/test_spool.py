"""The spool in front of the audit webhook, as options describe it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from auditproxy.app.sinks.backends import AuditSink, open_backends
from auditproxy.app.sinks.spool import SpoolError
from auditproxy.app.sinks.spoolfaults import spool_faults
from auditproxy.backends.spool.state import SpoolState
from auditproxy.clients.webhook import WebhookTarget, request_url
from auditproxy.metrics.registry import Metrics
from auditproxy.options import Options
from tests.fakes.backends import dropped, events, value
from tests.fakes.options import options
from tests.fakes.waiting import until
from tests.fakes.webhook import HANG, RESET, NoCredential, Receiver, Step, answer


def spooled(folder: Path, **more: Any) -> Options:
    """Options with a spool in a folder; the receiver comes from elsewhere."""
    return options(
        audit_webhook_config_file="unused",
        audit_webhook_spool_dir=str(folder),
        audit_webhook_batch_max_wait=0,
        audit_webhook_batch_throttle_enable=False,
        audit_webhook_initial_backoff=0,
        **more,
    )


def opened(chosen: Options, url: str, metrics: Metrics, lines: list[str]) -> AuditSink:
    """The backends, whose webhook posts to a URL."""
    target = WebhookTarget(request_url(url), NoCredential())
    return open_backends(chosen, metrics, lines.append, target=target)


def received(receiver: Receiver) -> list[str]:
    """The audit IDs of all events that came."""
    bodies = [msgspec.json.decode(each.body) for each in receiver.received]
    return [item["auditID"] for body in bodies for item in body["items"]]


MODES = {
    "batch": "spool<webhook>",
    "blocking": "ignoreErrors<spool<webhook>>",
    "blocking-strict": "spool<webhook>",
}


@pytest.mark.parametrize("mode", MODES)
async def test_modes(mode: str, tmp_path: Path) -> None:
    """R16: every event arrives once, and is counted; the files are gone but one segment."""
    metrics = Metrics()
    async with Receiver() as receiver:
        chosen = spooled(tmp_path / "spool", audit_webhook_mode=mode)
        sink = opened(chosen, receiver.url, metrics, [])
        assert str(sink.backend) == MODES[mode]
        assert sink.awaits_decoded == (mode != "batch")
        sink.start()
        outcome = sink.backend.process_events(events(50))
        assert isinstance(outcome, bool) == (mode == "batch")
        assert (outcome if isinstance(outcome, bool) else await outcome) is True
        await until(lambda: len(received(receiver)) >= 50, "all arrive")
        await sink.backend.shutdown(10.0)
    assert received(receiver) == [str(number) for number in range(50)]
    assert value(metrics, "auditproxy_audit_events_written_total", plugin="webhook") == 50
    assert value(metrics, "auditproxy_audit_spool_events", plugin="webhook") == 0
    assert value(metrics, "auditproxy_audit_spool_capacity_bytes", plugin="webhook") == 2**30


STEPS: list[Step] = [
    answer(500),
    answer(429),
    answer(503, "Retry-After: 0"),
    answer(401),
    answer(404),
    RESET,
]


async def test_faults_of_the_receiver(tmp_path: Path) -> None:
    """T245: what passes is sent again until it is taken: nothing is lost, and order is kept."""
    metrics, lines = Metrics(), list[str]()
    async with Receiver(*STEPS) as receiver:
        chosen = spooled(tmp_path, audit_webhook_mode="blocking-strict")
        sink = opened(chosen, receiver.url, metrics, lines)
        outcome = sink.backend.process_events(events(3))
        assert not isinstance(outcome, bool)
        assert await outcome
        await receiver.until_received(len(STEPS) + 1)
        await sink.backend.shutdown(10.0)
    assert received(receiver)[-3:] == ["0", "1", "2"]
    assert value(metrics, "auditproxy_audit_events_written_total", plugin="webhook") == 3
    assert any("answered 500; events wait in the spool" in each for each in lines)


@pytest.mark.parametrize("status", [400, 413, 422])
async def test_poison(status: int, tmp_path: Path) -> None:
    """T246: refused together, then the first alone: it is set aside, and the second is sent."""
    metrics, lines = Metrics(), list[str]()
    async with Receiver(answer(status), answer(status)) as receiver:
        sink = opened(spooled(tmp_path), receiver.url, metrics, lines)
        sink.start()
        sink.backend.process_events(events(2))
        await receiver.until_received(3)
        await sink.backend.shutdown(10.0)
    assert received(receiver) == ["0", "1", "0", "1"]
    assert b'"auditID":"0"' in (tmp_path / "dead-letters.jsonl").read_bytes()
    assert value(metrics, "auditproxy_audit_spool_dead_letters_total", plugin="webhook") == 1
    assert dropped(metrics, "dead-letter", "webhook") == 1
    assert any(f"answered {status}" in each and "dead letters" in each for each in lines)


async def test_a_stop_while_the_receiver_hangs(tmp_path: Path) -> None:
    """T264: the stop ends in its time, and the next start sends what was left."""
    lines: list[str] = []
    async with Receiver(HANG) as receiver:
        sink = opened(spooled(tmp_path), receiver.url, Metrics(), lines)
        sink.start()
        sink.backend.process_events(events(3))
        await receiver.until_received(1)
        await sink.backend.shutdown(0.1)
        assert lines[-1].endswith("3 events wait on the disk for the next start")
        metrics = Metrics()
        again = opened(spooled(tmp_path), receiver.url, metrics, lines)
        assert value(metrics, "auditproxy_audit_spool_resumed_events_total", plugin="webhook") == 3
        again.start()
        await receiver.until_received(2)
        await again.backend.shutdown(10.0)
    assert received(receiver)[-3:] == ["0", "1", "2"]
    assert value(metrics, "auditproxy_audit_events_written_total", plugin="webhook") == 3


async def test_state(tmp_path: Path) -> None:
    """/readyz?verbose says what waits, since when, and why; a receiver that is away is no reason
    to send requests elsewhere."""
    async with Receiver(answer(500), HANG) as receiver:
        chosen = spooled(tmp_path, audit_webhook_mode="blocking-strict")
        sink = opened(chosen, receiver.url, Metrics(), [])
        (state,) = sink.states
        assert state.describe() == ("audit-webhook: accepting events",)
        assert state.is_well()
        outcome = sink.backend.process_events(events(2))
        assert not isinstance(outcome, bool)
        await outcome
        await receiver.until_received(2)
        (said,) = state.describe()
        assert said.startswith(
            "audit-webhook: accepting events, the receiver does not take them: status-5xx, 2 wait "
            "in the spool (1 KiB), for "
        )
        assert state.check() is True
        assert not state.is_well()
        assert isinstance(state, SpoolState)
        assert state.age() >= 0.0
        await sink.backend.shutdown(0.1)


def test_another_process(tmp_path: Path) -> None:
    """T260: a folder that another process uses is refused, with flag and fix."""
    first = opened(spooled(tmp_path), "http://127.0.0.1:1", Metrics(), [])
    assert first.states
    with pytest.raises(SpoolError) as raised:
        opened(spooled(tmp_path), "http://127.0.0.1:1", Metrics(), [])
    (fault,) = raised.value.faults
    assert fault.startswith(f"--audit-webhook-spool-dir {tmp_path} cannot be used: another process")
    assert spool_faults(spooled(tmp_path)) == []
