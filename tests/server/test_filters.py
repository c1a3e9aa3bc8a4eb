"""apiserver_request_filter_duration_seconds agrees with the latency annotations of the events."""

from pathlib import Path
from typing import Any

import pytest

from auditproxy.apis.attributes import Attributes
from auditproxy.apis.audit import Event
from auditproxy.apis.user import UserInfo
from auditproxy.authentication.authenticator import AuthenticationRequest, Identity
from auditproxy.authorization.authorizer import Decision
from auditproxy.authorization.impersonation import Impersonated
from auditproxy.request.headers import ClientHeaders
from tests.fakes.bothways import OK, Scene, both
from tests.fakes.proxy import ADMIN, RunningProxy, proxy_before, request
from tests.fakes.upstream import FakeConnection, FakeUpstream, answer, replying
from tests.fakes.waiting import until

MILLISECOND = 1_000_000
AUTHENTICATION, AUDIT, IMPERSONATION, AUTHORIZATION = 600, 7, 20, 300
"""Milliseconds that each filter takes."""
NAME = "apiserver_request_filter_duration_seconds"
PREFIX = "apiserver.latency.k8s.io/"


class SlowFilters:
    """Filters that take their time of a clock that stands still otherwise; none decides anything."""

    def __init__(self, proxy: RunningProxy) -> None:
        self.passed = 10**15
        shared, services = proxy.proxy.handler.shared, proxy.proxy.handler.services
        self._authenticator, self._sink = services.authenticator, shared.sink
        shared.monotonic_clock = lambda: self.passed
        services.authenticator = self
        services.impersonator = self
        services.annotation_authorizer = self
        shared.sink = self

    def take(self, milliseconds: int) -> None:
        """Let time pass."""
        self.passed += milliseconds * MILLISECOND

    async def authenticate(self, request: AuthenticationRequest) -> Identity | None:
        """The proxy's own answer, late."""
        self.take(AUTHENTICATION)
        return await self._authenticator.authenticate(request)

    async def impersonate(
        self, headers: ClientHeaders, requestor: UserInfo, attributes: Attributes
    ) -> Impersonated | None:
        """Always jane."""
        self.take(IMPERSONATION)
        jane = UserInfo(username="jane")
        return Impersonated(jane, "", jane)

    async def authorize(self, attributes: Attributes) -> Decision:
        """Always allow."""
        self.take(AUTHORIZATION)
        return Decision(allowed=True, reason="because")

    def process_events(self, events: tuple[Event, ...]) -> Any:
        """Give events to the proxy's own sink."""
        self.take(AUDIT)
        return self._sink.process_events(events)

    async def shutdown(self, grace: float) -> None:
        """Nothing is buffered."""


def durations(proxy: RunningProxy) -> dict[str, tuple[float, float]]:
    """How many requests each filter had, and the milliseconds that they took in all."""
    return {
        name: (
            proxy.metric(f"{NAME}_count", filter=name),
            round(proxy.metric(f"{NAME}_sum", filter=name) * 1e3, 6),
        )
        for name in ("authentication", "audit", "impersonation", "authorization")
    }


async def test_agreement(tmp_path: Path) -> None:
    """The metric has what the event says of each layer; audit has no annotation in kube-apiserver."""
    async with (
        FakeUpstream(replying(answer(200, b"{}"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        SlowFilters(proxy)
        await proxy.ask(request("GET", "/api/v1/nodes/a", "Impersonate-User: jane"))
        annotations = proxy.events[-1]["annotations"]
        told = {k.removeprefix(PREFIX): v for k, v in annotations.items() if k.startswith(PREFIX)}
        assert told == {
            "authentication": f"{AUTHENTICATION}ms",
            "impersonation": f"{IMPERSONATION}ms",
            "authorization": f"{AUTHORIZATION}ms",
            "total": f"{AUTHENTICATION + AUDIT + IMPERSONATION + AUTHORIZATION}ms",
        }
        assert durations(proxy) == {
            "authentication": (1, AUTHENTICATION),
            "audit": (1, AUDIT),
            "impersonation": (1, IMPERSONATION),
            "authorization": (1, AUTHORIZATION),
        }


async def test_nobody_impersonated(tmp_path: Path) -> None:
    """The filters that have nothing to do are passed, as in kube-apiserver; ours asks no reviews."""
    async with (
        FakeUpstream(replying(answer(200, b"{}"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        SlowFilters(proxy)
        proxy.proxy.handler.services.annotation_authorizer = None
        await proxy.ask(request("GET", "/api/v1/nodes/a"))
        assert durations(proxy)["impersonation"] == (1, 0)
        assert durations(proxy)["authorization"] == (0, 0)


@pytest.mark.parametrize(
    ("token", "extra", "accepts", "passed"),
    [
        ("wrong", (), True, (1, 0, 0)),
        (ADMIN, (), False, (1, 0, 0)),
        (ADMIN, ("Impersonate-Uid: 1",), True, (1, 1, 0)),
        (ADMIN, (), True, (1, 1, 1)),
    ],
    ids=["unauthenticated", "not stored", "impersonation refused", "forwarded"],
)
async def test_refused(
    tmp_path: Path, token: str, extra: tuple[str, ...], accepts: bool, passed: tuple[int, ...]
) -> None:
    """A filter that refuses a request is not measured, but for authentication."""
    async with (
        FakeUpstream(replying(answer(200, b"{}"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        proxy.collector.accepts = accepts
        await proxy.ask(request("GET", "/api/v1/nodes/a", *extra, token=token))
        found = durations(proxy)
        names = ("authentication", "audit", "impersonation")
        assert tuple(found[name][0] for name in names) == passed


async def test_client_that_leaves(tmp_path: Path) -> None:
    """An authenticator for which clients do not wait is seen all the same."""
    async with (
        FakeUpstream(replying(answer(200, b"{}"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        slow = SlowFilters(proxy)
        _, writer = await proxy.connect()

        async def hang(request: AuthenticationRequest) -> None:
            slow.take(AUTHENTICATION)
            writer.transport.abort()
            await until(lambda: False, "nothing: the client has left")

        slow.authenticate = hang  # type: ignore[method-assign]
        writer.write(request())
        await until(lambda: durations(proxy)["authentication"][0] == 1, "it is measured")
        assert durations(proxy)["authentication"] == (1, AUTHENTICATION)


@pytest.mark.parametrize("log", [False, True], ids=["events", "lines"])
@pytest.mark.parametrize("kept", [True, False], ids=["answered", "handed over"])
async def test_short_way(tmp_path: Path, log: bool, kept: bool) -> None:
    """Requests on the short way, and those that the chain goes on with, are measured alike."""
    found: list[dict[str, tuple[float, float]]] = []
    passed = [10**15]

    async def slow(connection: FakeConnection) -> None:
        passed[0] += 700 * MILLISECOND
        whole = b"Content-Length: 2\r\n\r\n{}"
        chunked = b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
        connection.send(b"HTTP/1.1 200 OK\r\n" + (whole if kept else chunked))

    async def play(scene: Scene) -> None:
        shared = scene.handler.shared
        shared.monotonic_clock = lambda: passed[0]
        await scene.ask(request("GET", "/api/v1/nodes/a"))
        sink = shared.sink

        class Slow:
            def process_events(self, events: tuple[Event, ...]) -> Any:
                passed[0] += AUDIT * MILLISECOND
                return sink.process_events(events)

        shared.sink = Slow()
        take = shared.take_line

        def take_line(line: bytes, *, is_intent: bool) -> Any:
            passed[0] += AUDIT * MILLISECOND
            return take(line, is_intent=is_intent)

        if take is not None:
            shared.take_line = take_line
        await scene.ask(request("GET", "/api/v1/nodes/a"))
        found.append(durations(scene.proxy))
        shared.sink, shared.take_line = sink, take

    seen = await both(tmp_path, [OK, slow], play, log=log)
    assert found[0] == found[1]
    assert found[0] == {
        "authentication": (2, 0),
        "audit": (2, AUDIT),
        "impersonation": (2, 0),
        "authorization": (0, 0),
    }
    # The time that authentication took is no time, and is left out.
    last = [event for event in seen.events if event["stage"] == "ResponseComplete"][1]
    told = {key for key in last["annotations"] if key.startswith(PREFIX)}
    assert told == {f"{PREFIX}total"}
