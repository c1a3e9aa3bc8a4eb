"""An upstream over TLS that ends its connection right behind its answer, as one in Go does.

asyncio's servers wait for the peer before they close TCP: the end never comes with the last bytes.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.fakes.certificates import Contexts
from tests.fakes.tlsstreams import TlsStream


class EndingUpstream:
    """Answers each connection's first request with ``answer``; an Endpoint."""

    def __init__(self, answer: bytes, contexts: Contexts, *, says_goodbye: bool) -> None:
        self.host = "127.0.0.1"
        self.port = 0
        self.server_name: str | None = "localhost"
        self.ended = asyncio.Event()
        """It has ended a connection."""
        self._serving, self.ssl_context = contexts
        self._answer = answer
        self._says_goodbye = says_goodbye

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        stream = TlsStream(reader, writer, self._serving)
        await stream.handshake()
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            request += await stream.readexactly(1)
        stream.write(self._answer)
        if self._says_goodbye:
            stream.say_goodbye()
        stream.close()
        await writer.wait_closed()
        self.ended.set()


@asynccontextmanager
async def ending_upstream(
    answer: bytes, contexts: Contexts, *, says_goodbye: bool
) -> AsyncIterator[EndingUpstream]:
    """One that runs; ``says_goodbye`` by a close_notify before the end."""
    upstream = EndingUpstream(answer, contexts, says_goodbye=says_goodbye)
    server = await asyncio.start_server(upstream.serve, upstream.host, 0)
    upstream.port = server.sockets[0].getsockname()[1]
    try:
        yield upstream
    finally:
        server.close()
        await server.wait_closed()
