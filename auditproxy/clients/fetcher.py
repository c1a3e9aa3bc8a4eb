"""HttpsFetcher: fetches one small document from an issuer, which is not trusted.

    GET --200, complete, at most 1 MiB, not compressed, in time--> Fetched
     |--anything else--> FetchError

Redirects are not followed, cookies are not kept, proxies of the environment are not used,
and only https is supported. The certificate authority is the configured one of the issuer,
otherwise the system's. Error texts contain nothing of the answer.
"""

import asyncio
import re
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
import yarl

from auditproxy import __version__
from auditproxy.clients.session import LazySession, os_fault, read_bounded, tls_fault

TIMEOUT = 10.0
"""Seconds of one fetch, from name resolution to the end of the answer."""

LARGEST_ANSWER = 1024 * 1024
"""Bytes; a larger answer is refused."""

_DIRECTIVE = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?([0-9]{1,9})\"?", re.IGNORECASE)
_NOT_KEPT = re.compile(r"(?:^|[,\s])no-(?:cache|store)\b", re.IGNORECASE)


class FetchError(Exception):
    """A document could not be fetched; the text contains nothing of the answer."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document, and for how many seconds it may be kept; None if its server does not say."""

    body: bytes
    max_age: float | None = None


def refused_url(url: str) -> str | None:
    """Return why a URL must not be fetched, None if it may."""
    try:
        parts = urlsplit(url)
        host, port, user = parts.hostname, parts.port, parts.username
    except ValueError:
        return "it is not a valid URL"
    if parts.scheme != "https":
        return "it is not https"
    if not host or port == 0 or not re.fullmatch(r"[!-~]+", url):
        return "it is not a valid URL with a host"
    return None if user is None else "it has user information"


class HttpsFetcher:
    """Fetches over connections that trust ``context``'s authorities, in one event loop."""

    def __init__(self, context: ssl.SSLContext, timeout: float = TIMEOUT) -> None:
        self._timeout = timeout
        # A fetch every few minutes: a connection kept open would be gone by then.
        self._session = LazySession(
            lambda: aiohttp.TCPConnector(limit=4, ssl=context, force_close=True)
        )

    async def get(self, url: str) -> Fetched:
        """Return the document at ``url``; raises FetchError."""
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
        async with self._session.open().get(
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
            body = await read_bounded(answer, LARGEST_ANSWER)
            if body is None:
                raise FetchError(f"the answer is larger than {LARGEST_ANSWER} bytes")
            cache_control = ",".join(answer.headers.getall("Cache-Control", ()))
            return Fetched(body, max_age(cache_control))

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()


def max_age(cache_control: str) -> float | None:
    """Return the seconds that Cache-Control allows an answer to be kept; None if unspecified."""
    if _NOT_KEPT.search(cache_control):
        return 0.0
    found = _DIRECTIVE.search(cache_control)
    return float(found.group(1)) if found is not None else None
