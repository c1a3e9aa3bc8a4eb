"""HttpsFetcher: one small document from an issuer, and nothing that an issuer could do with us.

    GET --200, whole, at most 1 MiB, not packed, within the time--> Fetched
     |--anything else--> FetchError

Redirects are not followed, cookies not kept, proxies of the environment not used; only
https is used. The authority is the issuer's own where the configuration names one, else
the system's. What an issuer answers never shows in an error's text.
"""

import asyncio
import re
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
import yarl

from auditproxy import __version__
from auditproxy.clients.session import new_session, os_fault, tls_fault

TIMEOUT = 10.0
"""Seconds of one fetch, from resolving the name to the end of the answer."""

LARGEST_ANSWER = 1024 * 1024
"""Bytes of an answer from which on it is refused."""

_DIRECTIVE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?([0-9]{1,9})\"?", re.IGNORECASE)
_NOT_KEPT = re.compile(r"(?:^|[,\s])no-(?:cache|store)\b", re.IGNORECASE)


class FetchError(Exception):
    """A document could not be had; the text holds nothing of the answer."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document, and for how many seconds it may be kept; None: its server does not say."""

    body: bytes
    max_age: float | None = None


def refused_url(url: str) -> str | None:
    """Why a URL is not fetched, None for one that is."""
    try:
        parts = urlsplit(url)
        host, port, user = parts.hostname, parts.port, parts.username
    except ValueError:
        return "it is not a valid URL"
    if parts.scheme != "https":
        return "it is not https"
    if not host or port == 0 or not re.fullmatch(r"[!-~]+", url):
        return "it is not a URL with a host"
    return None if user is None else "it has user information"


class HttpsFetcher:
    """Fetches over connections that trust ``context``'s authorities, all in one loop."""

    def __init__(self, context: ssl.SSLContext, timeout: float = TIMEOUT) -> None:
        self._context = context
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def get(self, url: str) -> Fetched:
        """The document at ``url``; raises FetchError."""
        fault = refused_url(url)
        if fault is not None:
            raise FetchError(f"the URL is not fetched: {fault}")
        try:
            async with asyncio.timeout(self._timeout):
                return await self._get(url)
        except TimeoutError:
            raise FetchError(f"no complete answer within {self._timeout:g} seconds") from None
        except (aiohttp.ClientConnectorCertificateError, aiohttp.ClientSSLError) as error:
            raise FetchError(f"TLS: {tls_fault(error)}") from None
        except aiohttp.ClientConnectorError as error:
            raise FetchError(f"not reachable: {os_fault(error)}") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise FetchError(f"not an HTTP answer ({type(error).__name__})") from None

    async def _get(self, url: str) -> Fetched:
        async with self._open().get(
            yarl.URL(url, encoded=True),
            headers={
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "User-Agent": f"auditproxy/{__version__}",
            },
            allow_redirects=False,
        ) as answer:
            if answer.status != 200:
                redirect = "; redirects are not followed" if answer.status // 100 == 3 else ""
                raise FetchError(f"answered {answer.status}{redirect}")
            if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
                raise FetchError("the answer is compressed, which was not requested")
            if (answer.content_length or 0) > LARGEST_ANSWER:
                raise FetchError(f"the answer is larger than {LARGEST_ANSWER} bytes")
            body = await _read(answer)
            cache_control = ",".join(answer.headers.getall("Cache-Control", ()))
            return Fetched(body, max_age(cache_control))

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            # A fetch every few minutes: a connection kept open would be gone by then.
            self._session = new_session(
                aiohttp.TCPConnector(limit=4, ssl=self._context, force_close=True)
            )
        return self._session

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def max_age(cache_control: str) -> float | None:
    """The seconds for which an answer may be kept by its Cache-Control; None if it is silent."""
    if _NOT_KEPT.search(cache_control):
        return 0.0
    found = _DIRECTIVE.search(cache_control)
    return float(found.group(1)) if found is not None else None


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    """The whole body; raises FetchError for one that is too large, and leaves the rest unread."""
    blocks: list[bytes] = []
    size = 0
    async for block in answer.content.iter_any():
        size += len(block)
        if size > LARGEST_ANSWER:
            answer.close()
            raise FetchError(f"the answer is larger than {LARGEST_ANSWER} bytes")
        blocks.append(block)
    return b"".join(blocks)
