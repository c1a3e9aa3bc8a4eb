"""Spans of a whole auditproxy arrive at an OTLP collector over gRPC, with kube-apiserver's names."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from auditproxy.app import process
from auditproxy.tracing import exporting
from tests.fakes.collector import Collector, attributes
from tests.fakes.kubeconfigs import kubeconfig
from tests.fakes.proxy import ADMIN, ALICE, RunningProxy, proxy_before, request
from tests.fakes.upstream import FakeUpstream, answer, replying
from tests.fakes.waiting import until
from tests.fakes.webhook import Receiver
from tests.fakes.webhook import answer as webhook_answer

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED, UNSAMPLED = f"traceparent: 00-{TRACE}-{SPAN}-01", f"traceparent: 00-{TRACE}-{SPAN}-00"
STATE = "tracestate: vendor=1"
ANNOTATION = "auditproxy.io/trace-id"
POD = "/api/v1/namespaces/default/pods/box"


def write(folder: Path, port: int, rate: int | None) -> str:
    """A file as kube-apiserver's."""
    path = folder / "tracing.yaml"
    value: dict[str, Any] = {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "TracingConfiguration",
        "endpoint": f"127.0.0.1:{port}",
    }
    if rate is not None:
        value["samplingRatePerMillion"] = rate
    path.write_text(json.dumps(value), encoding="utf-8")
    return str(path)


@asynccontextmanager
async def traced(
    folder: Path, port: int, rate: int | None = 1_000_000, code: int = 200, **flags: Any
) -> AsyncIterator[tuple[RunningProxy, FakeUpstream]]:
    """A proxy that exports spans to a port, and the upstream behind it."""
    async with FakeUpstream(replying(answer(code, b"{}"))) as upstream:
        config = write(folder, port, rate)
        async with proxy_before(
            upstream.port, folder, tracing_config_file=config, **flags
        ) as proxy:
            yield proxy, upstream


def sent(upstream: FakeUpstream) -> dict[str, list[str]]:
    """The trace headers of the last request that the upstream got."""
    text = bytes(upstream.connections[-1].received).decode("latin-1")
    head = text[text.rindex("GET ") :].partition("\r\n\r\n")[0]
    found: dict[str, list[str]] = {"traceparent": [], "tracestate": []}
    for line in head.split("\r\n")[1:]:
        name, _, value = line.partition(": ")
        if name.lower() in found:
            found[name.lower()].append(value)
    return found


async def test_request(tmp_path: Path) -> None:
    """A request's span, its filters and the upstream below it; the event and the upstream name it."""
    async with Collector() as collector, traced(tmp_path, collector.port) as (proxy, upstream):
        got = await proxy.ask(request("GET", f"{POD}?a=b", "User-Agent: me/1"))
        await collector.until_spans(5)
        spans = collector.named()
        root = spans.pop("GET /api/v1/namespaces/{:namespace}/pods/{:name}")
        assert spans.keys() == {"authentication", "audit", "impersonation", "HTTP GET"}
        assert attributes(root) == {
            "http.request.method": "GET",
            "http.target": f"{POD}?a=b",
            "http.response.status_code": 200,
            "user_agent.original": "me/1",
            "client.address": "127.0.0.1",
            "audit-id": got.header("audit-id"),
        }
        assert root.kind == Span.SPAN_KIND_SERVER
        assert root.parent_span_id == b""
        assert root.status.code == Status.STATUS_CODE_UNSET
        for child in spans.values():
            assert (child.trace_id, child.parent_span_id) == (root.trace_id, root.span_id)
            assert root.start_time_unix_nano <= child.start_time_unix_nano
            assert child.start_time_unix_nano <= child.end_time_unix_nano
            assert child.end_time_unix_nano <= root.end_time_unix_nano
        assert len({span.span_id for span in collector.spans}) == 5
        asked = spans["HTTP GET"]
        assert asked.kind == Span.SPAN_KIND_CLIENT
        assert sent(upstream)["traceparent"] == [
            f"00-{root.trace_id.hex()}-{asked.span_id.hex()}-01"
        ]
        for event in proxy.events:
            assert event["annotations"][ANNOTATION] == root.trace_id.hex()
        (resource,) = collector.resources
        assert resource["service.name"] == "auditproxy"
        await until(lambda: proxy.metric("auditproxy_trace_spans_exported_total") == 5, "counted")


async def test_failure(tmp_path: Path) -> None:
    """A code of 500 or above is an error of the span; a path that is no resource has its method."""
    async with Collector() as collector, traced(tmp_path, collector.port, code=500) as (proxy, _):
        await proxy.ask(request("GET", "/version"))
        await collector.until_spans(5)
        root = collector.named()["GET"]
        assert root.status.code == Status.STATUS_CODE_ERROR
        assert attributes(root)["http.response.status_code"] == 500


@pytest.mark.parametrize(
    ("token", "lines", "rate", "traceparents", "states", "names_trace", "roots"),
    [
        # system:masters choose: their trace goes on, sampled or not, whatever the rate.
        (ADMIN, (SAMPLED, STATE), None, 1, ["vendor=1"], True, 1),
        (ADMIN, (UNSAMPLED, STATE), 1_000_000, 1, ["vendor=1"], True, 0),
        # Others do not: their context goes no further, and the rate decides.
        (ALICE, (SAMPLED, STATE), 0, 0, [], False, 0),
        (ALICE, (SAMPLED, STATE), 1_000_000, 1, [], True, 1),
        # Nobody asked for a trace.
        (ADMIN, (), None, 0, [], False, 0),
        (ADMIN, ("traceparent: 00-0-0-01",), 0, 0, [], False, 0),
    ],
    ids=["trusted", "trusted-unsampled", "stranger", "stranger-sampled", "none", "malformed"],
)
async def test_trust(
    tmp_path: Path,
    token: str,
    lines: tuple[str, ...],
    rate: int | None,
    traceparents: int,
    states: list[str],
    names_trace: bool,
    roots: int,
) -> None:
    """Who may have requests traced, and what of a trace context goes to the upstream."""
    async with Collector() as collector:
        async with traced(tmp_path, collector.port, rate) as (proxy, upstream):
            await proxy.ask(request("GET", POD, *lines, token=token))
            found = sent(upstream)
            annotated = proxy.events[-1]["annotations"].get(ANNOTATION)
        # The proxy has ended, and what it had is exported.
        requests = [span for span in collector.spans if span.kind == Span.SPAN_KIND_SERVER]
        assert len(requests) == roots
        assert found["tracestate"] == states
        assert len(found["traceparent"]) == traceparents
        assert (annotated is not None) is names_trace
        is_own = token == ADMIN and bool(lines) and "00-0-" not in lines[0]
        if is_own:
            assert annotated == TRACE
        elif annotated is not None:
            assert annotated != TRACE
        if lines and lines[0] == UNSAMPLED:
            assert found["traceparent"] == [UNSAMPLED.partition(": ")[2]]
        for span in requests:
            assert (span.parent_span_id.hex() == SPAN) is is_own
            assert (span.trace_id.hex() == TRACE) is is_own
            assert [link.span_id.hex() for link in span.links] == ([] if is_own else [SPAN])


async def test_without_the_flag(tmp_path: Path) -> None:
    """A proxy without tracing passes a trace context on as any other header."""
    async with (
        FakeUpstream(replying(answer(200, b"{}"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        await proxy.ask(request("GET", POD, SAMPLED, STATE, token=ALICE))
        assert sent(upstream) == {"traceparent": [SAMPLED[13:]], "tracestate": ["vendor=1"]}
        assert ANNOTATION not in proxy.events[-1]["annotations"]


@pytest.mark.parametrize("rate", [0, 1_000_000])
async def test_short_way(tmp_path: Path, rate: int) -> None:
    """Requests that are not sampled keep the short way; those that are have spans, each of them."""
    async with (
        Collector() as collector,
        FakeUpstream(replying(answer(200, b"{}"))) as upstream,
        proxy_before(
            upstream.port,
            tmp_path,
            tracing_config_file=write(tmp_path, collector.port, rate),
        ) as proxy,
    ):
        reader, writer = await proxy.connect()
        for number in range(1, 4):
            writer.write(request("GET", POD))
            await reader.readuntil(b"\r\n\r\n{}")
            await until(lambda n=number: len(proxy.events) == 2 * n, "it is recorded")  # type: ignore[misc]
        assert proxy.proxy.handler.short.taken == (0 if rate else 2)
        if rate:
            await collector.until_spans(15)


@pytest.mark.parametrize("kind", ["hangs", "away"])
async def test_dead_collector(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A collector that hangs, or is not there, fails no request and holds up none, nor the end."""
    monkeypatch.setattr(process, "SENDING_GRACE", 0.1)
    monkeypatch.setattr(exporting, "MAXIMUM_SPANS", 20)
    async with Collector() as collector:
        if kind == "hangs":
            collector.gate.clear()
        else:
            collector.stop()
        async with traced(tmp_path, collector.port) as (proxy, _):
            for _ in range(60):
                assert (await proxy.ask(request())).status == 200
            assert len(proxy.events) == 120
            waiting = proxy.metric("auditproxy_trace_requests_waiting")
            dropped = "auditproxy_trace_spans_dropped_total"
            full = proxy.metric(dropped, reason="queue-full")
            assert waiting <= 20
            if kind == "hangs":
                # At most 20 requests are with the exporter, and as many wait.
                assert full >= 5 * (60 - 2 * 20)
        registry = proxy.proxy.metrics
        reasons = ("queue-full", "collector", "shutdown")

        def counted() -> float:
            return sum(
                registry.registry.get_sample_value(dropped, {"reason": reason}) or 0.0
                for reason in reasons
            )

        await until(lambda: counted() == 60 * 5, "every span is counted")
    said = capsys.readouterr().err
    assert f"spans of requests go to 127.0.0.1:{collector.port} (OTLP over gRPC" in said
    assert "Traceback" not in said


async def test_webhook(tmp_path: Path) -> None:
    """Each attempt to deliver events is a span with kube-apiserver's name and attributes."""
    async with Collector() as collector, Receiver(webhook_answer(500)) as receiver:
        webhook = tmp_path / "webhook"
        webhook.write_text(json.dumps(kubeconfig({"server": receiver.url})), encoding="utf-8")
        flags: dict[str, Any] = {
            "own_backend": True,
            "audit_webhook_config_file": str(webhook),
            "audit_webhook_mode": "blocking",
            "audit_webhook_initial_backoff": 1,
        }
        async with traced(tmp_path, collector.port, **flags) as (proxy, _):
            await proxy.ask(request())
            await receiver.until_received(3)
        calls = [span for span in collector.spans if span.name == "Call Audit Events webhook"]
        assert [attributes(span) for span in calls] == [{"name": "webhook", "event-count": 1}] * 3
        assert [span.status.code for span in calls] == [Status.STATUS_CODE_ERROR, 0, 0]
        assert len({span.trace_id for span in collector.spans}) == 4
