"""The webhook's HTTP side: what is sent, and what each answer means."""

import asyncio
import ssl
from pathlib import Path

import pytest

from auditproxy.clients.webhook import (
    WebhookClient,
    WebhookError,
    WebhookTarget,
    request_url,
)
from tests.fakes.webhook import DRIP, HANG, HUGE, RESET, Receiver, Step, answer, server_context


class Credential:
    """Sends a fixed line; counts how often it was told to forget."""

    def __init__(self, value: bytes | None = None) -> None:
        self.value = value
        self.forgotten = 0

    async def authorization(self) -> bytes | None:
        """The line."""
        return self.value

    def invalidate(self) -> None:
        """Count."""
        self.forgotten += 1


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        """Now."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Move on at once."""
        self.slept.append(seconds)
        self.now += seconds


def client(
    receiver: Receiver,
    *,
    path: str = "",
    time: Time | None = None,
    credential: Credential | None = None,
    timeout: float = 30.0,
    connections: int = 100,
    context: ssl.SSLContext | None = None,
) -> WebhookClient:
    """A client of a receiver."""
    time = time or Time()
    target = WebhookTarget(request_url(receiver.url + path), credential or Credential(), context)
    return WebhookClient(
        target, clock=time.clock, sleep=time.sleep, timeout=timeout, connections=connections
    )


async def failure(receiver: Receiver, *, timeout: float = 30.0) -> WebhookError:
    """How one attempt fails."""
    webhook = client(receiver, timeout=timeout)
    try:
        with pytest.raises(WebhookError) as caught:
            await webhook.post(b"{}\n")
    finally:
        await webhook.close()
    return caught.value


@pytest.mark.parametrize(
    ("server", "url"),
    [
        ("http://h:1", "http://h:1/?timeout=30s"),
        ("http://h:1/", "http://h:1/?timeout=30s"),
        ("http://h:1/some/path", "http://h:1/some/path?timeout=30s"),
        ("http://h:1/some/path/?x=1", "http://h:1/some/path?timeout=30s"),
        ("https://[::1]:9/a%20b/", "https://[::1]:9/a%20b?timeout=30s"),
    ],
)
def test_request_url(server: str, url: str) -> None:
    """The path loses the slash at its end, the query is replaced."""
    assert request_url(server) == url


async def test_what_is_sent() -> None:
    """Request line and header lines are those of kube-apiserver."""
    async with Receiver() as receiver:
        webhook = client(receiver, path="/k8s/?x=1", credential=Credential(b"Bearer s3cret"))
        await webhook.post(b'{"a":1}\n')
        await webhook.close()
    (received,) = receiver.received
    assert received.line == "POST /k8s?timeout=30s HTTP/1.1"
    assert received.body == b'{"a":1}\n'
    assert received.headers == {
        "host": f"127.0.0.1:{receiver.port}",
        "user-agent": "Go-http-client/1.1",
        "content-length": "8",
        "accept": "application/json, */*",
        "authorization": "Bearer s3cret",
        "content-type": "application/json",
        "accept-encoding": "gzip",
    }


async def test_proxy_variables_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """T239: HTTP_PROXY and its like are not read."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with Receiver() as receiver:
        webhook = client(receiver)
        await webhook.post(b"{}\n")
        await webhook.close()
    assert len(receiver.received) == 1


async def test_configured_proxy() -> None:
    """A proxy of the configuration gets the whole URL."""
    async with Receiver() as proxy:
        target = WebhookTarget("http://sink.example/a?timeout=30s", Credential(), proxy=proxy.url)
        webhook = WebhookClient(target, clock=Time().clock, sleep=Time().sleep)
        await webhook.post(b"{}\n")
        await webhook.close()
    assert proxy.received[0].line == "POST http://sink.example/a?timeout=30s HTTP/1.1"


async def test_cookies_are_not_kept() -> None:
    """A receiver's cookie is not sent back."""
    async with Receiver(answer(200, "Set-Cookie: a=b")) as receiver:
        # By name: nobody keeps cookies of bare addresses.
        target = WebhookTarget(f"http://localhost:{receiver.port}/", Credential())
        webhook = WebhookClient(target, clock=Time().clock, sleep=Time().sleep)
        await webhook.post(b"{}\n")
        await webhook.post(b"{}\n")
        await webhook.close()
    assert "cookie" not in receiver.received[1].headers


@pytest.mark.parametrize(
    "step",
    [
        answer(200),
        answer(206, body=b"x"),
        b"HTTP/1.1 204 No Content\r\n\r\n",
        answer(200, "Content-Type: nonsense", body=b"\xff"),
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        HUGE,
    ],
)
async def test_success(step: Step) -> None:
    """200 to 206 and 101 are success whatever the body says; a huge one is left unread."""
    async with Receiver(step) as receiver:
        webhook = client(receiver)
        await webhook.post(b"{}\n")
        await webhook.close()


@pytest.mark.parametrize(
    ("step", "reason", "text"),
    [
        (answer(207), "status-2xx", "answered 207"),
        (answer(301, "Location: /other"), "status-3xx", "answered 301"),
        (answer(307, "Location: http://127.0.0.1:1/"), "status-3xx", "answered 307"),
        (answer(400, body=b"s3cret"), "status-4xx", "answered 400"),
        (answer(413), "status-4xx", "answered 413"),
        (answer(429), "status-4xx", "answered 429"),
        (answer(503), "status-5xx", "answered 503"),
        (answer(503, "Retry-After: soon"), "status-5xx", "answered 503"),
        (answer(403, "Retry-After: 1"), "status-4xx", "answered 403"),
        (answer(200, "Content-Type: text/"), "bad-answer", "malformed Content-Type"),
        (b"garbage\r\n\r\n", "bad-answer", "not a complete HTTP answer (ClientResponseError)"),
        (RESET, "disconnected", "the connection broke: ServerDisconnectedError"),
    ],
)
async def test_failure(step: Step, reason: str, text: str) -> None:
    """T245: anything else is an error, sent once; redirects are not followed, bodies not shown."""
    async with Receiver(step) as receiver:
        error = await failure(receiver)
    assert error.reason == reason
    assert str(error).startswith(f"http://127.0.0.1:{receiver.port}: ")
    assert str(error).endswith(text)
    assert len(receiver.received) == 1


@pytest.mark.parametrize("step", [HANG, DRIP])
async def test_timeout(step: Step) -> None:
    """T245: an attempt has its time from connecting to the last byte of the answer."""
    async with Receiver(step) as receiver:
        error = await failure(receiver, timeout=0.2)
    assert error.reason == "timeout"
    assert str(error).endswith("did not answer within 0.2 seconds")


async def test_broken_body() -> None:
    """A body that cannot be read to its end is an error."""
    async with Receiver(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n") as receiver:
        error = await failure(receiver)
    assert error.reason == "bad-answer"


async def test_unreachable() -> None:
    """Nobody listens."""
    async with Receiver() as receiver:
        pass
    error = await failure(receiver)
    assert error.reason == "unreachable"


async def test_retry_after() -> None:
    """429 and 5xx with Retry-After are posted again within the attempt."""
    script = (answer(429, "Retry-After: 2"), answer(500, "Retry-After: 0"), answer(200))
    time = Time()
    async with Receiver(*script) as receiver:
        webhook = client(receiver, time=time)
        await webhook.post(b"{}\n")
        await webhook.close()
    assert time.slept == [2, 0]
    assert [received.body for received in receiver.received] == [b"{}\n"] * 3


async def test_retry_after_ten_times() -> None:
    """The eleventh such answer ends the attempt."""
    time = Time()
    async with Receiver(*[answer(503, "Retry-After: 1")] * 20) as receiver:
        webhook = client(receiver, time=time)
        with pytest.raises(WebhookError, match="answered 503"):
            await webhook.post(b"{}\n")
        await webhook.close()
    assert (len(receiver.received), time.slept) == (11, [1] * 10)


async def test_retry_after_too_long() -> None:
    """A wait beyond the attempt's time uses it up."""
    time = Time()
    async with Receiver(answer(503, "Retry-After: 3600")) as receiver:
        webhook = client(receiver, time=time)
        with pytest.raises(WebhookError, match="within 30 seconds"):
            await webhook.post(b"{}\n")
        await webhook.close()
    assert time.slept == [30]


async def test_unauthorized_renews_the_credential() -> None:
    """A 401 makes the credential be read again."""
    credential = Credential(b"Bearer old")
    async with Receiver(answer(401)) as receiver:
        webhook = client(receiver, credential=credential)
        with pytest.raises(WebhookError):
            await webhook.post(b"{}\n")
        await webhook.close()
    assert credential.forgotten == 1


async def test_connections_are_bounded() -> None:
    """T248: a slow receiver gets a fixed number of posts at once; the others wait their turn."""
    async with Receiver() as receiver:
        receiver.gate = asyncio.Event()
        webhook = client(receiver, connections=3)
        posts = [asyncio.create_task(webhook.post(b"{}\n")) for _ in range(12)]
        await receiver.until_received(3)
        receiver.gate.set()
        await asyncio.gather(*posts)
        await webhook.close()
    assert (receiver.most, len(receiver.received)) == (3, 12)


async def test_waiting_for_a_turn_costs_no_time() -> None:
    """T248: an attempt's time begins with its turn, so a slow one fails only itself."""
    async with Receiver(HANG) as receiver:
        webhook = client(receiver, connections=1, timeout=2.0)
        first, second = await asyncio.gather(
            webhook.post(b"{}\n"), webhook.post(b"{}\n"), return_exceptions=True
        )
        await webhook.close()
    assert isinstance(first, WebhookError)
    assert second == b"{}"


async def test_tls(tmp_path: Path) -> None:
    """T245: a receiver whose certificate nobody vouches for is an error; with its CA it is not."""
    server, ca = server_context(tmp_path)
    async with Receiver(context=server) as receiver:
        strange = client(receiver, context=ssl.create_default_context())
        with pytest.raises(WebhookError) as caught:
            await strange.post(b"{}\n")
        await strange.close()
        known = client(receiver, context=ssl.create_default_context(cafile=str(ca)))
        await known.post(b"{}\n")
        await known.close()
    assert caught.value.reason == "tls"
    assert "certificate verify failed" in str(caught.value)
    assert len(receiver.received) == 1


def test_no_secret_shows() -> None:
    """Neither the URL's query and path nor a proxy's password are in the target's repr."""
    target = WebhookTarget("https://h/s3cret?s3cret", Credential(), proxy="http://u:s3cret@p")
    assert "s3cret" not in repr(target)
    assert target.place == "https://h"
