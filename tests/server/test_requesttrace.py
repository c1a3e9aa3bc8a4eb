"""The trace of a request through the chain, whatever becomes of the request."""

from pathlib import Path

import pytest

from auditproxy.tracing.requests import RequestSpans, Tracing, WebhookSpan
from tests.fakes.proxy import ADMIN, ALICE, RunningProxy, proxy_before, request
from tests.fakes.upstream import FakeConnection, FakeUpstream, answer, replying
from tests.fakes.waiting import until

TRACE_ID = "auditproxy.io/trace-id"
WATCH = "/api/v1/pods?watch=1"


class Sink:
    """Keeps what is to be exported."""

    def __init__(self, proxy: RunningProxy, rate: int = 1_000_000) -> None:
        self.spans: list[RequestSpans | WebhookSpan] = []
        self._drawn = 0
        proxy.proxy.handler.shared.tracing = Tracing(rate, self._draw, self)

    def _draw(self, bits: int) -> int:
        self._drawn += 1
        return self._drawn

    def add(self, spans: RequestSpans | WebhookSpan) -> None:
        """Keep it."""
        self.spans.append(spans)

    @property
    def request(self) -> RequestSpans:
        """The only one."""
        (spans,) = self.spans
        assert isinstance(spans, RequestSpans)
        return spans

    def filters(self) -> list[str]:
        """The filters that it has passed."""
        return [passed.name for passed in self.request.trace.filters]


@pytest.mark.parametrize(
    ("method", "extra", "filters", "is_sent", "code"),
    [
        ("GET", (), ["authentication", "audit", "impersonation"], True, 200),
        ("TRACE", (), ["authentication", "audit", "impersonation"], False, 405),
        ("GET", ("Impersonate-Uid: 1",), ["authentication", "audit"], False, 400),
        (
            "GET",
            ("Impersonate-User: jane",),
            ["authentication", "audit", "impersonation"],
            True,
            200,
        ),
    ],
    ids=["forwarded", "method", "impersonation", "impersonated"],
)
async def test_filters(
    tmp_path: Path,
    method: str,
    extra: tuple[str, ...],
    filters: list[str],
    is_sent: bool,
    code: int,
) -> None:
    """A filter that refuses a request has no span, nor has an upstream that was not asked."""
    async with (
        FakeUpstream(replying(answer(200, b"{}"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        sink = Sink(proxy)
        got = await proxy.ask(request(method, "/api/v1/nodes/a", *extra))
        assert got.status == sink.request.code == code
        assert sink.filters() == filters
        assert bool(sink.request.trace.sent) is is_sent
        for event in proxy.events:
            assert event["annotations"][TRACE_ID] == f"{sink.request.trace.trace_id:032x}"
        last = 0
        for passed in sink.request.trace.filters:
            assert last <= passed.began <= passed.ended
            last = passed.ended


async def test_unauthenticated(tmp_path: Path) -> None:
    """A client that nobody knows has no trace, as in kube-apiserver."""
    async with (
        FakeUpstream(replying(answer(200, b"{}"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        sink = Sink(proxy)
        assert (await proxy.ask(request(token="wrong"))).status == 401
        assert sink.spans == []


async def test_watch(tmp_path: Path) -> None:
    """A long-running request is over when its stream ends."""
    streams: list[FakeConnection] = []

    async def script(connection: FakeConnection) -> None:
        await connection.read_request()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n")
        streams.append(connection)
        await connection.closed.wait()

    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        sink = Sink(proxy)
        reader, writer = await proxy.connect()
        writer.write(request("GET", WATCH))
        await reader.readuntil(b"{}")
        assert sink.spans == []
        writer.transport.abort()
        await until(lambda: bool(sink.spans), "the span is there")
        assert sink.request.name == "GET /api/v1/pods"


async def test_level_none(tmp_path: Path) -> None:
    """What the policy leaves out is traced all the same: its events are none of a trace's business."""
    policy = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: None}]\n"
    async with (
        FakeUpstream(replying(answer(200, b"{}"))) as upstream,
        proxy_before(upstream.port, tmp_path, policy=policy) as proxy,
    ):
        sink = Sink(proxy)
        await proxy.ask(request("GET", "/api/v1/nodes/a"))
        assert sink.request.request_uri == "/api/v1/nodes/a"
        assert proxy.events == []


@pytest.mark.parametrize("token", [ADMIN, ALICE])
async def test_impersonated_groups_do_not_count(tmp_path: Path, token: str) -> None:
    """Trust is in the user who authenticated: a group that is only asked for has none."""
    parent = f"traceparent: 00-{1:032x}-{2:016x}-01"
    async with (
        FakeUpstream(replying(answer(200, b"{}"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        sink = Sink(proxy, rate=0)
        extra = ("Impersonate-User: jane", "Impersonate-Group: system:masters")
        await proxy.ask(request("GET", "/api/v1/nodes/a", parent, *extra, token=token))
        assert len(sink.spans) == (token == ADMIN)


async def ask_again(proxy: RunningProxy, raw: bytes, times: int) -> None:
    """The same request so many times on one connection, each over before the next."""
    reader, writer = await proxy.connect()
    for _ in range(times):
        writer.write(raw)
        await reader.readuntil(b"\r\n\r\n{}")
        await until(lambda: not proxy.proxy.handler.under_way, "it is over")


async def test_each_request_has_its_turn(tmp_path: Path) -> None:
    """Requests on the short way take their turns too: of four every second one is sampled."""
    async with (
        FakeUpstream(replying(answer(200, b"{}"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        sink = Sink(proxy, rate=0)
        drawn = iter((0, 1 << 63, 0, 1 << 63, 0, 1 << 63))

        def draw(bits: int) -> int:
            return next(drawn) if bits == 128 else 1

        proxy.proxy.handler.shared.tracing = Tracing(500_000, draw, sink)
        await ask_again(proxy, request("GET", "/api/v1/nodes/a"), 4)
        assert len(sink.spans) == 2
        assert proxy.proxy.handler.short.taken == 2


@pytest.mark.parametrize("token", [ADMIN, ALICE])
async def test_same_context_again(tmp_path: Path, token: str) -> None:
    """A header block that comes again with its traceparent is never taken past the rules of trust."""
    parent = f"traceparent: 00-{1:032x}-{2:016x}-01"
    async with (
        FakeUpstream(replying(answer(200, b"{}"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        sink = Sink(proxy, rate=0)
        await ask_again(proxy, request("GET", "/api/v1/nodes/a", parent, token=token), 3)
        sent = b"".join(bytes(each.received) for each in upstream.connections)
        is_trusted = token == ADMIN
        assert len(sink.spans) == 3 * is_trusted
        assert sent.count(b"\r\ntraceparent: ") == 3 * is_trusted
        assert b"%016x" % 2 not in sent
