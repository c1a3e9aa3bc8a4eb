"""ClientServer: creates a ClientConnection for each connection, with aiohttp's settings."""

import asyncio
from collections.abc import Callable
from typing import Any

from aiohttp.web_server import Server

from auditproxy.downstream.connection import ClientConnection
from auditproxy.downstream.facts import KnownCertificates
from auditproxy.downstream.shortloop import Take
from auditproxy.request.heads import MAXIMUM_HEAD, MAXIMUM_HEADERS

IDLE_TIMEOUT = 90.0
"""Seconds that a connection may be idle between requests."""


class ClientServer(Server):
    """Creates a ClientConnection for each accepted connection."""

    def __init__(
        self,
        handler: Any,
        *,
        on_unparsed: Callable[[int, str], None],
        take: Take | None = None,
    ) -> None:
        super().__init__(
            handler,
            handler_cancellation=True,
            keepalive_timeout=IDLE_TIMEOUT,
            tcp_keepalive=True,
            access_log=None,
            auto_decompress=False,
            max_line_size=MAXIMUM_HEAD,
            max_field_size=MAXIMUM_HEAD,
            max_headers=MAXIMUM_HEADERS,
        )
        self.on_unparsed = on_unparsed
        self._take = take
        self._leaves = False
        self.certificates = KnownCertificates()

    def __call__(
        self, *, on_lost: Callable[[], None] | None = None, told_address: str = ""
    ) -> ClientConnection:
        """Create the protocol of one new connection."""
        connection = ClientConnection(
            self,
            loop=self._loop,
            on_unparsed=self.on_unparsed,
            take=self._take,
            certificates=self.certificates,
            on_lost=on_lost,
            told_address=told_address,
            **self._kwargs,
        )
        connection.is_last = self._leaves
        return connection

    def connection_made(self, handler: Any, transport: asyncio.Transport) -> None:
        """Register a connection; its protocol was created before its handshake, maybe long ago."""
        super().connection_made(handler, transport)
        if self._leaves:
            handler.is_last = True

    def leave(self) -> None:
        """Have each connection end with its next answer, which says so."""
        self._leaves = True
        for connection in self.connections:
            connection.is_last = True  # type: ignore[attr-defined]
