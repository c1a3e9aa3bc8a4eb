"""What the short way takes, what it leaves to the chain, and for how long it may remember."""

from pathlib import Path

import pytest

from tests.fakes.bothways import JSON, OK, POD, Scene, both
from tests.fakes.proxy import request
from tests.fakes.upstream import answer
from tests.fakes.waiting import until

GET = request()
LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/n1"
TYPE = "Content-Type: application/json"
PUT = request("PUT", LEASE, TYPE, body=b'{"kind":"Lease"}')


@pytest.mark.parametrize(
    ("raw", "again"),
    [
        pytest.param(GET, answer(200, POD, JSON, b"Connection: close"), id="none idle"),
        pytest.param(request("GET", "/api", "Impersonate-User: bob"), OK, id="impersonates"),
        pytest.param(request("GET", "/api", "Expect: 100-continue"), OK, id="expects"),
        pytest.param(request("GET", "/api", "X_Odd: 1"), OK, id="refused"),
    ],
)
async def test_a_token_is_a_hit_once(tmp_path: Path, raw: bytes, again: bytes) -> None:
    """A request that is left to the chain after all counts once in the token cache's metrics."""

    async def play(scene: Scene) -> None:
        await scene.ask(GET)
        for _ in range(3):
            await scene.ask(raw)

    await both(tmp_path, [OK, again, again, again], play, took=1 if raw is GET else 0)


UNUSUAL = {
    "HEAD": GET.replace(b"GET", b"HEAD"),
    "OPTIONS": GET.replace(b"GET", b"OPTIONS"),
    "unknown method": GET.replace(b"GET", b"BREW"),
    "lower case": GET.replace(b"GET", b"get"),
    "HTTP/1.0": GET.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "1.0, kept": request("GET", "/api", "Connection: keep-alive").replace(b"/1.1", b"/1.0"),
    "HTTP/1.2": GET.replace(b"HTTP/1.1", b"HTTP/1.2"),
    "http/1.1": GET.replace(b"HTTP/1.1", b"http/1.1"),
    "absolute": GET.replace(b"GET /", b"GET http://proxy/"),
    "fragment": GET.replace(b"/box", b"/box#a"),
    "tab": GET.replace(b"GET ", b"GET\t"),
    "two blanks": GET.replace(b"GET ", b"GET  "),
    "blank at the end": GET.replace(b"HTTP/1.1\r", b"HTTP/1.1 \r"),
    "eight bits": GET.replace(b"/box", b"/b\xc3\xb6x"),
    "NUL": GET.replace(b"/box", b"/b\0x"),
    "carriage return": GET.replace(b"/box", b"/b\rx"),
    "line feed": GET.replace(b"/box HTTP/1.1", b"/box HTTP/1.1\nX-Other: 1"),
    "only line feed": GET.replace(b"HTTP/1.1\r\n", b"HTTP/1.1\n"),
    "percent": GET.replace(b"/box", b"/%zz%00%2e%2e"),
    "long": GET.replace(b"/box", b"/" + b"a" * 600),
    "two slashes": GET.replace(b"GET /", b"GET //evil/"),
    "no slash": GET.replace(b"GET /", b"GET "),
    "star": b"OPTIONS * HTTP/1.1\r\n" + GET.partition(b"\r\n")[2],
    "leading lines": b"\r\n\r\n" + GET,
    "lone CR": b"\r" + GET,
    "other block": GET.replace(b"Host: proxy", b"Host:  proxy"),
    "folded": GET.replace(b"\r\n\r\n", b"\r\nX-A: b\r\n c\r\n\r\n"),
    "bare line feed": GET.replace(b"\r\n\r\n", b"\r\nX-A: b\nX-B: c\r\n\r\n"),
    "no block": b"GET /api HTTP/1.1\r\n\r\n",
    "close": request("GET", "/api", "Connection: close"),
    "close and more": request("GET", "/api", "Connection: close, x") + GET,
    "named header": request("GET", "/api", "Connection: X-A", "X-A: b"),
    "upgrade": request("GET", "/api", "Connection: Upgrade", "Upgrade: h2c") + GET,
    "half an upgrade": request("GET", "/api", "Connection: xupgrade", "Upgrade: h2c") + GET,
    "upgrade alone": request("GET", "/api", "Upgrade: websocket"),
    "subprotocols": request("GET", "/api", "Sec-WebSocket-Protocol: a"),
    "own id": request("GET", "/api", "Audit-ID: mine"),
    "impersonates": request("GET", "/api", "Impersonate-User: bob", "Impersonate-Group: dev"),
    "unknown impersonation": request("GET", "/api", "Impersonate-Foo: bob"),
    "odd name": request("GET", "/api", "X_Remote_User: bob"),
    "timeout": request("GET", "/api?timeout=x"),
    "exec": request("POST", "/api/v1/namespaces/d/pods/p/exec?command=ls"),
    "proxy": request("GET", "/api/v1/namespaces/d/pods/p/proxy/x"),
    "log": request("GET", "/api/v1/namespaces/d/pods/p/log"),
    "wrong token": request("GET", "/api", token="wrong"),
    "no token": request("GET", "/api", token=""),
    "expect": request("PUT", LEASE, "Expect: 100-continue", body=b"{}"),
    "other expectation": request("PUT", LEASE, "Expect: x", body=b"{}"),
    "two lengths": request("PUT", LEASE, "Content-Length: 2", body=b"{}"),
    "other lengths": request("PUT", LEASE, "Content-Length: 1", body=b"{}"),
    "zeros": request("PUT", LEASE, "Content-Length: 002") + b"{}",
    "plus": request("PUT", LEASE, "Content-Length: +2") + b"{}",
    "length and chunks": request("PUT", LEASE, "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "chunks": request("PUT", LEASE, "Transfer-Encoding: chunked") + b"2\r\n{}\r\n0\r\n\r\n",
    "body of GET": request("GET", LEASE, TYPE, body=b"{}"),
    "body of DELETE": request("DELETE", LEASE, TYPE, body=b"{}"),
    "empty PUT": request("PUT", LEASE, TYPE),
    "length 0": request("PUT", LEASE, TYPE, "Content-Length: 0"),
    "long body": request("PUT", LEASE, TYPE, body=b'"' + b"x" * 70_000 + b'"'),
}


@pytest.mark.parametrize("name", UNUSUAL)
async def test_unusual(tmp_path: Path, name: str) -> None:
    """T089: requests that differ a little from one that is known are read as the parser reads them."""
    raw = UNUSUAL[name]

    async def play(scene: Scene) -> None:
        for known in (GET, PUT, GET, PUT):
            await scene.ask(known)
        for _ in range(3):
            if not scene.client.closed.is_set():
                before = len(scene.client.received)
                scene.client.send(raw)
                await until(
                    lambda: len(scene.client.received) > before or scene.client.closed.is_set(),  # noqa: B023
                    "it is answered",
                )
                await scene.over()
                scene.answers = scene.client.received.count(b"HTTP/1.1 ")
        if not scene.client.closed.is_set():
            scene.client.send(GET)
            await until(
                lambda: (
                    scene.client.received.count(b"HTTP/1.1 ") > scene.answers
                    or scene.client.closed.is_set()
                ),
                "the known one is answered again",
            )

    await both(tmp_path, [], play, took=2)
