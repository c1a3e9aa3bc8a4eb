"""ClientSession as every request of our own has it: webhooks, discovery, key sets.

Nothing that the other side answers changes what we do next: no cookies are kept, no
proxy of the environment is used, nothing is decompressed automatically, and callers set
the time limit. Redirects are refused with each request, since a session has no setting
for them.
"""

import ssl

import aiohttp


def new_session(connector: aiohttp.TCPConnector) -> aiohttp.ClientSession:
    """A session over the connector's connections, inside a running event loop."""
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        auto_decompress=False,
        trust_env=False,
    )


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
