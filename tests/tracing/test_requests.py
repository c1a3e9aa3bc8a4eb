"""Which requests are traced: the rate, and who may choose."""

from collections.abc import Callable
from typing import Any

import pytest

from auditproxy.apis.attributes import RequestInfo
from auditproxy.apis.user import UserInfo
from auditproxy.request.headers import ClientHeaders
from auditproxy.tracing.requests import (
    RequestSpans,
    RequestTrace,
    Tracing,
    WebhookSpan,
    span_name,
)

PARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0"


class Kept:
    """Keeps what is to be exported."""

    def __init__(self) -> None:
        self.spans: list[RequestSpans | WebhookSpan] = []

    def add(self, spans: RequestSpans | WebhookSpan) -> None:
        """Keep it."""
        self.spans.append(spans)


def draws(*lower: int) -> Callable[[int], int]:
    """Random bits whose trace ids have these lower halves."""
    left = list(lower)
    return lambda bits: left.pop(0) if bits == 128 and left else 7


@pytest.mark.parametrize(
    ("rate", "lower", "sampled"),
    [
        (0, 0, False),
        (1, 0, True),
        (1, 1 << 45, False),
        (500_000, (1 << 63) - 1, True),
        (500_000, 1 << 63, False),
        (1_000_000, (1 << 64) - 1, True),
    ],
)
def test_rate(rate: int, lower: int, sampled: bool) -> None:
    """The lower half of a trace id decides, as in OpenTelemetry's sampler."""
    tracing = Tracing(rate, draws(lower + (5 << 64)), Kept())
    assert tracing.is_next_sampled is sampled
    trace = tracing.request(ClientHeaders(()), UserInfo())
    assert (trace.trace_id, trace.sampled) == (lower + (5 << 64), sampled)


@pytest.mark.parametrize("groups", [("system:masters",), ("a", "system:monitoring"), ("masters",)])
@pytest.mark.parametrize("flag", [0, 1])
def test_parents(groups: tuple[str, ...], flag: int) -> None:
    """A trusted client's trace goes on; another's is a link, whatever it asks for."""
    tracing = Tracing(0, draws(), Kept())
    headers = ClientHeaders(((b"Traceparent", PARENT + b"%d" % flag),))
    trace = tracing.request(headers, UserInfo(groups=groups))
    is_trusted = groups != ("masters",)
    assert trace.sampled is (is_trusted and flag == 1)
    assert (trace.parent is not None, trace.link is not None) == (is_trusted, not is_trusted)
    assert trace.is_recorded is is_trusted
    assert (b"tracestate" in trace.dropped_headers) is not is_trusted
    assert (b"traceparent" in trace.dropped_headers) is not (is_trusted and flag == 0)


def test_what_is_exported() -> None:
    """Sampled requests and calls, and no others."""
    kept = Kept()
    tracing = Tracing(500_000, draws(1, 1 << 63, 2), kept)
    tracing.webhook_called(3, 10, 20, True)
    tracing.webhook_called(4, 10, 20, True)
    assert [each.count for each in kept.spans if isinstance(each, WebhookSpan)] == [3]
    for sampled in (True, False):
        trace = RequestTrace(1, 2, sampled)
        tracing.request_over(RequestSpans(trace, "", "", "", "", "", "", 0, 0, 0))
    assert len(kept.spans) == 2


@pytest.mark.parametrize(
    ("info", "name"),
    [
        ({"api_prefix": "api", "api_version": "v1", "resource": "nodes"}, "GET /api/v1/nodes"),
        (
            {
                "api_prefix": "apis",
                "api_group": "apps",
                "api_version": "v1",
                "namespace": "n",
                "resource": "deployments",
                "name": "d",
                "subresource": "scale",
            },
            "GET /apis/apps/v1/namespaces/{:namespace}/deployments/{:name}/scale",
        ),
    ],
)
def test_span_name(info: dict[str, Any], name: str) -> None:
    """kube-apiserver's names, which hold no name of an object."""
    resource = RequestInfo(is_resource_request=True, path="/", verb="get", **info)
    assert span_name("GET", resource) == name
    path = RequestInfo(is_resource_request=False, path="/healthz", verb="get")
    assert span_name("GET", path) == "GET"
