"""The tee: one answer to the client and to its record, and errors that are held for both."""

import asyncio
from pathlib import Path

import pytest

from auditproxy.server.tee import HELD_ANSWER_LIMIT
from tests.fakes.proxy import proxy_before, request
from tests.fakes.upstream import FakeConnection, FakeUpstream, answer, replying

JSON = b"Content-Type: application/json"


async def test_long_error_of_a_watch(tmp_path: Path) -> None:
    """An error larger than what is held goes out all the same, and is recorded within limits."""
    body = b'{"kind":"Status","message":"' + b"x" * HELD_ANSWER_LIMIT + b'","code":500}'
    async with (
        FakeUpstream(replying(answer(500, body, b"Content-Type: application/json"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        got = await proxy.ask(request("GET", "/api/v1/pods?watch=1"))
        assert got.body == body
        await proxy.until_events(3)
        assert [code for _, code in proxy.stages()] == [None, 500, 500]


async def test_error_of_a_watch_waits_for_its_end(tmp_path: Path) -> None:
    """The client has no byte of it, and the log no event, before the Status is complete."""
    status = b'{"kind":"Status","apiVersion":"v1","message":"gone","reason":"Expired","code":410}'
    whole = asyncio.Event()

    async def script(connection: FakeConnection) -> None:
        await connection.read_head()
        reply = answer(410, status, JSON)
        connection.send(reply[:-20])
        await whole.wait()
        connection.send(reply[-20:])
        await connection.wait_closed(10)

    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        reader, writer = await proxy.connect()
        writer.write(request("GET", "/api/v1/pods?watch=1"))
        first = asyncio.create_task(reader.readuntil(b"\r\n\r\n"))
        await proxy.until_events(1)
        assert (await asyncio.wait({first}, timeout=0.2))[1] == {first}
        assert [stage for stage, _ in proxy.stages()] == ["RequestReceived"]
        whole.set()
        async with asyncio.timeout(5):
            assert b"HTTP/1.1 410" in await first
            assert await reader.readexactly(len(status)) == status
        await proxy.until_events(3)
        started = proxy.events[1]
        assert started["stage"] == "ResponseStarted"
        assert started["responseStatus"]["reason"] == "Expired"


@pytest.mark.parametrize("size", [0, 1, 100_000])
async def test_record_and_client_get_the_same(tmp_path: Path, size: int) -> None:
    """What the client reads is what the event shows, however the bytes are cut."""
    body = b'{"kind":"Pod","apiVersion":"v1","x":"' + b"y" * size + b'"}'

    async def script(connection: FakeConnection) -> None:
        await connection.read_head()
        reply = answer(200, body, JSON)
        for at in range(0, len(reply), 997):
            connection.send(reply[at : at + 997])

    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        got = await proxy.ask(request("GET", "/api/v1/namespaces/d/pods/p"))
        assert got.body == body
        await proxy.until_events(2)
        assert proxy.events[-1]["responseObject"]["x"] == "y" * size
