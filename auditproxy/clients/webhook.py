"""HTTP client of a webhook: one attempt to deliver a body, like client-go's rest package.

    POST --429 or 5xx with Retry-After--> wait, POST again, all within the attempt's time
      |--200 to 206, answer read--> done
      |--anything else--> WebhookError

Redirects are not followed: they would carry events and tokens to a server that is not
configured. Answers are read up to a limit and never shown.
"""

import asyncio
import io
import re
import ssl
import zlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol
from urllib.parse import urlsplit

import aiohttp
import yarl

from auditproxy.clients.egress import Egress, EgressConnector, EgressError
from auditproxy.clients.session import LazySession, os_fault, read_bounded, tls_fault
from auditproxy.request.accept import parse_media_type

ATTEMPT_TIMEOUT = 30.0
"""Seconds of one attempt, from connecting to the end of the answer."""

MAXIMUM_WAITS = 10
"""Maximum number of waits for Retry-After within one attempt."""

MAXIMUM_ANSWER = 1024 * 1024
"""Bytes of an answer that are read; a longer one is abandoned."""

MAXIMUM_CONNECTIONS = 100
"""Concurrent attempts; further ones wait their turn, which is not part of their time."""

_SECONDS = re.compile(r"[+-]?[0-9]{1,9}", re.ASCII)


class WebhookError(Exception):
    """An attempt failed; ``reason`` is the metric's label, the text contains no secret.

    ``status`` is that of the answer, 0 without one.

    ``passing`` is whether kube-apiserver would retry a request that needs an answer: after a
    broken connection, 429, 500, 504, or any refusal with Retry-After
    (apiserver util/webhook, DefaultShouldRetry).
    """

    def __init__(self, reason: str, text: str, *, passing: bool = False, status: int = 0) -> None:
        super().__init__(text)
        self.reason = reason
        self.status = status
        self.passing = passing


class Authorization(Protocol):
    """Provides the Authorization header."""

    async def authorization(self) -> bytes | None:
        """Return its value, None for no header; raises WebhookError."""
        ...

    def invalidate(self) -> None:
        """Discard cached credentials: the webhook refused them."""
        ...


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """Where bodies are sent; ``url`` comes from ``request_url``.

    ``ssl_context`` is None for plain HTTP, ``server_name`` "" for the URL's own host,
    ``proxy`` "" for none, ``egress`` None for a direct connection. ``files`` are the files its
    settings were read from.
    """

    url: str = field(repr=False)
    credential: Authorization = field(repr=False)
    ssl_context: ssl.SSLContext | None = field(default=None, repr=False)
    server_name: str = ""
    proxy: str = field(default="", repr=False)
    egress: Egress | None = None
    files: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """Scheme, host and port: the part of the URL that may be shown."""
        url = urlsplit(self.url)
        return f"{url.scheme}://{url.netloc.rpartition('@')[2]}"


def request_url(server: str) -> str:
    """Return the URL to post to: no trailing slash, the query replaced (as client-go)."""
    url = urlsplit(server)
    return f"{url.scheme}://{url.netloc}{url.path.rstrip('/') or '/'}?timeout=30s"


class WebhookClient:
    """Posts bodies to one target over a few connections; used within one event loop."""

    def __init__(
        self,
        target: WebhookTarget,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        timeout: float = ATTEMPT_TIMEOUT,
        connections: int = MAXIMUM_CONNECTIONS,
    ) -> None:
        self._target = target
        self._clock = clock
        self._sleep = sleep
        self._timeout = timeout
        self._slots = asyncio.Semaphore(connections)
        context, egress = target.ssl_context, target.egress
        connector = aiohttp.TCPConnector if egress is None else partial(EgressConnector, egress)
        self._session = LazySession(
            lambda: connector(limit=connections, ssl=context if context is not None else True)
        )

    async def post(self, body: bytes) -> bytes | None:
        """Make one attempt; return the answer's body, None if unusable. Raises WebhookError."""
        place = self._target.place
        async with self._slots:
            try:
                async with asyncio.timeout(self._timeout):
                    return await self._exchange(body)
            except TimeoutError:
                raise WebhookError(
                    "timeout", f"{place} did not answer within {self._timeout:g} seconds"
                ) from None
            except EgressError as error:
                raise WebhookError("unreachable", f"{place}: {error}") from None
            except (aiohttp.ClientSSLError, ssl.SSLError) as error:
                raise WebhookError("tls", f"{place}: TLS: {tls_fault(error)}") from None
            except aiohttp.ClientHttpProxyError as error:
                raise WebhookError(
                    "unreachable", f"{place}: the proxy answered {error.status}"
                ) from None
            except (aiohttp.ClientConnectorError, aiohttp.ClientProxyConnectionError) as error:
                raise WebhookError("unreachable", f"{place}: {os_fault(error)}") from None
            except (aiohttp.ServerDisconnectedError, OSError) as error:
                raise WebhookError(
                    "disconnected",
                    f"{place}: the connection broke: {os_fault(error)}",
                    passing=isinstance(
                        error, aiohttp.ServerDisconnectedError | ConnectionResetError
                    ),
                ) from None
            except aiohttp.ClientError as error:
                raise WebhookError(
                    "bad-answer", f"{place}: not a complete HTTP answer ({type(error).__name__})"
                ) from None

    async def _exchange(self, body: bytes) -> bytes | None:
        deadline = self._clock() + self._timeout
        turn = 0
        while True:
            status, retry_after, content = await self._once(body)
            if status in (*range(200, 207), 101):
                return content
            if status == 401:
                self._target.credential.invalidate()
            if turn == MAXIMUM_WAITS or retry_after is None or not (status == 429 or status >= 500):
                raise WebhookError(
                    f"status-{status // 100}xx",
                    f"{self._target.place}: answered {status}",
                    passing=status in (429, 500, 504) or bool(retry_after),
                    status=status,
                )
            left = deadline - self._clock()
            await self._sleep(max(0.0, min(float(retry_after), left)))
            if retry_after >= left:
                raise TimeoutError
            turn += 1

    async def _once(self, body: bytes) -> tuple[int, int | None, bytes | None]:
        """Return status, Retry-After and body of one answer."""
        target = self._target
        headers = {
            "User-Agent": "Go-http-client/1.1",
            "Accept": "application/json, */*",
            "Content-Type": "application/json",
            "Accept-Encoding": "gzip",
        }
        value = await target.credential.authorization()
        if value is not None:
            headers["Authorization"] = value.decode("utf-8", "surrogateescape")
        async with self._session.open().post(
            yarl.URL(target.url, encoded=True),
            # Not bytes: aiohttp warns about large ones.
            data=io.BytesIO(body),
            headers=headers,
            allow_redirects=False,
            server_hostname=target.server_name or None,
            proxy=target.proxy or None,
        ) as answer:
            if answer.status == 101:
                answer.close()
                return 101, None, b""
            content = await _read(answer)
            media_type = answer.headers.get("Content-Type", "")
            if media_type and parse_media_type(media_type) is None:
                raise WebhookError("bad-answer", f"{target.place}: malformed Content-Type")
            seconds = answer.headers.get("Retry-After", "")
            wait = int(seconds) if _SECONDS.fullmatch(seconds) else None
            return answer.status, wait, content

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()


async def _read(answer: aiohttp.ClientResponse) -> bytes | None:
    """Return the body; None past the limit, where reading stops, or if it cannot be decoded."""
    content = await read_bounded(answer, MAXIMUM_ANSWER)
    if content is None or answer.headers.get("Content-Encoding", "").lower() != "gzip":
        return content
    unpacking = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        unpacked = unpacking.decompress(content, MAXIMUM_ANSWER)
    except zlib.error:
        return None
    return unpacked if unpacking.eof else None
