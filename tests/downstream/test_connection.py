"""The client's connection, byte by byte: heads cut anywhere, methods, garbage, and bytes behind upgrades."""

import asyncio
import contextlib
import json
from pathlib import Path

import pytest

from auditproxy.downstream.segments import CHUNKS_AT_ONCE
from tests.conformance.client import read_answer
from tests.fakes.proxy import proxy_before, request
from tests.fakes.upstream import FakeConnection, FakeUpstream, answer, replying
from tests.fakes.waiting import steady, turns, until

BOTH_LOOPS = True

WEBSOCKET = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
SPDY = ("Connection: Upgrade", "Upgrade: SPDY/3.1", "X-Stream-Protocol-Version: v4.channel.k8s.io")
EXEC = "/api/v1/namespaces/default/pods/box/exec?command=sh"


async def test_head_cut_anywhere(tmp_path: Path) -> None:
    """However the bytes of a request are cut into segments, it is the same request."""
    raw = request("POST", "/api/v1/pods?a=1", "Content-Type: text/plain", body=b"body")
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        for cut in range(1, len(raw), 7):
            reader, writer = await proxy.connect()
            writer.write(raw[:cut])
            await turns()
            await writer.drain()
            writer.write(raw[cut:])
            async with asyncio.timeout(5):
                got = await read_answer(reader, "POST")
            assert (got.status, got.body) == (200, b"ok"), cut
            writer.close()
        assert {e["requestURI"] for e in proxy.events} == {"/api/v1/pods?a=1"}


@pytest.mark.parametrize("method", ["get", "FOO", "PROPFIND", "LONG-METHOD_NAME"])
@pytest.mark.parametrize("cut", [0, 2, 4])
async def test_any_method_token(tmp_path: Path, method: str, cut: int) -> None:
    """T100 T101: a method is any token; it is forwarded and recorded as sent."""
    raw = request(method, "/version")
    async with (
        FakeUpstream(replying(answer(405, b"no"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        reader, writer = await proxy.connect()
        writer.write(raw[:cut])
        await writer.drain()
        await turns()
        writer.write(raw[cut:])
        async with asyncio.timeout(5):
            got = await read_answer(reader, method)
        assert got.status == 405
        assert upstream.connections[0].received.startswith(method.encode() + b" /version HTTP/1.1")
        await proxy.until_events(2)
        assert {event["verb"] for event in proxy.events} == {method.lower()}


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03garbage\r\n\r\n", 400),
        (b"hello\r\n\r\n", 400),
        (b"hello there\r\nHost: a\r\n\r\n", 400),
        (b"G\xc3\xa4T /api HTTP/1.1\r\nHost: a\r\n\r\n", 400),
        (b"SSH-2.0-OpenSSH_9.6\r\n", 400),
        (b"\0\0\0\0", 400),
        (b"a" * ((1 << 20) + 1), 431),
    ],
)
async def test_what_is_no_request(tmp_path: Path, raw: bytes, code: int) -> None:
    """T160, A3: bytes without a request line: constant answer, counted, no event, nothing repeated."""
    secret = raw.replace(b"Host", b"Authorization: Bearer canary\r\nHost")
    async with (
        FakeUpstream(replying(answer())) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        got = await proxy.ask(secret)
        assert got.status == code
        assert b"canary" not in got.body
        assert got.header("connection") == "close"
        assert proxy.events == []
        assert proxy.metric("auditproxy_requests_unparsed_total", code=str(code)) == 1
        assert upstream.connections == []


CANARY = b"Authorization: Bearer canary\r\nHost"


@pytest.mark.parametrize(
    ("raw", "code", "why", "uri"),
    [
        (b"GET /a?x=1 HTTP/1.1\r\nHost : a\r\n\r\n", 400, "missing required Host", "/a?x=1"),
        (b"GET /a HTTP/1.1\r\nHost: a\r\n X: folded\r\n\r\n", 400, "folded", "/a"),
        (b"GET /a HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", 400, "malformed", "/a"),
        (b"GET /a HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", 400, "malformed", "/a"),
        (b"GET /a HTTP/1.1\nHost: a\n\n", 400, "without a carriage return", "/a"),
        (b"GET /a HTTP/1.1\r\nHost: a\n\r\n", 400, "without a carriage return", "/a"),
        (
            b"GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
            400,
            "more than one Content-Length",
            "/a",
        ),
        (b"GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx", 400, "malformed", "/a"),
        (
            b"GET /a HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"0\r\n\r\n",
            400,
            "a length and a transfer coding",
            "/a",
        ),
        (b"GET /a HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "more than one Host", "/a"),
        (b"GET /a HTTP/1.1\r\n\r\n", 400, "missing required Host", "/a"),
        (b"GET /a HTTP/1.2\r\nHost: a\r\n\r\n", 505, "only HTTP/1.0 and HTTP/1.1", "/a"),
        (b"GET /a HTTP/3.0\r\nHost: a\r\n\r\n", 505, "only HTTP/1.0 and HTTP/1.1", "/a"),
        (b"GET /a HTTP/x\r\nHost: a\r\n\r\n", 400, "request line", "/a"),
        (b"GET /a\r\nHost: a\r\n\r\n", 505, "only HTTP/1.0 and HTTP/1.1", "/a"),
        (b"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400, "request line", "/a b"),
        (b"GET  HTTP/1.1\r\nHost: a\r\n\r\n", 400, "request line", ""),
        (
            b"G" * 65 + b" /a HTTP/1.1\r\nHost: a\r\n\r\n",
            400,
            "the method is longer",
            "/a",
        ),
        (
            b"GET /a HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 4097 + b"\r\n",
            431,
            "more than 4096 headers",
            "/a",
        ),
        (
            b"GET /" + b"a" * (1 << 20) + b" HTTP/1.1\r\nHost: a\r\n\r\n",
            431,
            "over 1048576 bytes",
            "/" + "a" * 4095,
        ),
        (
            b"GET /a HTTP/1.1\r\nHost: a\r\nX: " + b"a" * (1 << 20) + b"\r\n\r\n",
            431,
            "over 1048576 bytes",
            "/a",
        ),
    ],
)
async def test_unreadable_heads(tmp_path: Path, raw: bytes, code: int, why: str, uri: str) -> None:
    """T082 T083 T094 T095 T096 T112, A3: refused, with an event that says what is known of it."""
    async with (
        FakeUpstream(replying(answer())) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        got = await proxy.ask(raw.replace(b"Host", CANARY, 1) + request("GET", "/api/v1/secrets"))
        assert got.status == code
        assert got.header("connection") == "close"
        assert why in json.loads(got.body)["message"]
        (event,) = proxy.events
        assert (event["stage"], event["requestURI"]) == ("ResponseStarted", uri)
        assert event["verb"] in ("get", "g" * 64)
        assert event["sourceIPs"] == ["127.0.0.1"]
        assert event["responseStatus"]["code"] == code
        assert why in event["responseStatus"]["message"]
        assert "user" in event
        assert event["user"] == {}
        assert b"canary" not in got.body + json.dumps(event).encode()
        cut = {"auditproxy.io/shortened": "requestURI"} if len(uri) > 4000 else None
        assert event.get("annotations") == cut
        assert proxy.metric("auditproxy_requests_unparsed_total", code=str(code)) == 0
        assert upstream.connections == []


async def test_large_head_is_taken(tmp_path: Path) -> None:
    """T111: long targets, long tokens and many headers work."""
    target = EXEC + "&command=" + "a" * 65536
    headers = tuple(f"X-H{n}: {n}" for n in range(400))
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        got = await proxy.ask(request("GET", target, *headers))
        assert got.status == 200
        assert proxy.events[0]["requestURI"] == target


SWITCHED = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
    b"Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n"
)
SWITCHED_SPDY = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
    b"X-Stream-Protocol-Version: v4.channel.k8s.io\r\n\r\n"
)


@pytest.mark.parametrize(
    ("method", "headers", "switched"),
    [("GET", WEBSOCKET, SWITCHED), ("POST", SPDY, SWITCHED_SPDY)],
    ids=["websocket", "spdy"],
)
@pytest.mark.parametrize("early", [b"", b"early GET /x HTTP/1.1\r\n\r\n"], ids=["patient", "eager"])
async def test_tunnel(
    tmp_path: Path, method: str, headers: tuple[str, ...], switched: bytes, early: bytes
) -> None:
    """T188 T189 T193 T194: bytes pass both ways, early ones of both sides first; three events, code 101."""

    async def script(connection: FakeConnection) -> None:
        head = await connection.read_head()
        assert b"\r\nConnection: Upgrade\r\n" in head
        connection.send(switched + b"greeting")
        expected = early + b"ping"
        assert await connection.read(len(expected)) == expected
        connection.send(b"pong")
        await connection.wait_eof()
        connection.close()

    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        reader, writer = await proxy.connect()
        writer.write(request(method, EXEC, *headers) + early)
        async with asyncio.timeout(5):
            head = await reader.readuntil(b"\r\n\r\n")
            assert head == switched
            assert await reader.readexactly(8) == b"greeting"
            writer.write(b"ping")
            assert await reader.readexactly(4) == b"pong"
            writer.write_eof()
            assert await reader.read() == b""
        await proxy.until_events(3)
        assert proxy.stages() == [
            ("RequestReceived", None),
            ("ResponseStarted", 101),
            ("ResponseComplete", 101),
        ]
        assert proxy.events[0]["verb"] == ("get" if method == "GET" else "create")


@pytest.mark.parametrize("headers", [WEBSOCKET, SPDY], ids=["websocket", "spdy"])
async def test_refused_upgrade(tmp_path: Path, headers: tuple[str, ...]) -> None:
    """T191 T192: a refusal is relayed once; what follows is delivered nowhere, both sides close."""
    smuggled = request("GET", "/api/v1/secrets")
    async with (
        FakeUpstream(replying(answer(403, b"no", b"Content-Type: text/plain"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        reader, writer = await proxy.connect()
        writer.write(request("GET", EXEC, *headers) + smuggled)
        async with asyncio.timeout(5):
            got = await read_answer(reader, "GET")
            assert (got.status, got.body) == (403, b"no")
            assert await reader.read() == b""
        await upstream.connections[0].wait_closed()
        assert len(upstream.connections) == 1
        assert b"secrets" not in upstream.connections[0].received
        await proxy.until_events(3)
        assert {event["requestURI"] for event in proxy.events} == {EXEC}


@pytest.mark.parametrize("code", [200, 403])
@pytest.mark.parametrize(
    "headers",
    [
        WEBSOCKET,
        SPDY,
        ("Connection: notupgrade", "Upgrade: websocket"),
        ("Connection: notupgrade", "Upgrade: SPDY/3.1"),
        ("Connection: keep-alive, XUPGRADEX", "Upgrade: SPDY/3.1"),
        ("Connection: keep-alive", "Connection: upgrade", "Upgrade: websocket, SPDY/3.1"),
        ("Connection: Upgrade", "Upgrade: h2c"),
    ],
    ids=str,
)
@pytest.mark.parametrize("framing", ["none", "length", "chunks"])
@pytest.mark.parametrize("step", [1, 9, 1 << 20])
async def test_nothing_is_read_behind_an_upgrade(
    tmp_path: Path, headers: tuple[str, ...], framing: str, code: int, step: int
) -> None:
    """A15: bytes behind a request that asks for an upgrade are the tunnel's or nobody's, body or not."""
    smuggled = request("GET", "/api/v1/secrets")
    raw = request("POST", EXEC, *headers)
    if framing == "length":
        raw = request("POST", EXEC, *headers, body=b"{}")
    elif framing == "chunks":
        raw = (
            request("POST", EXEC, *headers, "Transfer-Encoding: chunked") + b"2\r\n{}\r\n0\r\n\r\n"
        )
    raw += smuggled
    all_sent = asyncio.Event()

    async def script(connection: FakeConnection) -> None:
        await connection.read_request()
        await all_sent.wait()
        connection.send(answer(code, b"no", b"Content-Type: text/plain"))

    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        reader, writer = await proxy.connect()
        for start in range(0, len(raw), step):
            writer.write(raw[start : start + step])
            await turns()
        await proxy.until_events(1)
        (exchange,) = proxy.proxy.handler.under_way
        await until(
            lambda: len(exchange.connection._held or b"") >= len(smuggled), "all bytes are held"
        )
        all_sent.set()
        async with asyncio.timeout(5):
            got = await read_answer(reader, "POST")
            assert (got.status, got.body, got.header("connection")) == (code, b"no", "close")
            assert await reader.read() == b""
        assert b"secrets" not in b"".join(bytes(c.received) for c in upstream.connections)
        await proxy.until_events(3)
        assert {event["requestURI"] for event in proxy.events} == {EXEC}


@pytest.mark.parametrize("framing", ["none", "length", "chunks", "pipeline"])
async def test_what_is_held_is_bounded(tmp_path: Path, framing: str) -> None:
    """However an upgrade request ends, a client that floods behind it is not read any further."""
    raw = request("GET", "/api/v1/pods?watch=1", *WEBSOCKET)
    if framing == "length":
        raw = request("GET", "/api/v1/pods?watch=1", *WEBSOCKET, body=bytes(600_000))
    elif framing == "chunks":
        chunked = (*WEBSOCKET, "Transfer-Encoding: chunked")
        raw = request("GET", "/api/v1/pods?watch=1", *chunked) + b"1\r\nx\r\n0\r\n\r\n"
    elif framing == "pipeline":
        raw = request("GET", "/livez") * 40 + raw

    async def script(connection: FakeConnection) -> None:
        while b"/livez" in (await connection.read_request())[0]:
            connection.send(answer(200, b"ok"))
        await connection.wait_closed(10)

    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        _, writer = await proxy.connect()
        writer.write(raw)
        flood = 16 << 20
        sent = 0
        with contextlib.suppress(TimeoutError):
            # A second: what the sockets' buffers take, they take at once.
            async with asyncio.timeout(1):
                while sent < flood:
                    writer.write(bytes(1 << 20))
                    await writer.drain()
                    sent += 1 << 20
        assert sent < flood


@pytest.mark.parametrize("framing", ["length", "chunks"])
async def test_tunnel_behind_a_body(tmp_path: Path, framing: str) -> None:
    """A1 A15: an upgrade with a body: the body goes up first, what follows it is the tunnel's."""

    async def script(connection: FakeConnection) -> None:
        _, body = await connection.read_request()
        assert body in (b"stdin", b"5\r\nstdin\r\n0\r\n\r\n")
        connection.send(SWITCHED_SPDY)
        assert await connection.read(9) == b"GET early"
        connection.send(b"pong")
        await connection.wait_eof()
        connection.close()

    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        reader, writer = await proxy.connect()
        if framing == "length":
            raw = request("POST", EXEC, *SPDY, body=b"stdin")
        else:
            raw = request("POST", EXEC, *SPDY, "Transfer-Encoding: chunked")
            raw += b"5\r\nstdin\r\n0\r\n\r\n"
        writer.write(raw + b"GET early")
        async with asyncio.timeout(5):
            assert await reader.readuntil(b"\r\n\r\n") == SWITCHED_SPDY
            assert await reader.readexactly(4) == b"pong"
            writer.write_eof()
            assert await reader.read() == b""
        await proxy.until_events(3)
        assert [code for _, code in proxy.stages()] == [None, 101, 101]


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 103 Early Hints\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
        SWITCHED.replace(b"s3pP", b"AAAA"),
    ],
)
async def test_unverified_switch(tmp_path: Path, reply: bytes) -> None:
    """T190: a 1xx that is no verified 101 is a 502, and both sockets close."""
    async with (
        FakeUpstream(replying(reply)) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        reader, writer = await proxy.connect()
        writer.write(request("GET", EXEC, *WEBSOCKET))
        async with asyncio.timeout(5):
            got = await read_answer(reader, "GET")
            assert got.status == 502
            assert await reader.read() == b""
        await upstream.connections[0].wait_closed()


@pytest.mark.parametrize(
    "headers",
    [
        ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"),
        ("Connection: Upgrade", "Upgrade: TLS/1.0"),
        ("Upgrade: websocket",),
        ("Connection: Upgrade", "Upgrade: foo"),
    ],
)
async def test_other_upgrades_are_plain_requests(tmp_path: Path, headers: tuple[str, ...]) -> None:
    """T195 T196: only websocket and SPDY/3.1 are ever tunnelled."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        got = await proxy.ask(request("GET", "/api/v1/pods", *headers))
        assert (got.status, got.body) == (200, b"ok")
        received = upstream.connections[0].received.lower()
        assert b"upgrade" not in received
        assert b"http2-settings" not in received


async def test_slow_reader_pauses_the_upstream(tmp_path: Path) -> None:
    """T203: a client that reads slowly stops the upstream; memory does not grow with the answer."""
    size = 64 * 1024 * 1024
    sent = 0

    async def script(connection: FakeConnection) -> None:
        nonlocal sent
        await connection.read_head()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        piece = b"x" * 65536
        for _ in range(size // len(piece)):
            await connection.send_all(piece)
            sent += len(piece)

    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.proxy.port)
        proxy.writers.append(writer)
        writer.write(request("GET", "/api/v1/namespaces/d/pods/p/log"))
        async with asyncio.timeout(20):
            await reader.readuntil(b"\r\n\r\n")
            # The upstream comes to rest although the answer is far from complete.
            await steady(lambda: sent, "what the upstream could send")
            assert sent < size // 2
            left = size
            while left:
                left -= len(await reader.read(1 << 20))


BODY_THEN_GET = (
    request("POST", "/api/v1/namespaces/d/pods", "Content-Length: 2")
    + b"{}"
    + request("POST", "/api/v1/namespaces/e/pods", "Transfer-Encoding: chunked")
    + b"4\r\n\r\n\r\n\r\n0\r\n\r\n"
    + request("GET", "/api/v1/pods?a=b", "User-Agent: kubectl of mine")
    + request("FOO", "/version")
)


@pytest.mark.parametrize("step", [1, 2, 3, 7, 50, 211, 1 << 20])
async def test_requests_behind_bodies(tmp_path: Path, step: int) -> None:
    """T086: what follows a body is the next request, the same one however the bytes are cut."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        reader, writer = await proxy.connect()
        for start in range(0, len(BODY_THEN_GET), step):
            writer.write(BODY_THEN_GET[start : start + step])
            await turns()
        async with asyncio.timeout(5):
            for _ in range(4):
                await reader.readuntil(b"ok")
        await proxy.until_events(8)
        assert [e["requestURI"] for e in proxy.events if e["stage"] == "ResponseComplete"] == [
            "/api/v1/namespaces/d/pods",
            "/api/v1/namespaces/e/pods",
            "/api/v1/pods?a=b",
            "/version",
        ]
        assert [e["verb"] for e in proxy.events[::2]] == ["create", "create", "list", "foo"]


@pytest.mark.parametrize("step", [5, 1 << 20])
@pytest.mark.parametrize(
    "behind", [b"", b"User-Agent: a\r\nUser-Agent: b\r\n"], ids=["", "doubled"]
)
async def test_trailers_are_nobodys_headers(tmp_path: Path, step: int, behind: bytes) -> None:
    """T093: a trailer is not a header, neither of its own request nor of the next one."""
    trailers = b"X-A: trailer\r\nImpersonate-User: trailer\r\n"
    next_one = request("GET", "/api/v1/pods").replace(b"\r\n", b"\r\n" + behind, 1)
    raw = request("POST", "/api/v1/namespaces/d/pods", "Transfer-Encoding: chunked")
    raw += b"2\r\n{}\r\n0\r\n" + trailers + b"\r\n" + next_one
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        reader, writer = await proxy.connect()
        for start in range(0, len(raw), step):
            writer.write(raw[start : start + step])
            await turns()
        async with asyncio.timeout(5):
            for method in ("POST", "GET"):
                assert (await read_answer(reader, method)).status == 200
        assert b"trailer" not in b"".join(bytes(c.received) for c in upstream.connections)
        await proxy.until_events(4)
        assert all("impersonatedUser" not in event for event in proxy.events)


async def test_garbage_behind_a_request(tmp_path: Path) -> None:
    """T086: bytes that are no request take nothing along of the request before them."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        reader, writer = await proxy.connect()
        writer.write(request("POST", "/api/v1/pods", "Content-Length: 1") + b"{garbage\r\n\r\n")
        async with asyncio.timeout(5):
            assert (await read_answer(reader, "POST")).status == 200
            assert (await read_answer(reader, "GET")).status == 400
            assert await reader.read() == b""
        assert proxy.stages() == [("RequestReceived", None), ("ResponseComplete", 200)]


@pytest.mark.parametrize("at_once", [True, False])
async def test_broken_chunks_end_at_once(tmp_path: Path, at_once: bool) -> None:
    """T092: a chunk that is none ends its request with an audited 400 when it comes, and the connection."""
    async with (
        FakeUpstream(replying(answer(200, b"ok"))) as upstream,
        proxy_before(upstream.port, tmp_path) as proxy,
    ):
        reader, writer = await proxy.connect()
        writer.write(request("POST", "/api/v1/pods", "Transfer-Encoding: chunked"))
        if not at_once:
            await proxy.until_events(1)
        writer.write(b"zz\r\n" + request("GET", "/api/v1/secrets"))
        async with asyncio.timeout(5):
            assert (await read_answer(reader, "POST")).status == 400
            assert await reader.read() == b""
        assert proxy.stages() == [("RequestReceived", None), ("ResponseComplete", 400)]


async def test_pipelined_requests_wait_their_turn(tmp_path: Path) -> None:
    """T108: of many requests at once only some are read ahead, the rest when there is room."""
    release = asyncio.Event()

    async def script(connection: FakeConnection) -> None:
        while True:
            await connection.read_head()
            await release.wait()
            connection.send(answer(200, b"ok"))

    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        reader, writer = await proxy.connect()
        writer.write(b"".join(request("GET", f"/{n}") for n in range(500)))
        await proxy.until_events(1)
        (connection,) = proxy.proxy.handler.under_way
        assert len(connection.connection._messages) <= 32
        release.set()
        async with asyncio.timeout(20):
            for _ in range(500):
                await reader.readuntil(b"ok")
        await proxy.until_events(1000)
        done = [e["requestURI"] for e in proxy.events if e["stage"] == "ResponseComplete"]
        assert done == [f"/{n}" for n in range(500)]


@pytest.mark.parametrize("chunked", [False, True])
async def test_request_behind_a_stalled_body(tmp_path: Path, chunked: bool) -> None:
    """T086: what follows a body that waits for the upstream is read when its turn comes."""
    body = (b"x" * 2000 + b"\r\n\r\n") * 1000
    go_on = asyncio.Event()

    async def script(connection: FakeConnection) -> None:
        await connection.read_head()
        connection.pause_reading()
        await go_on.wait()
        connection.resume_reading()
        if chunked:
            await connection.read_until(b"\r\n0\r\n\r\n")
        else:
            await connection.read(len(body))
        connection.send(answer(200, b"ok"))
        head = await connection.read_head()
        assert head.startswith(b"FOO /behind ")
        connection.send(answer(200, b"ok"))

    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        reader, writer = await proxy.connect()
        if chunked:
            head = request("POST", "/api/v1/pods", "Transfer-Encoding: chunked")
            raw = head + b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"
        else:
            raw = request("POST", "/api/v1/pods", f"Content-Length: {len(body)}") + body
        writer.write(raw + request("FOO", "/behind", "User-Agent: kubectl of mine"))
        await proxy.until_events(1)
        go_on.set()
        async with asyncio.timeout(20):
            await reader.readuntil(b"ok")
            await reader.readuntil(b"ok")
        await proxy.until_events(4)
        # The large body's last event comes from a thread, before the others or after them.
        ended = {e["requestURI"] for e in proxy.events if e["stage"] == "ResponseComplete"}
        assert ended == {"/api/v1/pods", "/behind"}


async def test_chunks_come_in_turns(tmp_path: Path) -> None:
    """B8: of thousands of chunks that come at once some are parsed, then others have their turn."""

    async def script(connection: FakeConnection) -> None:
        await connection.read_head()
        await connection.read_until(b"\r\n0\r\n\r\n")
        connection.send(answer(200, b"ok"))

    async with FakeUpstream(script) as upstream, proxy_before(upstream.port, tmp_path) as proxy:
        reader, writer = await proxy.connect()
        writer.write(request("POST", "/api/v1/pods", "Transfer-Encoding: chunked"))
        await proxy.until_events(1)
        (exchange,) = proxy.proxy.handler.under_way
        chunks = b"1\r\nx\r\n" * 20_000
        exchange.connection.data_received(chunks)
        assert len(exchange.connection._waiting) == len(chunks) - CHUNKS_AT_ONCE
        writer.write(b"0\r\n\r\n")
        async with asyncio.timeout(20):
            assert (await read_answer(reader, "POST")).status == 200
        await proxy.until_events(2)
