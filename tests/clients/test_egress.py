"""The audit webhook through an HTTP CONNECT proxy, on real sockets; and proxies that lie."""

import asyncio
import ssl
from pathlib import Path

import pytest

from auditproxy.clients.egress import MAXIMUM_CONNECT_ANSWER, Egress
from auditproxy.clients.webhook import WebhookClient, WebhookError, WebhookTarget, request_url
from tests.fakes.certificates import CERTIFICATE, KEY
from tests.fakes.connectproxy import CLOSE, ENDLESS, HANG, TUNNEL, FakeConnectProxy
from tests.fakes.waiting import until
from tests.fakes.webhook import Receiver, server_context

BOTH_LOOPS = True


class NoCredential:
    """Sends no Authorization."""

    async def authorization(self) -> bytes | None:
        """No header."""
        return None

    def invalidate(self) -> None:
        """Nothing is kept."""


async def never(seconds: float) -> None:
    """No receiver of these tests asks for a wait."""
    raise AssertionError(seconds)


def client(
    url: str, egress: Egress, context: ssl.SSLContext | None = None, *, seconds: float = 10
) -> WebhookClient:
    """A webhook's client that goes through a proxy."""
    target = WebhookTarget(request_url(url), NoCredential(), context, egress=egress)
    loop = asyncio.get_running_loop()
    return WebhookClient(target, clock=loop.time, sleep=never, timeout=seconds)


async def failure(egress: Egress, *, seconds: float = 10) -> WebhookError:
    """How one attempt through a proxy fails."""
    webhook = client("http://127.0.0.1:9", egress, seconds=seconds)
    try:
        with pytest.raises(WebhookError) as caught:
            await webhook.post(b"{}\n")
    finally:
        await webhook.close()
    return caught.value


def trusting(ca: Path, folder: Path) -> ssl.SSLContext:
    """A client's context for the proxy, with a certificate of its own."""
    context = ssl.create_default_context(cafile=str(ca))
    certificate, key = folder / "client.crt", folder / "client.key"
    certificate.write_bytes(CERTIFICATE)
    key.write_bytes(KEY)
    context.load_cert_chain(certificate, key)
    return context


@pytest.mark.parametrize("secured", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("transport", ["tcp", "tls", "uds"])
async def test_webhook(tmp_path: Path, transport: str, secured: bool) -> None:
    """Two deliveries on one tunnel: the proxy sees where to, and knows us by our certificate."""
    context, ca = server_context(tmp_path)
    own = tmp_path / "own.crt"
    own.write_bytes(CERTIFICATE)
    at_proxy = None
    if transport == "tls":
        (tmp_path / "proxy").mkdir()
        at_proxy, proxy_ca = server_context(tmp_path / "proxy", own)
    path = tmp_path / "s" if transport == "uds" else None
    async with (
        Receiver(context=context if secured else None) as receiver,
        FakeConnectProxy(context=at_proxy, path=path) as proxy,
    ):
        egress = Egress("the proxy", "127.0.0.1", proxy.port)
        if transport == "uds":
            egress = Egress("the proxy", udsname=str(path))
        elif transport == "tls":
            trusted = trusting(proxy_ca, tmp_path)
            egress = Egress("the proxy", "127.0.0.1", proxy.port, "", trusted, "localhost")
        verifying = ssl.create_default_context(cafile=str(ca)) if secured else None
        webhook = client(receiver.url, egress, verifying)
        try:
            for body in (b'{"n":1}\n', b'{"n":2}\n'):
                assert await webhook.post(body) == b"{}"
        finally:
            await webhook.close()
        assert [each.body for each in receiver.received] == [b'{"n":1}\n', b'{"n":2}\n']
        assert proxy.heads == [
            b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" % receiver.port
        ]
        assert proxy.has_certificate == [transport == "tls"]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"HTTP/1.1 403 canary\r\nX: canary\r\n\r\n", "answered 403 to CONNECT"),
        (b"HTTP/1.1 407 x\r\nContent-Length: 6\r\n\r\ncanary", "answered 407 to CONNECT"),
        (b"HTTP/1.1 201 x\r\n\r\n", "answered 201 to CONNECT"),
        (
            TUNNEL + b"HTTP/1.1 200 canary\r\n\r\n",
            "sent more than the head of an answer to CONNECT",
        ),
        (b"SSH-2.0-canary\r\n\r\n", "sent something else than an HTTP answer to CONNECT"),
        (
            b"HTTP/1.1 200 OK\r\ncanary\r\n\r\n",
            "sent something else than an HTTP answer to CONNECT",
        ),
        (b"HTTP/2 200 \r\n\r\n", "sent something else than an HTTP answer to CONNECT"),
        (CLOSE, "closed the connection without an answer to CONNECT"),
        (ENDLESS, "sent an answer to CONNECT that does not end"),
    ],
)
async def test_lies(answer: bytes, text: str) -> None:
    """What is not a tunnel is an error that shows nothing of the answer, and the connection ends."""
    async with FakeConnectProxy(answer) as proxy:
        error = await failure(Egress("the place", "127.0.0.1", proxy.port))
        assert error.reason == "unreachable"
        assert str(error) == f"http://127.0.0.1:9: the egress proxy the place {text}"
        await until(lambda: proxy.left == 1, "the connection is closed")


async def test_endless_answer_is_bounded() -> None:
    """An answer of that size with an end is read."""
    head = b"HTTP/1.1 403 x\r\nX: " + b"a" * (MAXIMUM_CONNECT_ANSWER - 64) + b"\r\n\r\n"
    async with FakeConnectProxy(head) as proxy:
        error = await failure(Egress("p", "127.0.0.1", proxy.port))
        assert "answered 403" in str(error)


async def test_hanging_proxy() -> None:
    """A proxy that does not answer costs the time of an attempt, and no connection."""
    async with FakeConnectProxy(HANG) as proxy:
        error = await failure(Egress("p", "127.0.0.1", proxy.port), seconds=0.2)
        assert error.reason == "timeout"
        await until(lambda: proxy.left == 1, "the connection is closed")


async def test_no_proxy(tmp_path: Path) -> None:
    """A proxy that is not there is the fault, not the receiver."""
    listening = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    listening.close()
    await listening.wait_closed()
    for egress in (Egress("p", "127.0.0.1", port), Egress("p", udsname=str(tmp_path / "none"))):
        error = await failure(egress)
        assert error.reason == "unreachable"
        assert "the egress proxy p: cannot be reached: " in str(error)


async def test_untrusted_proxy(tmp_path: Path) -> None:
    """A proxy whose certificate does not fit gets no CONNECT."""
    context, _ = server_context(tmp_path)
    async with FakeConnectProxy(context=context) as proxy:
        trusted = ssl.create_default_context()
        error = await failure(Egress("p", "127.0.0.1", proxy.port, "", trusted))
        assert error.reason == "unreachable"
        assert "the egress proxy p: TLS: certificate verify failed" in str(error)
        assert proxy.heads == []


async def test_lies_under_tls(tmp_path: Path) -> None:
    """A tunnel that ends elsewhere is found out by the receiver's certificate."""
    context, _ = server_context(tmp_path)
    async with Receiver(context=context) as receiver, FakeConnectProxy() as proxy:
        egress = Egress("p", "127.0.0.1", proxy.port)
        webhook = client(receiver.url, egress, ssl.create_default_context())
        try:
            with pytest.raises(WebhookError, match="certificate verify failed") as caught:
                await webhook.post(b"{}\n")
        finally:
            await webhook.close()
        assert caught.value.reason == "tls"
        assert receiver.received == []
