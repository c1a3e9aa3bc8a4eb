"""NatsClient: the library's client, for one connection to one server.

The names with an underscore are not part of the library's public interface, so it is pinned to one
minor version, and the tests fail when they change.
"""

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import ParseResult

import nats.errors
from nats.aio.client import Client, Srv
from nats.aio.transport import TcpTransport

from auditproxy.clients.receivers.natstarget import NatsCredentials, NatsTarget
from auditproxy.clients.receivers.nkey import UserKey
from auditproxy.clients.receivers.receiver import MAXIMUM_ANSWER

CONNECT_TIMEOUT = 3
"""Seconds of each step of connecting to one server; then the next server is tried."""

_PING_INTERVAL = 20

# The library logs what servers write, with tracebacks. All that matters comes as an exception.
logging.getLogger("nats").addHandler(logging.NullHandler())
logging.getLogger("nats").propagate = False


class NotEncrypted(nats.errors.Error):
    """TLS is required and the server does not support it."""


class NatsClient(Client):
    """The library's client with three things that it lacks.

    What a server may send is bounded. TLS that is required is required: a server, or who answers
    for it, could otherwise leave it out and read our credentials. And it can end at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.received = 0
        self._login_nkey = ""
        self._must_encrypt = False
        self._socket = _CountingTransport(self)

    async def log_in(
        self,
        place: str,
        host: str,
        target: NatsTarget,
        failed: Callable[[Exception], Awaitable[None]],
        closed: Callable[[], Awaitable[None]],
    ) -> None:
        """Connect to one server, once; raises what the library does.

        ``failed`` gets the faults that end no call; ``closed`` is called when the connection ends.
        """
        self._must_encrypt = target.ssl_context is not None
        await self.connect(
            servers=[place],
            name="auditproxy",
            allow_reconnect=False,
            max_reconnect_attempts=1,
            connect_timeout=CONNECT_TIMEOUT,
            ping_interval=_PING_INTERVAL,
            # What waits to be written is bounded by who publishes. With a bound of the library's
            # own, a publish waits in a way that takes no cancellation.
            pending_size=0,
            error_cb=failed,
            closed_cb=closed,
            tls=target.ssl_context,
            tls_hostname=host,
            **self._login(target.credentials),
        )

    def _login(self, credentials: NatsCredentials) -> dict[str, Any]:
        """What the library needs to log in."""
        if credentials.seed:
            key = UserKey(credentials.seed)
            self._login_nkey = key.public
            login: dict[str, Any] = {"signature_cb": key.sign}
            if credentials.jwt:
                login["user_jwt_cb"] = lambda: bytearray(credentials.jwt.encode())
            return login
        if credentials.token:
            return {"token": credentials.token}
        return {"user": credentials.user or None, "password": credentials.password or None}

    async def _connect_to_server(self, server: Srv) -> None:
        self._transport = self._socket
        if self._login_nkey:
            self._public_nkey = self._login_nkey
        await self._socket.connect(server.uri, 32768, CONNECT_TIMEOUT)

    async def _select_next_server(self) -> None:
        # One server, once: the library would wait and try again.
        server = self._current_server = self._server_pool[0]
        await self._connect_to_server(server)

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        if initial_connection and self._must_encrypt and not info.get("tls_required"):
            raise NotEncrypted
        # Only servers from the configuration are used.
        info.pop("connect_urls", None)
        await super()._process_info(info, initial_connection)

    def abort(self) -> None:
        """End the connection without another word."""
        self._socket.abort()


class _SecuredProtocol(asyncio.StreamReaderProtocol):
    """One whose transport ends with its peer's last byte, as TLS does."""

    def eof_received(self) -> bool:
        super().eof_received()
        return False


class _CountingTransport(TcpTransport):
    """Counts what comes, and gives up on a server that sends too much."""

    def __init__(self, client: NatsClient) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._client = client

    async def connect_tls(
        self,
        uri: str | ParseResult,
        ssl_context: ssl.SSLContext,
        buffer_size: int,
        connect_timeout: int,
    ) -> None:
        """Speak TLS from now on, with the host ``uri``; the library's own warns at each end."""
        assert self._io_writer is not None
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=buffer_size)
        protocol = _SecuredProtocol(reader)
        async with asyncio.timeout(connect_timeout):
            transport = await loop.start_tls(
                self._io_writer.transport,
                protocol,
                ssl_context,
                server_hostname=str(uri),
                ssl_handshake_timeout=connect_timeout,
            )
        assert transport is not None
        self._io_reader = reader
        self._io_writer = asyncio.StreamWriter(transport, protocol, reader, loop)

    async def read(self, buffer_size: int) -> bytes:
        block: bytes = await super().read(buffer_size)
        self._client.received += len(block)
        if self._client.received > MAXIMUM_ANSWER:
            raise ConnectionAbortedError("too much")
        return block

    async def wait_closed(self) -> None:
        """Nothing that was sent is waited for here; a broken handshake would never end."""

    def abort(self) -> None:
        """End both layers of the connection."""
        for writer in (self._io_writer, self._bare_io_writer):
            if writer is not None:
                writer.transport.abort()
