"""LazySession: an HTTP session as every request of our own has it: webhooks, discovery, key sets.

Nothing that the other side answers changes what we do next: no cookies are kept, no
proxy of the environment is used, nothing is unpacked unasked, and whoever asks bounds the
time. Redirects are refused with each request, since a session has no setting for them.
"""

import ssl
from collections.abc import Callable

import aiohttp


class LazySession:
    """A session that is made in the loop that first asks; ``connector`` makes its connections."""

    def __init__(self, connector: Callable[[], aiohttp.TCPConnector]) -> None:
        self._connector = connector
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> aiohttp.ClientSession:
        """The session, within a running event loop."""
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
    """The body as it was sent; None for one of more than ``limit`` bytes, where we hang up."""
    content = bytearray()
    async for block in answer.content.iter_any():
        content += block
        if len(content) > limit:
            answer.close()
            return None
    return bytes(content)


def os_fault(error: Exception) -> str:
    """An operating system's words for a fault, without addresses that change."""
    inner = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    text = getattr(inner, "strerror", None)
    # asyncio writes an address into some texts; the number says the same each time.
    return text.lower() if text and "(" not in text else type(inner).__name__


def tls_fault(error: Exception) -> str:
    """OpenSSL's words for a fault of the handshake."""
    inner = getattr(error, "certificate_error", None) or getattr(error, "os_error", error)
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {inner.verify_message}"
    return str(getattr(inner, "reason", None) or type(inner).__name__)
