"""ClientSession for all of our own requests: webhooks, discovery, key sets.

Answers cannot influence later requests: cookies are not kept, proxies of the environment are
not used, and compression is not decoded automatically. The caller bounds the time. Redirects
are disabled per request, because a session has no setting for them.
"""

import ssl

import aiohttp


def new_session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    """Return a session on the connector; must be called inside a running event loop."""
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        auto_decompress=False,
        trust_env=False,
    )


def os_fault(error: Exception) -> str:
    """Return the operating system's text for an error, without addresses that change."""
    inner = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    text = getattr(inner, "strerror", None)
    # asyncio adds an address to some texts; the text for the errno is constant.
    return text.lower() if text and "(" not in text else type(inner).__name__


def tls_fault(error: Exception) -> str:
    """Return OpenSSL's text for a failed handshake."""
    inner = getattr(error, "certificate_error", None) or getattr(error, "os_error", error)
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {inner.verify_message}"
    return str(getattr(inner, "reason", None) or type(inner).__name__)
