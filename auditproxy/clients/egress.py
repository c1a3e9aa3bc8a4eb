"""Egress: connections through a proxy by HTTP CONNECT, as kube-apiserver's egress selector does.

    dial -> connect, TLS -> CONNECT host:port -> 200 and nothing more: a connection to host:port
                                              -> anything else: EgressError

Names are resolved by the proxy. What a proxy answers is read up to a limit and never shown, but for
its code (apiserver server/egressselector/egress_selector.go). The caller bounds the time.
"""

import asyncio
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

from auditproxy.clients.session import os_fault, tls_fault

MAXIMUM_CONNECT_ANSWER = 64 * 1024
"""Bytes of a proxy's answer to CONNECT."""

_ANSWER = re.compile(rb"HTTP/1\.[01] ([0-9]{3})(?: [^\r\n]*)?\r\n(?:[^\r\n:]+:[^\r\n]*\r\n)*\r\n")


class EgressError(Exception):
    """A proxy did not open a connection; the text holds nothing that it said but a code."""


@dataclass(frozen=True, slots=True)
class Egress:
    """A proxy that connections go through; ``place`` is how operators know it.

    It listens on ``udsname``, a Unix socket, or else on ``host`` and ``port``; there with TLS if
    there is an ``ssl_context``, under ``server_name`` or, where that is "", its host.
    """

    place: str
    host: str = ""
    port: int = 0
    udsname: str = ""
    ssl_context: ssl.SSLContext | None = field(default=None, repr=False)
    server_name: str = ""

    async def dial(self, address: str) -> asyncio.Transport:
        """Return a connection to ``host:port`` on which nothing was read yet.

        It is paused, and has no protocol. Raises EgressError.
        """
        connecting = _Connecting(asyncio.get_running_loop().create_future())
        transport = await self._connected(lambda: connecting)
        try:
            transport.write(f"CONNECT {address} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            code = await connecting.answered
            if code != 200:
                raise EgressError(f"answered {code} to CONNECT")
        except EgressError as error:
            transport.abort()
            raise EgressError(f"the egress proxy {self.place} {error}") from None
        except BaseException:
            # The attempt's time is over.
            transport.abort()
            raise
        return transport

    async def _connected(self, protocol: Callable[[], "_Connecting"]) -> asyncio.Transport:
        """Connect to the proxy; raises EgressError."""
        loop, context = asyncio.get_running_loop(), self.ssl_context
        try:
            if self.udsname:
                return (await loop.create_unix_connection(protocol, self.udsname))[0]
            name = (self.server_name or self.host) if context is not None else None
            opened = loop.create_connection(
                protocol, self.host, self.port, ssl=context, server_hostname=name
            )
            return (await opened)[0]
        except ssl.SSLError as error:
            why = f"TLS: {tls_fault(error)}"
        except OSError as error:
            why = f"cannot be reached: {os_fault(error)}"
        raise EgressError(f"the egress proxy {self.place}: {why}")


class _Connecting(asyncio.Protocol):
    """Reads what a proxy answers to CONNECT; ``answered`` is its code."""

    def __init__(self, answered: "asyncio.Future[int]") -> None:
        self.answered = answered
        self._transport: asyncio.Transport | None = None
        self._head = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._head += data
        end = self._head.find(b"\r\n\r\n") + 4
        if end < 4:
            if len(self._head) > MAXIMUM_CONNECT_ANSWER:
                self._over("sent an answer to CONNECT that does not end")
            return
        # What comes next belongs to another protocol.
        if self._transport is not None:
            self._transport.pause_reading()
        answer = _ANSWER.fullmatch(self._head[:end])
        if answer is None:
            self._over("sent something else than an HTTP answer to CONNECT")
        elif len(self._head) > end and int(answer[1]) == 200:
            # It would be taken for the receiver's.
            self._over("sent more than the head of an answer to CONNECT")
        elif not self.answered.done():
            self.answered.set_result(int(answer[1]))

    def connection_lost(self, exc: Exception | None) -> None:
        self._over("closed the connection without an answer to CONNECT")

    def _over(self, why: str) -> None:
        if not self.answered.done():
            self.answered.set_exception(EgressError(why))


class EgressConnector(aiohttp.TCPConnector):
    """aiohttp's connector, whose connections all go through an egress proxy."""

    def __init__(self, egress: Egress, **settings: Any) -> None:
        super().__init__(**settings)
        self._egress = egress

    async def _create_direct_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: Any,
        timeout: aiohttp.ClientTimeout,
        *,
        client_error: type[Exception] = aiohttp.ClientConnectorError,
    ) -> Any:
        """Open a connection; also one to an HTTP proxy that the request itself goes through."""
        host = req.url.raw_host or ""
        host = f"[{host}]" if ":" in host else host
        transport = await self._egress.dial(f"{host}:{req.port}")
        if req.is_ssl():
            return await self._start_tls_connection(
                transport, req=req, timeout=timeout, client_error=client_error
            )
        protocol: ResponseHandler = self._factory()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        transport.resume_reading()
        return transport, protocol
