"""LazySession: the HTTP session of all of our own requests: webhooks, discovery, key sets.

Answers cannot influence later requests: cookies are not kept, proxies of the environment are
not used, and compression is not decoded automatically. The caller bounds the time. Redirects
are disabled per request, because a session has no setting for them.
"""

import os
import ssl
from collections.abc import Callable

import aiohttp
from aiohttp import connector

from auditproxy.tls.client import trusting_nobody

# aiohttp makes a context with all of the system's authorities when it is imported, 2 MiB, for
# sessions that bring none. Ours always bring one. A session
# without it now verifies against an empty set, and fails.
connector._SSL_CONTEXT_VERIFIED = trusting_nobody()


class LazySession:
    """A session made in the loop that first asks for it; ``connecting`` makes its connections."""

    def __init__(self, connecting: Callable[[], aiohttp.TCPConnector]) -> None:
        self._connector = connecting
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> aiohttp.ClientSession:
        """Return the session; must be called inside a running event loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=self._connector(),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session

    async def close(self) -> None:
        """Close all connections; the next ``open`` makes new ones."""
        if self._session is not None:
            await self._session.close()
            self._session = None


async def read_bounded(answer: aiohttp.ClientResponse, limit: int) -> bytes | None:
    """Return the body as sent; None past ``limit`` bytes, where the connection is closed."""
    content = bytearray()
    async for block in answer.content.iter_any():
        content += block
        if len(content) > limit:
            answer.close()
            return None
    return bytes(content)


def os_fault(error: Exception) -> str:
    """Return the operating system's text for an error, without addresses that change."""
    inner = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    text, number = getattr(inner, "strerror", None), getattr(inner, "errno", None)
    if text and "(" in text and number:
        # asyncio adds an address to some texts; the text for the errno is constant.
        text = os.strerror(number)
    return text.lower() if text and "(" not in text else type(inner).__name__


def tls_fault(error: Exception) -> str:
    """Return OpenSSL's text for a failed handshake."""
    inner = getattr(error, "certificate_error", None) or getattr(error, "os_error", error)
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {inner.verify_message}"
    return str(getattr(inner, "reason", None) or type(inner).__name__)
