"""ClientSession as every request of our own has it."""

import errno
import ssl

import aiohttp
from aiohttp import connector

from auditproxy.clients.session import LazySession, os_fault, tls_fault


async def test_what_the_other_side_cannot_do() -> None:
    """No cookies, no proxies of the environment, nothing unpacked."""
    lazy = LazySession(lambda: aiohttp.TCPConnector(limit=1))
    session = lazy.open()
    try:
        assert isinstance(session.cookie_jar, aiohttp.DummyCookieJar)
        assert not session.trust_env
        assert not session.auto_decompress
        assert session.timeout.total is None
        assert lazy.open() is session
    finally:
        await lazy.close()
    assert session.closed


def test_faults_without_addresses() -> None:
    """The same fault has the same text each time."""
    assert os_fault(OSError(errno.ECONNREFUSED, "Connection refused")) == "connection refused"
    changing = OSError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 1)")
    assert os_fault(changing) == "connection refused"
    assert os_fault(aiohttp.ServerDisconnectedError()) == "ServerDisconnectedError"


def test_faults_of_handshakes() -> None:
    """OpenSSL's reason, or the kind of the error where it gives none."""
    error = ssl.SSLError(1, "text")
    error.reason = "WRONG_VERSION_NUMBER"
    assert tls_fault(error) == "WRONG_VERSION_NUMBER"
    assert tls_fault(ValueError("canary")) == "ValueError"


async def test_never_opened() -> None:
    """What never asked has nothing to close."""
    await LazySession(lambda: aiohttp.TCPConnector(limit=1)).close()


def test_the_context_of_a_session_that_brings_none() -> None:
    """aiohttp's own context has no authorities: it costs no memory, and trusts nobody."""
    context = connector._SSL_CONTEXT_VERIFIED
    assert context.cert_store_stats()["x509_ca"] == 0
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
