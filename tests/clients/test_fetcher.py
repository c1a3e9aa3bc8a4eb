"""Fetching from issuers that are slow, broken or hostile."""

import asyncio
import ssl
from pathlib import Path

import pytest

from auditproxy.clients.fetcher import (
    LARGEST_ANSWER,
    FetchError,
    HttpsFetcher,
    max_age,
    refused_url,
)
from tests.fakes.issuer import BOMB, DRIP, HANG, HUGE, KEYS, RESET, SLOW_HEAD, FakeIssuer
from tests.fakes.webhook import answer


def trusting(issuer: FakeIssuer) -> ssl.SSLContext:
    """A context that trusts the issuer's authority."""
    return ssl.create_default_context(cadata=issuer.ca)


async def test_document(tmp_path: Path) -> None:
    """The body, how long it may be kept, and a request that tells nothing."""
    async with FakeIssuer(tmp_path) as issuer:
        issuer.cache_control = "public, max-age=3600"
        fetcher = HttpsFetcher(trusting(issuer))
        fetched = await fetcher.get(f"{issuer.url}{KEYS}")
        with pytest.raises(FetchError, match="404"):
            await fetcher.get(f"{issuer.url}/a%2Fb?c=%2F")
        await fetcher.close()
    assert issuer.requests == [KEYS, "/a%2Fb?c=%2F"]
    assert (fetched.body, fetched.max_age) == (b'{"keys": []}', 3600.0)
    assert "authorization" not in issuer.headers[0].lower()
    assert "cookie" not in issuer.headers[0].lower()


@pytest.mark.parametrize(
    ("step", "text"),
    [
        (answer(500, body=b"canary"), "answered 500$"),
        (answer(302, "Location: https://localhost:1/canary"), "302; redirects are not followed"),
        (answer(204), "answered 204"),
        (BOMB, "compressed"),
        (HUGE, "larger than 1048576 bytes"),
        (answer(200, body=b"x" * (LARGEST_ANSWER + 1)), "larger than 1048576 bytes"),
        (b"canary\r\n\r\n", "not an HTTP answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", "not an HTTP answer"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", "not an HTTP answer"),
        (RESET, "not an HTTP answer"),
        (HANG, "within 0.2 seconds"),
        (DRIP, "within 0.2 seconds"),
        (SLOW_HEAD, "within 0.2 seconds"),
    ],
)
async def test_hostile_answers(tmp_path: Path, step: bytes | str, text: str) -> None:
    """T069: any other answer is an error that quotes none of it, in bounded time and memory."""
    async with FakeIssuer(tmp_path) as issuer:
        issuer.script[KEYS] = [step, step]
        fetcher = HttpsFetcher(trusting(issuer), timeout=0.2)
        with pytest.raises(FetchError, match=text) as raised:
            await fetcher.get(f"{issuer.url}{KEYS}")
        await fetcher.close()
        # aiohttp asks once more where a connection broke before the answer.
        assert issuer.requests == ([KEYS, KEYS] if step == RESET else [KEYS])
        # What is in the sockets' buffers was sent, no more.
        assert issuer.sent < 16 * LARGEST_ANSWER
    assert "canary" not in str(raised.value)


async def test_largest_answer(tmp_path: Path) -> None:
    """A document of the whole size is read."""
    async with FakeIssuer(tmp_path) as issuer:
        issuer.script[KEYS] = [answer(200, body=b"x" * LARGEST_ANSWER)]
        fetcher = HttpsFetcher(trusting(issuer))
        assert len((await fetcher.get(f"{issuer.url}{KEYS}")).body) == LARGEST_ANSWER
        await fetcher.close()


async def test_no_cookies(tmp_path: Path) -> None:
    """A cookie is not sent back."""
    async with FakeIssuer(tmp_path) as issuer:
        issuer.script[KEYS] = [answer(200, "Set-Cookie: a=b; Path=/", body=b"{}")]
        fetcher = HttpsFetcher(trusting(issuer))
        for _ in range(2):
            await fetcher.get(f"{issuer.url}{KEYS}")
        await fetcher.close()
    assert "ookie" not in issuer.headers[1]


async def test_proxy_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody in between, whatever the environment says."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    async with FakeIssuer(tmp_path) as issuer:
        fetcher = HttpsFetcher(trusting(issuer))
        await fetcher.get(f"{issuer.url}{KEYS}")
        await fetcher.close()


async def test_other_authority(tmp_path: Path) -> None:
    """A certificate of somebody else is an error, in OpenSSL's words; so is another name."""
    async with FakeIssuer(tmp_path) as issuer:
        for context, url in (
            (ssl.create_default_context(), issuer.url),
            (trusting(issuer), issuer.url.replace("localhost", "127.0.0.2")),
        ):
            fetcher = HttpsFetcher(context)
            with pytest.raises(FetchError, match="TLS: certificate verify failed: |not reachable"):
                await fetcher.get(f"{url}{KEYS}")
            await fetcher.close()
    assert issuer.requests == []


async def test_unreachable(tmp_path: Path) -> None:
    """Nobody listens: the operating system's words."""
    async with FakeIssuer(tmp_path) as issuer:
        fetcher = HttpsFetcher(trusting(issuer))
    with pytest.raises(FetchError, match="not reachable: "):
        await fetcher.get(issuer.url)
    await fetcher.close()


async def test_the_loop_goes_on(tmp_path: Path) -> None:
    """T069: while an issuer is slow, others are served."""
    async with FakeIssuer(tmp_path) as issuer:
        issuer.script[KEYS] = [HANG]
        fetcher = HttpsFetcher(trusting(issuer))
        fetching = asyncio.create_task(fetcher.get(f"{issuer.url}{KEYS}"))
        await issuer.until_requests(1)
        await fetcher.get(f"{issuer.url}{KEYS}")
        assert not fetching.done()
        fetching.cancel()
        await asyncio.gather(fetching, return_exceptions=True)
        await fetcher.close()


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("https://a/keys", None),
        ("https://a:8443/keys?x", None),
        ("https://[::1]:8443", None),
        ("http://a/keys", "not https"),
        ("file:///etc/passwd", "not https"),
        ("ftp://a", "not https"),
        ("/keys", "not https"),
        ("", "not https"),
        ("https:///keys", "not a valid URL with a host"),
        ("https://a:0/", "not a valid URL with a host"),
        ("https://a b/", "not a valid URL with a host"),
        ("https://a/\r\nX: y", "not a valid URL"),
        ("https://ä/", "not a valid URL with a host"),
        ("https://a:port/", "not a valid URL"),
        ("https://[a/", "not a valid URL"),
        ("https://user:pw@a/", "user information"),
    ],
)
async def test_urls(url: str, fault: str | None) -> None:
    """Only https to a host; nothing is connected to for anything else."""
    found = refused_url(url)
    assert found is None if fault is None else fault in (found or "")
    if fault is not None:
        with pytest.raises(FetchError, match=fault) as raised:
            await HttpsFetcher(ssl.create_default_context()).get(url)
        assert "pw" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", None),
        ("public", None),
        ("max-age=60", 60.0),
        ("public, max-age=60, must-revalidate", 60.0),
        ("Public,MAX-AGE = 60", 60.0),
        ('max-age="60"', 60.0),
        ("s-maxage=60", None),
        ("x-max-age=60", None),
        ("max-age=-1", None),
        ("max-age=soon", None),
        ("max-age=60, no-cache", 0.0),
        ("no-store", 0.0),
        ("no-cachet", None),
    ],
)
def test_cache_control(text: str, seconds: float | None) -> None:
    """How long an answer may be kept."""
    assert max_age(text) == seconds
