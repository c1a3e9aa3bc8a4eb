"""Stages, row by row as kube-apiserver's own test of its audit filter has them (filters/audit_test.go).

What a handler does there an upstream does here; a panic is a crash of ours.
"""

import asyncio
import time
from pathlib import Path

import pytest

from tests.fakes.proxy import EVERYTHING, RunningProxy, proxy_before, request
from tests.fakes.upstream import FakeConnection, FakeUpstream, answer, replying

SHORT = "/api/v1/namespaces/default/pods/foo"
LONG = "/api/v1/namespaces/default/pods?watch=true"
OK = answer(200, b"foo", b"Content-Type: text/plain")
FORBIDDEN = answer(403, b"", b"Content-Type: text/plain")
STREAM = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nfoo\r\n0\r\n\r\n"


def with_policy(*omitted: str) -> str:
    """A policy that records everything but some stages."""
    return EVERYTHING.replace("rules:", f"omitStages: [{', '.join(omitted)}]\nrules:")


def short_names(proxy: RunningProxy) -> list[str]:
    """Stages as RR, RS, RC, Panic, with their codes."""
    names = {
        "RequestReceived": "RR",
        "ResponseStarted": "RS",
        "ResponseComplete": "RC",
        "Panic": "Panic",
    }
    return [
        names[stage] if code is None else f"{names[stage]}:{code}" for stage, code in proxy.stages()
    ]


@pytest.mark.parametrize(
    ("target", "reply", "omitted", "expected"),
    [
        (SHORT, OK, (), ["RR", "RC:200"]),
        (SHORT, FORBIDDEN, (), ["RR", "RC:403"]),
        (SHORT, OK, ("RequestReceived",), ["RC:200"]),
        (SHORT, OK, ("ResponseComplete",), ["RR"]),
        (LONG, STREAM, (), ["RR", "RS:200", "RC:200"]),
        (LONG, FORBIDDEN, (), ["RR", "RS:403", "RC:403"]),
        (LONG, STREAM, ("RequestReceived",), ["RS:200", "RC:200"]),
        (LONG, STREAM, ("ResponseStarted",), ["RR", "RC:200"]),
        (LONG, STREAM, ("RequestReceived", "ResponseStarted", "ResponseComplete"), []),
    ],
)
async def test_answers(
    tmp_path: Path, target: str, reply: bytes, omitted: tuple[str, ...], expected: list[str]
) -> None:
    """Which events an answer leaves."""
    async with (
        FakeUpstream(replying(reply)) as upstream,
        proxy_before(upstream.port, tmp_path, policy=with_policy(*omitted)) as proxy,
    ):
        await proxy.ask(request("GET", target))
        await proxy.until_events(len(expected))
        assert short_names(proxy) == expected


@pytest.mark.parametrize(
    ("target", "written", "omitted", "expected"),
    [
        (SHORT, False, (), ["RR", "Panic:500"]),
        (SHORT, True, (), ["RR", "Panic:500"]),
        (LONG, False, (), ["RR", "Panic:500"]),
        (LONG, True, (), ["RR", "RS:200", "Panic:500"]),
        (LONG, True, ("RequestReceived", "ResponseStarted", "ResponseComplete"), ["Panic:500"]),
    ],
)
async def test_panics(
    tmp_path: Path, target: str, written: bool, omitted: tuple[str, ...], expected: list[str]
) -> None:
    """A crash before or after the first byte: Panic instead of ResponseComplete."""
    async with (
        FakeUpstream(replying(STREAM)) as upstream,
        proxy_before(upstream.port, tmp_path, policy=with_policy(*omitted)) as proxy,
    ):
        pool = proxy.proxy.handler.services.upstream.pool
        round_trip = pool.round_trip

        async def crashing(sent: object, sink: object) -> object:
            if written:
                await round_trip(sent, sink)  # type: ignore[arg-type]
            raise ZeroDivisionError

        pool.round_trip = crashing  # type: ignore[method-assign, assignment]
        reader, writer = await proxy.connect()
        writer.write(request("GET", target))
        async with asyncio.timeout(5):
            await proxy.until_events(len(expected))
            await reader.read()
        assert short_names(proxy) == expected


async def test_slow_request_has_latency(tmp_path: Path) -> None:
    """Above half a second ResponseComplete says where the time went; a watch never does."""

    passed = 0

    async def script(connection: FakeConnection) -> None:
        nonlocal passed
        while True:
            head, _ = await connection.read_request()
            passed += 510_000_000
            connection.send(STREAM if b"watch" in head else OK)

    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        proxy.proxy.handler.shared.monotonic_clock = lambda: time.perf_counter_ns() + passed
        await proxy.ask(request("GET", SHORT))
        annotations = proxy.events[-1]["annotations"]
        prefix = "apiserver.latency.k8s.io/"
        assert annotations[prefix + "total"].endswith("ms")
        assert prefix + "authentication" in annotations
        await proxy.ask(request("GET", LONG))
        await proxy.until_events(5)
        assert not any(key.startswith(prefix) for key in proxy.events[-1]["annotations"])
