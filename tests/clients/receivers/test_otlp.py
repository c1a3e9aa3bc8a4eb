"""OTLP over HTTP: a receiver on a real socket, refusals of every kind, and hostile ones."""

import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from auditproxy.clients.receivers import otlp
from auditproxy.clients.receivers.otlp import OtlpReceiver
from auditproxy.clients.receivers.otlptarget import OtlpTarget
from auditproxy.clients.receivers.receiver import EventRecord, ReceiverError
from auditproxy.tls.client import client_context
from auditproxy.tls.pem import load_pair
from tests.fakes.certificates import CERTIFICATE, KEY
from tests.fakes.publishing import records
from tests.fakes.webhook import HANG, HUGE, RESET, Received, Receiver, answer, server_context

PROTOBUF = "Content-Type: application/x-protobuf"
TAKEN = answer(200, PROTOBUF)
SECRET = "Bearer s3cret"


def partial(count: int, text: str = "s3cret") -> bytes:
    """An answer that says that some records were rejected."""
    response = ExportLogsServiceResponse(
        partial_success=ExportLogsPartialSuccess(rejected_log_records=count, error_message=text)
    )
    return answer(200, PROTOBUF, body=response.SerializeToString())


def target(collector: Receiver, context: ssl.SSLContext | None = None) -> OtlpTarget:
    """The collector, with a credential."""
    return OtlpTarget(f"{collector.url}/v1/logs", (("Authorization", SECRET),), context)


def bodies(received: Sequence[Received]) -> list[list[str]]:
    """The bodies of the log records of each request."""
    decoded = [ExportLogsServiceRequest.FromString(each.body) for each in received]
    return [
        [record.body.string_value for record in each.resource_logs[0].scope_logs[0].log_records]
        for each in decoded
    ]


async def fault(receiver: OtlpReceiver, sent: Sequence[EventRecord] | None = None) -> ReceiverError:
    """Why records cannot be published; no secret is in it."""
    with pytest.raises(ReceiverError) as raised:
        await receiver.publish(records("a") if sent is None else sent)
    await receiver.close()
    assert "s3cret" not in f"{raised.value}{raised.value!r}{raised.value.__cause__!r}"
    return raised.value


async def test_publish() -> None:
    """Records arrive in their order over one connection, with the header lines of the file."""
    async with Receiver(TAKEN, TAKEN) as collector:
        receiver = OtlpReceiver(target(collector), now=lambda: 5)
        first, second = records("a", "b"), records("c")
        await receiver.publish(first)
        await receiver.publish(second)
        await receiver.close()
    assert bodies(collector.received) == [
        [each.line.decode() for each in first],
        [each.line.decode() for each in second],
    ]
    assert collector.connections == 1
    (one, _) = collector.received
    assert one.line == "POST /v1/logs HTTP/1.1"
    assert one.headers["authorization"] == SECRET
    assert one.headers["content-type"] == "application/x-protobuf"


async def test_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many bytes are several requests; nothing is left out."""
    sent = records("a", "b", "c")
    monkeypatch.setattr(otlp, "MAXIMUM_REQUEST_BYTES", len(sent[0].line) + 1)
    async with Receiver(TAKEN, TAKEN) as collector:
        receiver = OtlpReceiver(target(collector))
        await receiver.publish(sent)
        await receiver.close()
    assert [len(each) for each in bodies(collector.received)] == [2, 1]


@pytest.mark.parametrize(
    ("step", "reason", "is_poison", "retry_after"),
    [
        (partial(1), "rejected", True, None),
        (answer(400, body=b"s3cret"), "refused", True, None),
        (answer(413), "too-large", True, None),
        (answer(422), "refused", True, None),
        (answer(401), "unauthorized", False, None),
        (answer(403), "forbidden", False, None),
        (answer(404), "status-4xx", False, None),
        (answer(429, "Retry-After: 7"), "status-4xx", False, 7.0),
        (answer(503, "Retry-After: 8"), "status-5xx", False, 8.0),
        (answer(503, "Retry-After: -8"), "status-5xx", False, None),
        (answer(503, "Retry-After: soon"), "status-5xx", False, None),
        (answer(500), "status-5xx", False, None),
        (answer(307, "Location: http://127.0.0.1:1/s3cret"), "status-3xx", False, None),
        (answer(200, PROTOBUF, body=b"\xff\xffs3cret"), "bad-answer", False, None),
        (answer(200, "Content-Type: text/html", body=b"s3cret"), "bad-answer", False, None),
        (answer(200, "Content-Type: text/html"), "bad-answer", False, None),
        (b"s3cret\r\n\r\n", "bad-answer", False, None),
        (RESET, "disconnected", False, None),
        (HUGE, "bad-answer", False, None),
    ],
)
async def test_refusals(
    step: bytes | str, reason: str, is_poison: bool, retry_after: float | None
) -> None:
    """What passes is told from what never will, and nothing that the collector wrote is shown."""
    async with Receiver(step) as collector:
        error = await fault(OtlpReceiver(target(collector)))
    assert (error.reason, error.is_poison, error.retry_after) == (reason, is_poison, retry_after)
    assert len(collector.received) == 1


@pytest.mark.parametrize("step", [TAKEN, answer(202), answer(200), partial(0)])
async def test_taken(step: bytes) -> None:
    """An empty answer, and a remark without a count, are acknowledgements."""
    async with Receiver(step) as collector:
        receiver = OtlpReceiver(target(collector))
        await receiver.publish(records("a"))
        await receiver.close()


async def test_after_a_refusal() -> None:
    """The next attempt is served."""
    async with Receiver(answer(503), RESET, TAKEN) as collector:
        receiver = OtlpReceiver(target(collector))
        for reason in ("status-5xx", "disconnected"):
            with pytest.raises(ReceiverError) as raised:
                await receiver.publish(records("a"))
            assert raised.value.reason == reason
        await receiver.publish(records("a"))
        await receiver.close()


async def test_hanging() -> None:
    """One that does not answer is given up."""
    async with Receiver(HANG) as collector:
        error = await fault(OtlpReceiver(target(collector), timeout=0.3))
        assert error.reason == "timeout"
        assert str(error).startswith(collector.url)


async def test_nobody_there() -> None:
    """A port where nothing listens."""
    error = await fault(OtlpReceiver(OtlpTarget("http://127.0.0.1:1/v1/logs")))
    assert error.reason == "unreachable"


async def test_tls(tmp_path: Path) -> None:
    """With its CA, a client certificate and the right name it is spoken to; else it is not."""
    (tmp_path / "client.crt").write_bytes(CERTIFICATE)
    context, ca = server_context(tmp_path, tmp_path / "client.crt")
    async with Receiver(TAKEN, context=context) as collector:
        trusting = client_context(ca.read_bytes())
        load_pair(trusting, CERTIFICATE, KEY)
        receiver = OtlpReceiver(target(collector, trusting))
        await receiver.publish(records("a"))
        await receiver.close()
        assert collector.received[0].has_certificate
        distrusting = client_context(CERTIFICATE)
        error = await fault(OtlpReceiver(target(collector, distrusting)))
    assert error.reason == "tls"
    assert len(collector.received) == 1


async def test_replaced() -> None:
    """New header lines count from the next delivery on, over a new connection."""
    async with Receiver(TAKEN, TAKEN) as collector:
        receiver = OtlpReceiver(target(collector))
        await receiver.publish(records("a"))
        receiver.replace(OtlpTarget(f"{collector.url}/v1/logs", (("Authorization", "new"),)))
        await receiver.publish(records("b"))
        await receiver.close()
    sent = [each.headers["authorization"] for each in collector.received]
    assert sent == [SECRET, "new"]
    assert collector.connections == 2
