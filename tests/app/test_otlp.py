"""OTLP under a whole proxy: its flags, real requests, what is rejected, files that change."""

import json
from pathlib import Path

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from auditproxy.app.proxy import build
from tests.fakes.backends import event, value
from tests.fakes.options import options
from tests.fakes.processes import started
from tests.fakes.proxy import EVERYTHING, TOKENS, request, write_files
from tests.fakes.upstream import FakeUpstream, answer, replying
from tests.fakes.webhook import Receiver, server_context
from tests.fakes.webhook import answer as collected

PROTOBUF = "Content-Type: application/x-protobuf"
TAKEN = collected(200, PROTOBUF)


def lines(collector: Receiver) -> list[list[str]]:
    """The lines of each request."""
    return [
        [
            entry.body.string_value
            for entry in ExportLogsServiceRequest.FromString(each.body)
            .resource_logs[0]
            .scope_logs[0]
            .log_records
        ]
        for each in collector.received
    ]


async def test_requests_reach_the_collector(tmp_path: Path) -> None:
    """Log and collector have the same lines; no secret is shown anywhere."""
    context, ca = server_context(tmp_path)
    headers = tmp_path / "headers"
    headers.write_text("Authorization: Bearer s3cret\n")
    async with (
        Receiver(*[TAKEN] * 10, context=context) as collector,
        FakeUpstream(replying(*[answer(200, b"ok")] * 5)) as upstream,
    ):
        flags = (
            f"--audit-otlp-endpoint={collector.url}/v1/logs",
            f"--audit-otlp-ca-file={ca}",
            f"--audit-otlp-headers-file={headers}",
            "--audit-otlp-mode=blocking",
        )
        async with started(upstream.port, tmp_path, *flags) as proxy:
            await proxy.until_said(f"and the collector {collector.url}/v1/logs (blocking)")
            for _ in range(3):
                assert (await proxy.ask(request())).status == 200
            await proxy.until_shown("/readyz?verbose", b"audit-otlp: accepting events")
            await proxy.until_shown(
                "/metrics", b'auditproxy_audit_events_written_total{plugin="otlp"} 6.0'
            )
            logged = proxy.events()
        assert [each.headers["authorization"] for each in collector.received] == (
            ["Bearer s3cret"] * len(collector.received)
        )
    assert [json.loads(line) for sent in lines(collector) for line in sent] == logged


async def test_rejected(tmp_path: Path) -> None:
    """What a collector rejects in part is found, dropped alone and counted."""
    some = ExportLogsServiceResponse(
        partial_success=ExportLogsPartialSuccess(rejected_log_records=1)
    )
    rejecting = collected(200, PROTOBUF, body=some.SerializeToString())
    async with Receiver(rejecting, TAKEN, rejecting) as collector:
        chosen = options(
            **write_files(1, tmp_path, policy=EVERYTHING, tokens=TOKENS),
            audit_otlp_endpoint=collector.url,
            audit_otlp_batch_max_wait=0,
            cert_dir=str(tmp_path),
        )
        proxy = await build(chosen, listener_tls=False)
        assert str(proxy.backend) == "buffered<otlp>"
        proxy.backend.process_events((event("a"), event("b")))
        await proxy.backend.shutdown(10.0)
        assert proxy.metrics.audit.undelivered() == {("otlp", "rejected"): 1}
        assert value(proxy.metrics, "auditproxy_audit_events_written_total", plugin="otlp") == 1
        await proxy.close()
    assert [len(each) for each in lines(collector)] == [2, 1, 1]


async def test_headers_that_change(tmp_path: Path) -> None:
    """A token that is replaced in its file counts from the next delivery on; no restart."""
    headers = tmp_path / "headers"
    headers.write_text("Authorization: old\n")
    async with Receiver(*[TAKEN] * 2) as collector:
        chosen = options(
            **write_files(1, tmp_path, policy=EVERYTHING, tokens=TOKENS),
            audit_otlp_endpoint=collector.url,
            audit_otlp_headers_file=str(headers),
            audit_otlp_mode="blocking-strict",
            cert_dir=str(tmp_path),
        )
        proxy = await build(chosen, listener_tls=False)

        async def delivered() -> bool:
            outcome = proxy.backend.process_events((event(),))
            return outcome if isinstance(outcome, bool) else await outcome

        assert await delivered()
        headers.write_text("Authorization: new\n")
        await proxy.reloader.poll(settle=False)
        assert await delivered()
        await proxy.backend.shutdown(5.0)
        await proxy.close()
    assert [each.headers["authorization"] for each in collector.received] == ["old", "new"]


async def test_a_spool(tmp_path: Path) -> None:
    """Events that a collector does not take yet are on the disk, and reach it when it does."""
    spool = tmp_path / "spool"
    spool.mkdir(mode=0o700)
    async with Receiver(collected(503), TAKEN) as collector:
        chosen = options(
            **write_files(1, tmp_path, policy=EVERYTHING, tokens=TOKENS),
            audit_otlp_endpoint=collector.url,
            audit_otlp_spool_dir=str(spool),
            audit_otlp_initial_backoff=0,
            cert_dir=str(tmp_path),
        )
        proxy = await build(chosen, listener_tls=False)
        await proxy.start()
        proxy.backend.process_events((event("a"), event("b")))
        await collector.until_received(2)
        await proxy.close()
    first, second = lines(collector)[:2]
    assert [json.loads(line)["auditID"] for line in second] == ["a", "b"]
    assert first == second
    assert proxy.metrics.audit.undelivered() == {}
