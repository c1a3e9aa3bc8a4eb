"""Upgrades of tests: an exec by SPDY, and an upstream that switches."""

from typing import Any

from auditproxy.upstream.messages import UpstreamRequest
from tests.fakes.certificates import Contexts
from tests.fakes.pools import request
from tests.fakes.upstream import FakeConnection, Script

SWITCH_SPDY = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n"
)


def over(contexts: Contexts, transport: str) -> Contexts | None:
    """The contexts when the test runs over TLS."""
    return contexts if transport == "tls" else None


def spdy(**fields: Any) -> UpstreamRequest:
    """An exec by SPDY."""
    return request(**{"method": b"POST", "upgrade": b"SPDY/3.1", **fields})


def switching(reply: bytes = SWITCH_SPDY) -> Script:
    """An upstream that answers every upgrade so."""

    async def script(connection: FakeConnection) -> None:
        await connection.read_request()
        connection.send(reply)

    return script
