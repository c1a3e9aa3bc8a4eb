"""A request on the short way: whatever comes of it, nothing differs from the chain but what it costs."""

from pathlib import Path

import pytest

from tests.fakes.bothways import JSON, OK, POD, Scene, Step, both
from tests.fakes.proxy import request
from tests.fakes.upstream import FakeConnection, answer

BOTH_LOOPS = True

GET = request()
LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1"
BODY = b'{"kind":"Lease","apiVersion":"coordination.k8s.io/v1","metadata":{"name":"n1"}}'
PUT = request("PUT", LEASE, "Content-Type: application/json", body=BODY)
STATUS = (
    b'{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",'
    b'"message":"no","reason":"%b","code":%d}\n'
)


def status(code: int, reason: bytes, *headers: bytes) -> bytes:
    """A Status as the answer."""
    return answer(code, STATUS % (reason, code), JSON, *headers, reason=reason)


def ends(data: bytes) -> Step:
    """Send bytes and close."""

    async def step(connection: FakeConnection) -> None:
        connection.send(data)
        connection.close()

    return step


def resets(data: bytes) -> Step:
    """Send bytes and reset, once the proxy has read them."""

    async def step(connection: FakeConnection) -> None:
        if data:
            await connection.drip(data, len(data))
        connection.reset()

    return step


def pieces(*parts: bytes) -> Step:
    """Send bytes in segments of their own."""

    async def step(connection: FakeConnection) -> None:
        for part in parts:
            await connection.drip(part, len(part))

    return step


ANSWERS: dict[str, tuple[Step, int | None]] = {
    "whole": (OK, 200),
    "201": (answer(201, POD, JSON, reason=b"Created"), 201),
    "202": (answer(202, POD, JSON, reason=b"Accepted"), 202),
    "206": (answer(206, POD, JSON, reason=b"Partial Content"), 206),
    "empty": (answer(200, b"", JSON), 200),
    "without a reason": (OK.replace(b" OK\r\n", b" \r\n"), 200),
    "other header": (answer(200, POD, JSON, b"X-Other: 1"), 200),
    "cookie": (answer(200, POD, JSON, b"Set-Cookie: a=b"), 200),
    "warning": (answer(200, POD, JSON, b'Warning: 299 - "old"'), 200),
    "two ids": (answer(200, POD, JSON, b"Audit-Id: a", b"Audit-Id: b"), 200),
    "two dates": (answer(200, POD, JSON, b"Date: a", b"Date: b"), 200),
    "close": (answer(200, POD, JSON, b"Connection: close"), 200),
    "named": (answer(200, POD, JSON, b"Date: a", b"Connection: date"), 200),
    "chunked": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n"
        b"%x\r\n%b\r\n0\r\n\r\n" % (len(POD), POD),
        200,
    ),
    "chunks with a trailer": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: b\r\n\r\n",
        200,
    ),
    "HTTP/1.0": (OK.replace(b"HTTP/1.1", b"HTTP/1.0"), 200),
    "until the end": (ends(b"HTTP/1.1 200 OK\r\n\r\nall of it"), 200),
    "204": (b"HTTP/1.1 204 No Content\r\nAudit-Id: theirs\r\n\r\n", 204),
    "205": (answer(205, b"", reason=b"Reset Content"), 205),
    "304": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", 304),
    "302": (answer(302, b"", b"Location: /elsewhere", reason=b"Found"), 302),
    "400": (status(400, b"BadRequest"), 400),
    "404": (status(404, b"NotFound"), 404),
    "409": (status(409, b"Conflict"), 409),
    "429": (status(429, b"TooManyRequests", b"Retry-After: 1"), 429),
    "403": (status(403, b"Forbidden"), 403),
    "401": (status(401, b"Unauthorized"), None),
    "500": (status(500, b"InternalError"), 500),
    "503": (status(503, b"ServiceUnavailable"), 503),
    "1xx before": (b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + OK, 200),
    "1xx alone": (pieces(b"HTTP/1.1 100 Continue\r\n\r\n", OK), 200),
    "unasked switch": (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        502,
    ),
    "bytes behind": (OK + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200),
    "one byte behind": (OK + b"\n", 200),
    "bytes behind a 404": (status(404, b"NotFound") + b"x", 404),
    "two lengths": (OK.replace(b"\r\n\r\n", b"\r\nContent-Length: 5\r\n\r\n", 1), 502),
    "zeros before the length": (
        OK.replace(b"Content-Length: ", b"Content-Length: 00"),
        200,
    ),
    "length and chunks": (OK.replace(b"\r\n", b"\r\nTransfer-Encoding: chunked\r\n", 1), 502),
    "too short": (ends(OK[:-3]), None),
    "half a head": (ends(OK[:30]), 502),
    "half a head and a reset": (resets(OK[:30]), 502),
    "garbage": (b"SSH-2.0-OpenSSH\r\n", 502),
    "bare line feeds": (OK.replace(b"\r\n", b"\n"), 502),
    "NUL in the head": (OK.replace(b"theirs", b"the\0rs"), 502),
    "folded line": (OK.replace(b"theirs", b"the\r\n irs"), None),
}


@pytest.mark.parametrize("raw", [GET, PUT], ids=["GET", "PUT"])
@pytest.mark.parametrize("name", ANSWERS)
async def test_answers(tmp_path: Path, name: str, raw: bytes) -> None:
    """T183: any answer, or what is none, is the same for the client, the record and the pool."""
    step, code = ANSWERS[name]

    async def play(scene: Scene) -> None:
        await scene.ask(raw)
        await scene.ask(raw)

    seen = await both(tmp_path, [OK, step], play)
    if code is not None:
        assert seen.codes()[-1] == ("ResponseComplete", code)
