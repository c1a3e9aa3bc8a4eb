"""The tee: one answer to the client and to its record, and errors that are held for both."""

import asyncio
from pathlib import Path

import pytest

from auditproxy.server.tee import HELD_ANSWER_LIMIT
from tests.conformance.client import read_answer
from tests.fakes.proxy import ALICE, BOB, proxy_before, request
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


def reply(number: int, *lines: bytes) -> bytes:
    """An answer as kube-apiserver's: its id, date and length are its own."""
    body = b'{"kind":"Pod","apiVersion":"v1","x":"%b"}' % (b"y" * number)
    return answer(
        200,
        body,
        b"Audit-Id: theirs-%d" % number,
        b"Cache-Control: no-cache, private",
        JSON,
        b"Date: Sat, 28 Nov 2026 05:53:%02d GMT" % number,
        *lines,
    )


async def test_heads_that_come_again(tmp_path: Path) -> None:
    """Each client and each event has what is this answer's own, of heads that are mostly the same."""
    target = "/api/v1/namespaces/d/pods/p"
    numbers = range(12)
    cookies = {4, 7}
    replies = [
        reply(number, *([b"Set-Cookie: c-%d" % number] if number in cookies else ()))
        for number in numbers
    ]
    async with (
        FakeUpstream(replying(*replies)) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        clients = [await proxy.connect() for _ in range(2)]
        got = []
        for number in numbers:
            reader, writer = clients[number % 2]
            token = (ALICE, BOB)[number % 2]
            lines = ["Audit-ID: " + f"id-{number}"] if number % 3 else []
            writer.write(request("GET", target, *lines, token=token))
            async with asyncio.timeout(5):
                got.append(await read_answer(reader, "GET"))
        await proxy.until_events(2 * len(numbers))
        events = {e["auditID"]: e for e in proxy.events if e["stage"] == "ResponseComplete"}
    names = [name for name, _ in got[0].headers]
    assert len(events) == len(numbers)
    for number, each in enumerate(got):
        assert each.body.count(b"y") == number
        assert each.header("date") == f"Sat, 28 Nov 2026 05:53:{number:02} GMT"
        assert each.header("content-length") == str(len(each.body))
        assert each.header("set-cookie") == (f"c-{number}" if number in cookies else "")
        assert each.header("audit-id") == (
            f"id-{number}" if number % 3 else each.header("audit-id")
        )
        assert [name for name, _ in each.headers if name != "Set-Cookie"] == names
        event = events[each.header("audit-id")]
        assert event["user"]["username"] == ("alice", "bob")[number % 2]
        assert event["responseObject"]["x"] == "y" * number
        assert event["responseStatus"] == {"metadata": {}, "code": 200}
